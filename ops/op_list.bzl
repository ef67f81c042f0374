"""What the tables of operators and kernels include."""

def op_list(name, ops):
    """<name>.inc: a line OP(Name) for each of `ops`, a dict of stems and names.

    The including file defines OP first and undefines it afterwards."""
    native.genrule(
        name = name + "_inc",
        outs = [name + ".inc"],
        cmd = "printf 'OP(%s)\\n' " + " ".join(ops.values()) + " > $@",
    )
    native.cc_library(
        name = name,
        textual_hdrs = [name + ".inc"],
    )
