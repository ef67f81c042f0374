"""The CUDA toolkit of this machine, or the fact that there is none."""

_WITH = """package(default_visibility = ["//visibility:public"])

cc_library(
    name = "headers",
    hdrs = glob(["include/**"]),
    includes = ["include"],  # -isystem: their warnings are not ours
)

# Into the backend's shared library alone.
cc_library(
    name = "libraries",
    srcs = ["lib64/libcudart_static.a"],
    linkopts = [
        "-L{home}/lib64",
        "-Wl,-rpath,{home}/lib64",
        "-lcublasLt",
        "-lcudnn",
        "-ldl",
        "-lrt",
        "-lpthread",
    ],
)
"""

_WITHOUT = """package(default_visibility = ["//visibility:public"])

cc_library(name = "headers")

cc_library(name = "libraries")
"""

def _cuda_repository_impl(ctx):
    home = ctx.os.environ.get("CUDA_HOME", "/usr/local/cuda")
    found = ctx.path(home + "/bin/nvcc").exists
    if found:
        ctx.symlink(home + "/include", "include")
        ctx.symlink(home + "/lib64", "lib64")
    ctx.file("BUILD.bazel", _WITH.replace("{home}", home) if found else _WITHOUT)
    ctx.file("defs.bzl", "HAVE_CUDA = {}\nNVCC = \"{}/bin/nvcc\"\n".format(found, home))

# $CUDA_HOME, by default /usr/local/cuda. A change of it is noticed; of what lies there, not.
cuda_repository = repository_rule(
    implementation = _cuda_repository_impl,
    environ = ["CUDA_HOME"],
    local = True,
)
