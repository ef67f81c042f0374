"""Tests of operators run a second time, on the emulated CUDA backend."""

def on_cuda(stems, deps):
    """<stem>_cuda_test of <stem>_test.cc for each stem; left out where there is no toolkit.

    Not for the sanitizers, whose hooks are the emulator's."""
    for stem in stems:
        native.cc_test(
            name = stem + "_cuda_test",
            size = "medium",
            srcs = [stem + "_test.cc"],
            deps = deps + ["//tests/harness:emulated_cuda"],
        )
