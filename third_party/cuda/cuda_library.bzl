"""cuda_library: kernels for the device, and the same sources for the emulator of tests."""

load("@cuda//:defs.bzl", "HAVE_CUDA", "NVCC")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

# Machine code for A100 and H100, and PTX from which drivers make it for what comes later.
_ARCHITECTURES = [
    "arch=compute_80,code=sm_80",
    "arch=compute_90,code=[sm_90,compute_90]",
]

def _nvcc_library_impl(ctx):
    infos = [dep[CcInfo] for dep in ctx.attr.deps]
    context = cc_common.merge_cc_infos(cc_infos = infos).compilation_context
    objects, reports = [], []
    for src in ctx.files.srcs:
        object = ctx.actions.declare_file("{}.o".format(src.basename))
        report = ctx.actions.declare_file("{}.ptxas.txt".format(src.basename))
        args = ctx.actions.args()
        args.add_all(["-x", "cu", "-ccbin", "/usr/bin/g++", "-std=c++17", "-O3", "-lineinfo", "-Xptxas", "-v"])
        args.add_all(_ARCHITECTURES, before_each = "-gencode")
        args.add_all(["-Xcompiler", "-fPIC,-fvisibility=hidden,-Wall", "-Werror", "all-warnings", "-I."])
        args.add_all(context.system_includes, before_each = "-isystem")
        args.add_all(context.includes, before_each = "-I")
        args.add_all(["-c", src, "-o", object])
        ctx.actions.run_shell(
            command = 'nvcc=$1; shift; "$nvcc" "$@" 2>{report} || {{ cat {report} >&2; exit 1; }}'.format(report = report.path),
            arguments = [NVCC, args],
            inputs = depset(ctx.files.srcs + ctx.files.hdrs, transitive = [context.headers]),
            outputs = [object, report],
            use_default_shell_env = True,  # PATH, for g++ behind nvcc
            mnemonic = "Nvcc",
            progress_message = "Compiling %s for the device" % src.short_path,
        )
        objects.append(object)
        reports.append(report)
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(ctx = ctx, cc_toolchain = toolchain, requested_features = ctx.features, unsupported_features = ctx.disabled_features)
    linking, _ = cc_common.create_linking_context_from_compilation_outputs(
        actions = ctx.actions,
        name = ctx.label.name,
        feature_configuration = features,
        cc_toolchain = toolchain,
        compilation_outputs = cc_common.create_compilation_outputs(objects = depset(objects), pic_objects = depset(objects)),
        disallow_dynamic_library = True,
    )
    own = CcInfo(compilation_context = cc_common.create_compilation_context(headers = depset(ctx.files.hdrs)), linking_context = linking)
    return [
        DefaultInfo(files = depset(objects)),
        OutputGroupInfo(ptxas = depset(reports)),
        cc_common.merge_cc_infos(direct_cc_infos = [own], cc_infos = infos),
    ]

_nvcc_library = rule(
    implementation = _nvcc_library_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "hdrs": attr.label_list(allow_files = [".h"]),
        "srcs": attr.label_list(allow_files = [".cu.cc"]),
        "_cc_toolchain": attr.label(default = Label("@bazel_tools//tools/cpp:current_cc_toolchain")),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

# What makes loads, stores, alignments and array bounds visible to tests/simt. The compiler's
# own thread sanitizer is never linked.
EMULATION_COPTS = [
    "-O1",
    "-g",
    "-fsanitize=thread,alignment,bounds",
    "-Wno-unknown-pragmas",  # unroll
]

def cuda_library(name, srcs, hdrs, deps = [], visibility = None):
    """Kernels and the functions that launch them.

    NAME is compiled by nvcc (nothing where there is no toolkit: HAVE_CUDA), NAME_emulated by
    the C++ compiler for tests/simt. A binary links one of the two.
    """
    native.cc_library(
        name = name + "_emulated",
        testonly = True,
        srcs = srcs,
        hdrs = hdrs,
        copts = EMULATION_COPTS,
        deps = deps + ["//tests/simt"],
        alwayslink = True,
        visibility = visibility,
    )
    if HAVE_CUDA:
        _nvcc_library(name = name, srcs = srcs, hdrs = hdrs, deps = deps + ["@cuda//:headers"], visibility = visibility)
        native.filegroup(name = name + "_ptxas", srcs = [name], output_group = "ptxas", visibility = visibility)
