"""A library of operators that a new operator does not recompile."""

def _link_only_impl(ctx):
    merged = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    return [CcInfo(linking_context = merged.linking_context)]

# Passes on the objects of its deps and none of their headers.
_link_only = rule(
    implementation = _link_only_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
)

def op_library(name, ops, deps, shared = []):
    """Library `name` of this folder's operators, and `name`_list with <name>_list.inc.

    The list is what the tables of operators and kernels include: a line OP(Name) for each
    operator. The including file defines OP first and undefines it afterwards.

    Args:
      name: the folder's name.
      ops: a dict of stems and names. Nobody but <stem>.cc includes <stem>.h, unless the stem is
        shared: a header of //ops that came new would recompile every file that depends on //ops.
      deps: what the operators' files include.
      shared: the stems of the headers that kernels, nets and other operators include.
    """
    native.genrule(
        name = name + "_list_inc",
        outs = [name + "_list.inc"],
        cmd = "printf 'OP(%s)\\n' " + " ".join(ops.values()) + " > $@",
    )
    native.cc_library(
        name = name + "_list",
        textual_hdrs = [name + "_list.inc"],
    )
    native.cc_library(
        name = "shared",
        srcs = native.glob([stem + ".cc" for stem in shared]),
        hdrs = [stem + ".h" for stem in shared],
        visibility = ["//visibility:private"],
        deps = deps,
    )
    alone = [stem for stem in ops if stem not in shared]
    for stem in alone:
        native.cc_library(
            name = "_" + stem,
            srcs = [stem + ".cc"],
            hdrs = [stem + ".h"],
            visibility = ["//visibility:private"],
            deps = deps + [":shared"],
        )
    _link_only(
        name = "alone",
        visibility = ["//visibility:private"],
        deps = [":_" + stem for stem in alone],
    )
    native.cc_library(
        name = name,
        srcs = ["op_table.cc"],
        hdrs = ["op_table.h"],
        deps = deps + [
            ":alone",
            ":shared",
            ":" + name + "_list",
        ],
    )
