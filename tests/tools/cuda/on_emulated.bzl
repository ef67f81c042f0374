"""Tests of programs run a second time, with an emulated GPU in the programs."""

_PROGRAMS = [
    "bench",
    "check_parity",
    "diff_nets",
    "evaluate",
    "extract_features",
    "finetune",
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

def on_emulated(test, cases, without = [], name = None, size = "medium", tags = []):
    """<stem>_cuda_test runs the package's <stem>_test on the emulated GPU.

    Args:
      test: a test that runs programs by run_program.h.
      cases: gtest's pattern of those to run.
      without: and of those that say nothing of a GPU.
      name: if not <stem>_cuda_test.
      size: of the new test.
      tags: of the new test.
    """
    patterns = ":".join(cases) + ("-" + ":".join(without) if without else "")
    native.sh_test(
        name = name or test.replace("_test", "_cuda_test"),
        size = size,
        srcs = ["//tests/tools/cuda:on_emulated.sh"],
        args = [
            "$(location :" + test + ")",
            "--gtest_filter=" + patterns,
        ],
        data = [
            ":" + test,
            "//tests/tools/cuda:programs",
        ],
        tags = ["cpu:2"] + tags,
    )

def emulated_long(name, tests):
    """Suite `name`: whole tests on the emulated GPU, which take minutes.

    `tests` maps each to its cases without a GPU's share."""
    for test, without in tests.items():
        on_emulated(
            test = test,
            cases = ["*"],
            without = without,
            name = test.replace("_test", "_cuda_long_test"),
            size = "large",
            tags = [
                "emulated_long",
                "manual",
            ],
        )
    native.test_suite(
        name = name,
        tags = ["manual"],
        tests = [":" + test.replace("_test", "_cuda_long_test") for test in tests],
    )
