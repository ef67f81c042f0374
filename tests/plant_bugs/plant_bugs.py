#!/usr/bin/env python3
"""Plants known bugs, one at a time, and says whether the tests find them.

  tests/plant_bugs/plant_bugs.py [--tree=DIR] [WORD...]   bugs whose name or file has a WORD; all
  tests/plant_bugs/plant_bugs.py --table                  docs/planted_bugs.md, from the lists

A bug is an entry of one of the lists, the .bzl files beside this:
  name   what is wrong
  file   where; `old` stands in it once, and becomes `new`
  test   the target that must fail
  by     what must fail it: the kind of a finding of tests/simt, "refused" (a call or a net that was
         to work), "numbers" (results, with no finding), or "text" (what a pass makes of a net)
  says   what the finding's line has, or else the test's log
  only   the tests of the target that are run; all, without it

The tree is a git worktree of the last commit, DIR or one in the folder for temporary files. It
stays for the next time, with what Bazel has built in it; `git worktree remove` deletes it. The exit
status is 0 if every bug was found as its line says.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
LISTS = ("barriers", "kernels", "streams", "host", "lowering")
BAZEL = ["bazel", "--host_jvm_args=-Xmx1200m"]
# Nothing of a wrong program goes into the cache that all clones share.
FLAGS = ["--noremote_upload_local_results", "--test_arg=--gtest_fail_fast", "--jobs=2",
         "--test_output=errors", "--noshow_progress", "--test_timeout=300,300,300,300"]
FINDINGS = ("out of bounds", "freed", "host memory", "uninitialized", "race", "stream race",
            "async copy", "misaligned", "divergence", "shuffle", "order", "launch", "limit")
KINDS = FINDINGS + ("refused", "numbers", "text")
HEADER = """# Planted bugs

What the tests of the CUDA backend find: {count} bugs, each of which was planted alone into the
sources, and found by the test and the message that its line names. The kinds of findings are those
of [tests/simt](../tests/simt/README.md); *numbers* are wrong results without a finding, *refused*
is a call or a net that was to work and does not, *text* is what a pass makes of a net.

    tests/plant_bugs/plant_bugs.py [WORD...]

plants them again, all or those whose name or file has a word, in a git worktree of the last commit.
All take a quarter of an hour of two cores, when the tree has been built. The lists are
`tests/plant_bugs/*.bzl`; `plant_bugs_test` checks that they fit the sources, and
`plant_bugs.py --table` writes this page."""
FINDING = re.compile(r"(?:^|[^\w ]|: )((?:%s): [\w(].*)" % "|".join(FINDINGS), re.MULTILINE)

TIMEOUT = re.compile(r"^TIMEOUT: |\bTIMEOUT in ", re.MULTILINE)
MARK = "planted_bugs"  # in Git's folder of a worktree that prepare() has made


def load(folder=FOLDER):
    """The bugs of each list, by the list's name: the files are Python, too."""
    lists = {}
    for name in LISTS:
        variables = {}
        with open(f"{folder}/{name}.bzl") as file:
            exec(file.read(), variables)  # pylint: disable=exec-used
        lists[name] = variables["BUGS"]
    return lists


def finding_of(log):
    """The first line of a test's log that is a finding of the emulator; "" if there is none."""
    found = FINDING.search(log)
    return found.group(1) if found else ""


def judge(bug, status, log):
    """Whether the bug was found as its line says, and by what; of Bazel's status and output."""
    if status == 0:
        return False, "NOT FOUND"
    if status != 3:
        return False, "not built"
    finding = finding_of(log)
    expected, says = bug["by"], bug.get("says", "")
    if finding:
        good = finding.startswith(expected + ": ") and says in finding
        return good, finding
    good = expected not in FINDINGS and says in log and not TIMEOUT.search(log)
    if expected == "numbers":  # which a crash has not
        good = good and "[  FAILED  ]" in log
    wrong = re.search(r"^.*(?:Failure|SIGSEGV|TIMEOUT|\*\*\* ).*\n?.*", log, re.MULTILINE)
    return good, f"{expected}: {says}" if good else (wrong.group(0) if wrong else log[-300:])


