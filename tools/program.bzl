"""How the programs of tools/ are linked."""

def program(name, srcs, deps):
    """A program that tests run and that the download holds (//tools/dist)."""
    native.cc_binary(
        name = name,
        srcs = srcs,
        # RPATH instead of RUNPATH, so that it holds for what the libraries need, too.
        linkopts = ["-Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../../lib'"],
        visibility = [
            "//:tests",
            "//tools/dist:__pkg__",
        ],
        deps = deps,
    )
