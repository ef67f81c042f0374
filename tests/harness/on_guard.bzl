"""Tests run a second time, on a device whose memory the host may not touch."""

def on_guard(tests, data = []):
    """<name>_guard_test for each <name>_test of the package (guard_device.h, OnTestDevice).

    `data` is what the tests read."""
    for test in tests:
        native.sh_test(
            name = test.replace("_test", "_guard_test"),
            size = "medium",
            srcs = ["//tests/harness:on_guard.sh"],
            args = ["$(location :" + test + ")"],
            data = [":" + test] + data,
            tags = ["cpu:2"],
            visibility = ["//:tests"],
        )