def git(*words, cwd=ROOT):
    run = subprocess.run(["git", *words], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout.strip()


def is_own(tree):
    """Whether prepare() has made the worktree, whose .git names Git's folder of it."""
    if os.path.realpath(tree) == os.path.realpath(ROOT) or not os.path.isfile(f"{tree}/.git"):
        return False
    with open(f"{tree}/.git") as file:
        return os.path.exists(file.read().partition("gitdir: ")[2].strip() + "/" + MARK)


def prepare(tree):
    """The last commit, in a worktree at `tree`, without what an interrupted run has planted."""
    commit = git("rev-parse", "HEAD")
    if not os.path.lexists(f"{tree}/.git"):
        git("worktree", "prune")
        git("worktree", "add", "--detach", tree, commit)
        with open(git("rev-parse", "--absolute-git-dir", cwd=tree) + "/" + MARK, "w"):
            pass
    elif not is_own(tree):
        sys.exit(f"plant_bugs: {tree} is no worktree of this script's, and would lose its changes")
    git("checkout", "--quiet", "--force", "--detach", commit, cwd=tree)


def plant(tree, bug):
    """Builds and runs the bug's test with the bug in the tree; Bazel's status, what it printed."""
    path = f"{tree}/{bug['file']}"
    with open(path) as file:
        text = file.read()
    if text.count(bug["old"]) != 1:
        raise ValueError(f"{bug['name']}: the old text is not once in {bug['file']}")
    flags = FLAGS + ([f"--test_filter={bug['only']}"] if "only" in bug else [])
    try:
        with open(path, "w") as file:
            file.write(text.replace(bug["old"], bug["new"]))
        run = subprocess.run([*BAZEL, "test", *flags, bug["test"]], cwd=tree, text=True,
                             errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    finally:
        with open(path, "w") as file:
            file.write(text)
    return run.returncode, run.stdout


def table(lists):
    """docs/planted_bugs.md."""
    lines = [HEADER.format(count=sum(len(bugs) for bugs in lists.values()))]
    for name, bugs in lists.items():
        lines += ["", f"## {name.capitalize()}", "", "| bug | in | found by | of |",
                  "| --- | --- | --- | --- |"]
        for bug in bugs:
            by = bug["by"] + (f": {bug['says']}" if "says" in bug else "")
            lines.append(f"| {bug['name']} | `{bug['file']}` | {by} | `{bug['test']}` |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    clone = hashlib.sha256(ROOT.encode()).hexdigest()[:12]
    parser.add_argument("--tree", type=os.path.abspath,
                        default=f"{tempfile.gettempdir()}/droppos_planted_bugs_{clone}")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("word", nargs="*")
    args = parser.parse_args()
    lists = load()
    if args.table:
        sys.stdout.write(table(lists))
        return 0
    bugs = [bug for bugs in lists.values() for bug in bugs
            if not args.word or any(w in bug["name"] or w in bug["file"] for w in args.word)]
    for word in args.word:
        if not any(word in bug["name"] or word in bug["file"] for bug in bugs):
            parser.error(f"no bug's name or file has '{word}'")
    prepare(args.tree)
    os.nice(10)
    found = 0
    for bug in bugs:
        begin = time.monotonic()
        good, what = judge(bug, *plant(args.tree, bug))
        found += good
        print(f"{'found' if good else '-----'} {time.monotonic() - begin:4.0f} s  {bug['name']} "
              f"({bug['file']})\n    {what}", flush=True)
    subprocess.run([*BAZEL, "shutdown"], cwd=args.tree, check=False)
    print(f"{found} of {len(bugs)} bugs were found as their lines say")
    return 0 if found == len(bugs) else 1


if __name__ == "__main__":
    sys.exit(main())
