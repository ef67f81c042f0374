"""Counts the test cases of runs of `bazel test` and names those that failed or were skipped.

usage: count_tests.py EXPECTED_SKIPS [NAME EVENTS.json EXIT_CODE]...

Each run has a name, its build events and its exit code. The last line is "N passed,
N failed, N skipped" over all runs; the exit code is 0 if none failed and every run did
what it should. Besides cases that fail, these count as one failure each:
  a target without readable cases, and one that did not pass without a case that failed
  (it crashed after its last case, or took too long);
  a run that did not exit with 0 without any failure (it did not build), or without targets;
  a case that was skipped or is disabled, and that no line of EXPECTED_SKIPS allows;
  a suite of which every case was skipped, unless a line allows all of it, as SUITE.*.
"""

import collections
import fnmatch
import json
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

Expected = collections.namedtuple("Expected", "condition target case")
Case = collections.namedtuple("Case", "target suite name result reason")  # name: SUITE.CASE


def read_expected(path):
    """The lines of EXPECTED_SKIPS, which says itself what they mean."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].split() for line in file]
    return [Expected(*words) for words in lines if words]


def cpu_flags():
    """What the processor has, by the system's own list."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE)
    return set(found.group(1).split()) if found else set()


def holds(condition, flags):
    """Whether this machine lacks what `condition` names."""
    if condition == "always":
        return True
    return not os.path.exists(condition) if condition.startswith("/") else condition not in flags


def read_cases(target, path):
    """The cases of one test.xml; GoogleTest's reasons begin with a line FILE:LINE."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        result, reason = "passed", ""
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result = "failed"
        elif skipped is not None:
            text = skipped.get("message") or skipped.text or "no reason given"
            result, reason = "skipped", " ".join(text.strip().split("\n")[-1].split())
        elif case.get("status") == "notrun":
            result, reason = "skipped", "disabled"
        suite, name = case.get("classname") or "", case.get("name")
        yield Case(target, suite, f"{suite}.{name}" if suite else name, result, reason)


def read_run(events_path, exit_code):
    """The cases of a run, and its failures that are no case's."""
    cases, failures = [], []
    try:
        with open(events_path, encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
    except (OSError, ValueError) as error:
        return [], [f"no events of Bazel: {error}"]
    results = [event for event in events if "testResult" in event]
    if not results:
        failures.append("no test ran")
    for event in results:
        target = event["id"]["testResult"]["label"]
        result = event["testResult"]
        outputs = result.get("testActionOutput", [])
        paths = [output["uri"] for output in outputs if output["name"] == "test.xml"]
        of_target = []
        try:
            path = urllib.parse.unquote(urllib.parse.urlparse(paths[0]).path)
            of_target = list(read_cases(target, path))
            if not of_target:
                failures.append(f"{target}: it has no test case")
        except (IndexError, OSError, ElementTree.ParseError):
            failures.append(f"{target}: no readable test.xml")
        if result.get("status") != "PASSED":
            if of_target and all(case.result != "failed" for case in of_target):
                failures.append(f"{target}: {result.get('status')}, though no case failed")
        cases += of_target
    if exit_code != 0 and not failures and all(case.result != "failed" for case in cases):
        failures.append(f"bazel test exited with {exit_code}, though no test failed")
    return cases, failures


def judge_skips(cases, expected, flags):
    """What of the skipped cases counts as a failure."""
    allowed = [line for line in expected if holds(line.condition, flags)]

    def allows(case, pattern_of_all=None):
        return any(
            fnmatch.fnmatchcase(case.target, line.target)
            and (pattern_of_all or line.case) == line.case
            and fnmatch.fnmatchcase(case.name, line.case)
            for line in allowed
        )

    failures, suites = [], collections.defaultdict(list)
    for case in cases:
        suites[case.target, case.suite].append(case)
        if case.result == "skipped" and not allows(case):
            failures.append(f"{case.target}: {case.name} may not be skipped here")
    for (target, suite), of_suite in suites.items():
        whole = f"{suite}.*"
        if all(c.result == "skipped" and allows(c) and not allows(c, whole) for c in of_suite):
            failures.append(f"{target}: all of {suite} was skipped, which no line {whole} allows")
    return failures


def summary(runs, expected, flags):
    """The lines to print of [(name, cases, failures)]; whether all is well."""
    lines, counts, total = [], [], collections.Counter()
    for name, cases, failures in runs:
        failures = failures + judge_skips(cases, expected, flags)
        for case in cases:
            if case.result != "passed":
                reason = f": {case.reason}" if case.reason else ""
                lines.append(f"{name}: {case.result} {case.target} {case.name}{reason}")
        lines += [f"{name}: failed {failure}" for failure in failures]
        count = collections.Counter(case.result for case in cases)
        count["failed"] += len(failures)
        total += count
        counts.append(f"{name}: {text(count)}")
    return lines + counts + [text(total)], total["failed"] == 0


def text(count):
    return ", ".join(f"{count[result]} {result}" for result in ("passed", "failed", "skipped"))


def main(arguments):
    expected = read_expected(arguments[0])
    triples = zip(arguments[1::3], arguments[2::3], arguments[3::3])
    runs = [(name, *read_run(events, int(code))) for name, events, code in triples]
    lines, good = summary(runs, expected, cpu_flags())
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
