"""How the programs of tools/ are linked."""

def program(name, srcs, deps):
    """A program that tests run and that the download holds (//tools/dist).

    <name>_main is what it is made of; //tests/tools/cuda links it with an emulated GPU."""
    native.cc_library(
        name = name + "_main",
        srcs = srcs,
        visibility = ["//:tests"],
        deps = deps,
    )
    native.cc_binary(
        name = name,
        # RPATH instead of RUNPATH, so that it holds for what the libraries need, too.
        linkopts = ["-Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../../lib'"],
        visibility = [
            "//:tests",
            "//tools/dist:__pkg__",
        ],
        deps = [":" + name + "_main"],
    )
