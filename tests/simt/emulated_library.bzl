"""Kernels as the C++ compiler sees them, for the emulator in this package.

The flags make loads, stores, alignments and array bounds visible: GCC calls a function at each,
and hooks.cc defines those functions. The compiler's own thread sanitizer is never linked. It cannot
meet the address sanitizer either, so no target with these flags has the tag `sanitize` or `tsan`,
and none that has it depends on one.
"""

EMULATED_COPTS = [
    "-O1",
    "-g",  # findings name source lines
    "-fsanitize=thread,alignment,bounds",
    "--param=tsan-instrument-func-entry-exit=0",
    "-Wno-unknown-pragmas",  # unroll
]

def emulated_library(name, srcs, hdrs = [], deps = [], **kwargs):
    """Kernels (.cu.cc) and the functions that launch them, on the emulated device."""
    native.cc_library(
        name = name,
        testonly = True,
        srcs = srcs,
        hdrs = hdrs,
        copts = EMULATED_COPTS,
        deps = deps + ["//tests/simt"],
        **kwargs
    )

def emulated_test(name, srcs, deps = [], **kwargs):
    """A test with kernels of its own."""
    native.cc_test(
        name = name,
        srcs = srcs,
        copts = EMULATED_COPTS,
        deps = deps + [
            "//tests/simt",
            "//third_party:gtest_main",
        ],
        **kwargs
    )
