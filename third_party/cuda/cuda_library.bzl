"""cuda_library: kernels for GPUs, and the same sources for the emulator of tests."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("@cuda//:defs.bzl", "NVCC")
load("//tests/simt:emulated_library.bzl", "emulated_library")

# Machine code for A100 and H100, and PTX, of which drivers make code for what came later.
_ARCHITECTURES = [
    "arch=compute_80,code=sm_80",
    "arch=compute_90,code=[sm_90,compute_90]",
]

_FLAGS = [
    "-x",
    "cu",
    "-std=c++17",
    "-O3",
    "-DNDEBUG",
    "-lineinfo",  # for profilers and compute-sanitizer; the code is the same
    "-Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wextra",
    "-Werror=all-warnings",
    "-Xptxas=-v",
]

# The same source gives the same bytes: nvcc would put names of temporary files into the object
# unless it is told a folder, and times into the report.
_COMPILE = """
nvcc=$1 report=$2 facts=$3; shift 3
mkdir -p "$report.tmp"
"$nvcc" --keep --keep-dir "$report.tmp" "$@" 2>"$report.tmp/log" || { cat "$report.tmp/log" >&2; exit 1; }
grep -v "Compile time" "$report.tmp/log" >"$report"
awk -f "$facts" "$report.tmp"/*.ptx >>"$report"
rm -r "$report.tmp"
"""

PtxasInfo = provider("What ptxas says of a library's kernels.", fields = {"reports": "A file a source."})

def _nvcc_library_impl(ctx):
    infos = [dep[CcInfo] for dep in ctx.attr.deps]
    own = cc_common.create_compilation_context(headers = depset(ctx.files.hdrs))
    context = cc_common.merge_cc_infos(
        direct_cc_infos = [CcInfo(compilation_context = own)],
        cc_infos = infos,
    ).compilation_context
    toolchain = find_cpp_toolchain(ctx)
    objects, reports = [], []
    for src in ctx.files.srcs:
        object = ctx.actions.declare_file("_nvcc/{}/{}.o".format(ctx.label.name, src.basename))
        report = ctx.actions.declare_file("_nvcc/{}/{}.ptxas.txt".format(ctx.label.name, src.basename))
        args = ctx.actions.args()
        args.add_all([NVCC, report, ctx.file._facts, "-ccbin", toolchain.compiler_executable])
        args.add_all(_FLAGS)
        args.add_all(_ARCHITECTURES, before_each = "-gencode")
        args.add_all(context.defines, before_each = "-D")
        args.add_all(context.quote_includes, before_each = "-I")
        args.add_all(context.includes, before_each = "-I")
        args.add_all(context.system_includes, before_each = "-isystem")
        args.add_all(["-c", src, "-o", object])
        ctx.actions.run_shell(
            command = _COMPILE,
            arguments = [args],
            # What was found stands for the toolkit: with another version all is compiled anew.
            inputs = depset([src, ctx.file._found, ctx.file._facts], transitive = [context.headers]),
            outputs = [object, report],
            use_default_shell_env = True,  # PATH, for what nvcc calls
            mnemonic = "Nvcc",
            progress_message = "Compiling %s for GPUs" % src.short_path,
        )
        objects.append(object)
        reports.append(report)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    linking, _ = cc_common.create_linking_context_from_compilation_outputs(
        actions = ctx.actions,
        name = ctx.label.name,
        feature_configuration = features,
        cc_toolchain = toolchain,
        compilation_outputs = cc_common.create_compilation_outputs(
            objects = depset(objects),
            pic_objects = depset(objects),
        ),
        disallow_dynamic_library = True,
    )
    return [
        DefaultInfo(files = depset(objects)),
        OutputGroupInfo(ptxas = depset(reports)),
        PtxasInfo(reports = reports),
        cc_common.merge_cc_infos(
            direct_cc_infos = [CcInfo(compilation_context = own, linking_context = linking)],
            cc_infos = infos,
        ),
    ]

_nvcc_library = rule(
    implementation = _nvcc_library_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "hdrs": attr.label_list(allow_files = [".h"]),
        "srcs": attr.label_list(allow_files = [".cu.cc"]),
        "_cc_toolchain": attr.label(default = Label("@bazel_tools//tools/cpp:current_cc_toolchain")),
        "_facts": attr.label(default = "//third_party/cuda:ptx_facts.awk", allow_single_file = True),
        "_found": attr.label(default = "@cuda//:found.txt", allow_single_file = True),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def cuda_library(name, srcs, hdrs = [], deps = [], visibility = None, testonly = False):
    """Kernels and the host functions that launch them, in CUDA C++ that both compilers take.

    Args:
      name: NAME is what nvcc makes of it, where @cuda has a toolkit. NAME_emulated is what the
        C++ compiler makes of it for tests/simt, for tests, and needs no toolkit. A program
        links one of the two.
      srcs: files .cu.cc.
      hdrs: their headers.
      deps: C++ libraries, as a rule //backends/cuda:device; no cuda_library.
      visibility: of both.
      testonly: of NAME.
    """
    _nvcc_library(
        name = name,
        testonly = testonly,
        srcs = srcs,
        hdrs = hdrs,
        target_compatible_with = ["@cuda//:available"],
        visibility = visibility,
        deps = deps,
    )
    emulated_library(
        name = name + "_emulated",
        srcs = srcs,
        hdrs = hdrs,
        visibility = visibility,
        deps = deps,
    )

def _ptxas_report_impl(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".txt")
    parts = [part for dep in ctx.attr.deps for part in dep[PtxasInfo].reports]
    args = ctx.actions.args()
    args.add(report)
    args.add_all(parts)
    ctx.actions.run_shell(
        command = "out=$1; shift; cat \"$@\" | c++filt >\"$out\"",
        arguments = [args],
        inputs = parts,
        outputs = [report],
        use_default_shell_env = True,
        mnemonic = "PtxasReport",
    )
    return [DefaultInfo(files = depset([report]), runfiles = ctx.runfiles([report]))]

# NAME.txt: registers, spills and shared memory of all kernels of `deps`, by architecture, as
# ptxas prints them, and what ptx_facts.awk adds, with the kernels' names as in C++.
_ptxas_report = rule(
    implementation = _ptxas_report_impl,
    attrs = {"deps": attr.label_list(mandatory = True, providers = [PtxasInfo])},
)

def ptxas_report(name, deps, **kwargs):
    _ptxas_report(
        name = name,
        target_compatible_with = ["@cuda//:available"],
        deps = deps,
        **kwargs
    )
