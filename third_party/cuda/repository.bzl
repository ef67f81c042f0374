"""@cuda: the CUDA toolkit of this machine, or the fact that there is none."""

def _cuda_toolkit_impl(ctx):
    result = ctx.execute(["bash", str(ctx.path(ctx.attr._find))])
    if result.return_code != 0:
        fail("third_party/cuda/find_toolkit.sh failed:\n" + result.stderr)
    found = {}
    for line in result.stdout.splitlines():
        name, _, value = line.partition("=")
        found[name] = value
    toolkit = found["toolkit"]
    with_cudnn = bool(toolkit and found["cudnn"] and found["frontend"])

    if toolkit:
        ctx.symlink(toolkit + "/include", "toolkit/include")
    if with_cudnn:
        # File by file, because their folders may be the system's, which stays last in the search.
        for name, folder in [("cudnn", found["cudnn"]), ("frontend", found["frontend"])]:
            for header in ctx.path(folder).readdir():
                if header.basename.startswith("cudnn"):
                    ctx.symlink(header, "{}/include/{}".format(name, header.basename))
    ctx.template("BUILD.bazel", ctx.attr._build_file, {
        "%{cudnn}": "cudnn_available" if with_cudnn else "cudnn_missing",
        "%{cudnn_libraries}": found["cudnn_libraries"],
        "%{libraries}": found["libraries"],
        "%{toolkit}": "available" if toolkit else "missing",
    })
    ctx.file("defs.bzl", "\n".join([
        "CUDA_AVAILABLE = %s" % bool(toolkit),
        "CUDNN_AVAILABLE = %s  # with its frontend" % with_cudnn,
        "NVCC = \"%s\"" % (toolkit + "/bin/nvcc" if toolkit else ""),
        "",
    ]))
    ctx.file("found.txt", result.stdout)

# Made anew when a variable changes, and by each new server of Bazel; `bazel sync --configure`
# does it at once (tools/setup.sh --cuda). @cuda//:found.txt says what was found where.
cuda_toolkit = repository_rule(
    implementation = _cuda_toolkit_impl,
    attrs = {
        "_build_file": attr.label(default = "//third_party/cuda:toolkit.BUILD"),
        "_find": attr.label(default = "//third_party/cuda:find_toolkit.sh"),
    },
    configure = True,
    environ = [
        "CUDA_HOME",
        "HOME",
    ],
    local = True,
)
