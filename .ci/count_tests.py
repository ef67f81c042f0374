"""Counts the test cases of one `bazel test` run from its build events.

usage: count_tests.py EVENTS.json EXIT_CODE    prints "PASSED FAILED"

Every target that ran has a test.xml (GoogleTest writes its own). A target without
readable cases, and a run that failed without any failed case, count as one failure.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def cases(path):
    """(passed, failed) of one test.xml; skipped cases are neither."""
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
    return passed, failed


def main():
    events_path, exit_code = sys.argv[1], int(sys.argv[2])
    passed = failed = 0
    try:
        with open(events_path, encoding="utf-8") as events:
            lines = events.readlines()
    except OSError:
        lines = []  # Bazel did not even start
    for line in lines:
        event = json.loads(line)
        if "testResult" not in event:
            continue
        outputs = event["testResult"].get("testActionOutput", [])
        paths = [o["uri"] for o in outputs if o["name"] == "test.xml"]
        ok, bad = 0, 0
        try:
            ok, bad = cases(urllib.parse.unquote(urllib.parse.urlparse(paths[0]).path))
        except (IndexError, OSError, ElementTree.ParseError):
            bad = 1
        if event["testResult"].get("status") != "PASSED" and bad == 0:
            bad = 1  # crashed after its last case, or timed out
        passed += ok
        failed += bad
    if exit_code != 0 and failed == 0:
        failed = 1  # did not build
    print(passed, failed)


main()
