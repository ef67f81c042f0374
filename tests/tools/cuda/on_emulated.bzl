"""Tests of programs run a second time, with an emulated GPU in the programs."""

_PROGRAMS = [
    "bench",
    "check_parity",
    "diff_nets",
    "evaluate",
    "extract_features",
    "predict_positions",
    "replay",
    "train",
]

def emulated_programs(name):
    """Each program that computes, as <program>; :name is all of them."""
    for program in _PROGRAMS:
        native.cc_binary(
            name = program,
            testonly = True,
            deps = [
                ":link_emulated",
                "//tools:%s_main" % program,
            ],
        )
    native.filegroup(
        name = name,
        testonly = True,
        srcs = [":" + program for program in _PROGRAMS],
    )

def on_emulated(name, test, cases = None, without = None):
    """Test <name> is the :<test> of the package on the emulated GPU.

    Args:
      name: of the new test.
      test: a test that runs programs by run_program.h.
      cases: a gtest filter of what takes seconds. Without it the test takes minutes, has the tags
        emulated_long and manual, and is run by `bazel test --test_tag_filters=emulated_long` over
        names, or by its name.
      without: cases that say nothing of a GPU.
    """
    filters = ":".join(cases or ["*"]) + ("-" + ":".join(without) if without else "")
    native.sh_test(
        name = name,
        size = "medium" if cases else "large",
        srcs = ["//tests/tools/cuda:on_emulated.sh"],
        args = [
            "$(location :" + test + ")",
            "--gtest_filter=" + filters,
        ],
        data = [
            ":" + test,
            "//tests/tools/cuda:programs",
        ],
        tags = ["cpu:2"] + ([] if cases else ["emulated_long", "manual"]),
    )
