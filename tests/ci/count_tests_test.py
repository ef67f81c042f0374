#!/usr/bin/env python3
"""What .ci/count_tests.py says of made-up runs of Bazel."""

import importlib.util
import io
import json
import os
import tempfile
import unittest
from contextlib import redirect_stdout

spec = importlib.util.spec_from_file_location("count_tests", ".ci/count_tests.py")
count_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(count_tests)

GOOD = '<testcase name="Adds" status="run" result="completed" classname="Sum" />'
BAD = '<testcase name="Carries" status="run" classname="Sum"><failure message="no" /></testcase>'
SKIPPED = (
    '<testcase name="Tiles" status="run" result="skipped" classname="Sum">'
    '<skipped message="tests/sum_test.cc:3&#x0A;no AMX"><![CDATA[x]]></skipped></testcase>'
)
DISABLED = '<testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Sum" />'
SHELL = '<testcase name="tests/run_test" status="run" duration="1" time="1"></testcase>'


class CountTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(self.folder.cleanup)
        self.targets = []

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)

    def target(self, *cases, status="PASSED", xml=True):
        """A target //t:N of the run that the next count is of."""
        name = f"a b{len(self.targets)}.xml"  # a name that its URI writes otherwise
        self.write(name, "<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>")
        uri = "file://" + self.path(name).replace(" ", "%20")
        self.targets.append(
            {
                "id": {"testResult": {"label": f"//t:{len(self.targets)}"}},
                "testResult": {
                    "status": status,
                    "testActionOutput": [{"name": "test.xml", "uri": uri}] if xml else [],
                },
            }
        )

    def count(self, exit_code=0, skips="", runs=1, events=None):
        """The lines printed and the exit code."""
        if events is None:
            events = "".join(json.dumps(event) + "\n" for event in [{"id": {}}] + self.targets)
        self.write("events.json", events)
        self.write("skips", skips)
        arguments = [self.path("skips")]
        for run in range(runs):
            arguments += [f"run{run}", self.path("events.json"), str(exit_code)]
        printed = io.StringIO()
        with redirect_stdout(printed):
            code = count_tests.main(arguments)
        return printed.getvalue().splitlines(), code

    def assert_red(self, said, **count):
        lines, code = self.count(**count)
        self.assertEqual(code, 1, lines)
        self.assertIn(said, "\n".join(lines))
        self.assertRegex(lines[-1], r"^\d+ passed, [1-9]\d* failed, \d+ skipped$")

    def test_cases_of_all_runs_are_counted(self):
        self.target(GOOD, GOOD)
        self.target(SHELL)
        lines, code = self.count(runs=2)
        each = "3 passed, 0 failed, 0 skipped"
        self.assertEqual(
            lines, [f"run0: {each}", f"run1: {each}", "6 passed, 0 failed, 0 skipped"]
        )
        self.assertEqual(code, 0)

    def test_a_failure_is_named(self):
        self.target(GOOD, BAD, status="FAILED")
        lines, code = self.count(exit_code=3)
        self.assertEqual(code, 1)
        self.assertEqual(lines[0], "run0: failed //t:0 Sum.Carries")
        self.assertEqual(lines[-1], "1 passed, 1 failed, 0 skipped")

    def test_an_expected_skip_is_named_with_its_reason(self):
        self.target(GOOD, SKIPPED)
        for condition in ("no_such_flag", "/no/such/file", "always"):
            lines, code = self.count(skips=f"# why\n{condition} //t:* Sum.T*  # and when\n")
            self.assertEqual(code, 0, lines)
            self.assertEqual(lines[0], "run0: skipped //t:0 Sum.Tiles: no AMX")
            self.assertEqual(lines[-1], "1 passed, 0 failed, 1 skipped")

    def test_a_skip_that_no_line_allows_fails(self):
        self.target(GOOD, SKIPPED)
        may_not = "//t:0: Sum.Tiles may not be skipped here"
        self.assert_red(may_not)
        self.assert_red(may_not, skips="always //t:1 Sum.Tiles\nalways //t:0 Sum.Adds\n")
        self.assert_red(may_not, skips="/proc/cpuinfo //t:0 Sum.Tiles\n")  # it is there
        flag = min(count_tests.cpu_flags())
        self.assert_red(may_not, skips=f"{flag} //t:0 Sum.Tiles\n")

    def test_a_disabled_case_is_a_skipped_one(self):
        self.target(GOOD, DISABLED)
        self.assert_red("Sum.DISABLED_Later: disabled")

    def test_a_suite_skipped_whole_needs_a_line_for_all_of_it(self):
        self.target(SKIPPED)
        self.assert_red("all of Sum was skipped", skips="always //t:0 Sum.Tiles\n")
        lines, code = self.count(skips="always //t:0 Sum.*\n")
        self.assertEqual(code, 0, lines)
        self.assertEqual(lines[-1], "0 passed, 0 failed, 1 skipped")

    def test_a_program_without_a_case_fails(self):
        self.target(GOOD)
        self.target()
        self.assert_red("//t:1: it has no test case")

    def test_a_program_without_readable_cases_fails(self):
        self.target(GOOD)
        self.target(xml=False)
        self.target("<testcase")
        self.assert_red("//t:1: no readable test.xml")
        self.assert_red("//t:2: no readable test.xml")

    def test_a_crash_after_the_last_case_fails(self):
        self.target(GOOD, status="TIMEOUT")
        self.assert_red("//t:0: TIMEOUT, though no case failed", exit_code=3)

    def test_a_run_that_did_not_build_fails(self):
        self.target(GOOD)
        self.assert_red("exited with 1, though no test failed", exit_code=1)

    def test_a_run_without_tests_or_events_fails(self):
        self.assert_red("no test ran")
        self.assert_red("no events of Bazel", events='{"id": ')
        self.assert_red("no events of Bazel", exit_code=1, events='{"id": ')

    def test_the_list_of_the_repository_is_readable(self):
        lines = count_tests.read_expected(".ci/expected_skips.txt")
        self.assertGreater(len(lines), 3)
        for line in lines:
            self.assertTrue(line.target.startswith("//tests/"), line)
            self.assertIn(".", line.case)


if __name__ == "__main__":
    unittest.main()
