"""Tests of operators run on the CUDA backend, too: emulated, and on a GPU."""

def on_cuda(stems, deps):
    """<stem>_cuda_test of <stem>_test.cc for each stem; left out where there is no toolkit.

    Not for the sanitizers, whose hooks are the emulator's. `on_cuda` is the same tests for
    //tests/gpu_suite, compiled once for both."""
    for stem in stems:
        native.cc_library(
            name = stem + "_on_cuda",
            testonly = True,
            srcs = [stem + "_test.cc"],
            alwayslink = True,
            deps = deps,
        )
        native.cc_test(
            name = stem + "_cuda_test",
            size = "medium",
            deps = [
                ":" + stem + "_on_cuda",
                "//tests/harness:emulated_cuda",
            ],
        )
    native.cc_library(
        name = "on_cuda",
        testonly = True,
        visibility = ["//tests/gpu_suite:__pkg__"],
        deps = [stem + "_on_cuda" for stem in stems],
    )
