#!/usr/bin/env python3
"""Tests the CUDA backend on the GPU of this machine, and records what the machine does.

suite   the tests of //tests/gpu_suite, a line each, in DIR/suite.json and DIR/suite.log
probe   facts about the chip and its libraries, in DIR/probe.json
Without a word, both, the probe first. --sanitizer also runs every tenth test of sections 1 and 3
(what kernels are written with, kernels, operators) under compute-sanitizer, where that is
installed. DIR is results. The suite's last line has the counts. The exit code is 0 if all passed,
1 if something failed, and 2, after one line that says why, where nothing can run.
"""

import argparse
import glob
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NO_GPU, CONTEXT_LOST = 2, 3  # tests/gpu_suite/gpu.h
# What the others rest on comes first; the numbers are those of the table in docs/gpu.md.
SECTIONS = [
    ("1", "what kernels are written with", ["tests/backends/cuda/device_test.cc"]),
    ("3", "kernels", ["tests/backends/cuda/%s_test.cc" % name for name in
                      ("layer_norm", "mask_sample", "attention", "product_kernel")]),
    ("3", "operators", ["tests/ops/", "tests/backends/cuda/ops_test.cc",
                        "tests/backends/cuda/droppos_test.cc"]),
    ("7", "captured steps", ["tests/backends/cuda/nets_test.cc"]),
    ("9", "whole nets", [""]),
]
SILENCE = 120  # seconds without a line after which a test counts as hanging
SANITIZED = ("1", "3")  # sections
SANITIZERS = ["memcheck", "racecheck", "initcheck"]
SANITIZER_LIMIT = 900  # seconds for the tests of one file under one tool
FOUND = 77  # what compute-sanitizer returns when it has found something


def cannot(why):
    print("run: " + why, file=sys.stderr)
    sys.exit(2)


def library_folders(name):
    """Where a library of NVIDIA's may lie: the system's places, a toolkit, PyTorch's wheels."""
    patterns = ["/usr/local/cuda*/lib64", "/usr/local/cuda*/targets/x86_64-linux/lib",
                "/usr/lib/x86_64-linux-gnu", "/usr/lib64"]
    if os.environ.get("CUDA_HOME"):
        patterns.insert(0, os.environ["CUDA_HOME"] + "/lib*")
    sites = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")] + sys.path
    for python in filter(None, map(shutil.which, ("python3", "python"))):
        sites += glob.glob(os.path.realpath(os.path.dirname(python)) +
                           "/../lib/python3*/site-packages")
    sites += glob.glob("/opt/*/.venv/lib/python3*/site-packages")
    sites += glob.glob("/opt/*/lib/python3*/site-packages")
    patterns += [site + "/nvidia/*/lib" for site in sites if site]
    folders = []
    for pattern in patterns:
        for folder in sorted(glob.glob(pattern)):
            if folder not in folders and os.path.exists(os.path.join(folder, name)):
                folders.append(folder)
    return folders


def environment():
    """This one, with the libraries of the package and of the machine."""
    given = [f for f in os.environ.get("LD_LIBRARY_PATH", "").split(":") if f]
    found = [] if any(os.path.exists(f + "/libcublasLt.so.13") for f in given) else (
        library_folders("libcublasLt.so.13")[:1])
    for name in ("libcudnn.so.9", "libnvrtc.so.13"):  # cuDNN compiles
        found += library_folders(name)[:1]
    folders = list(dict.fromkeys([HERE + "/lib"] + given + found))
    return dict(os.environ, LD_LIBRARY_PATH=":".join(folders))


class Suite:
    def __init__(self, program, env, out):
        self.program, self.env, self.out = program, env, out
        self.log = open(os.path.join(out, "suite.log"), "w", buffering=1, encoding="utf-8")
        self.start = time.time()
        self.cases = []  # of the results file
        self.said = ""  # by the last process, outside of tests that ended
        self.files = self.tests()

    def tests(self):
        """(section number, file, tests) in the order in which they run."""
        with tempfile.NamedTemporaryFile(suffix=".json") as listed:
            done = subprocess.run(
                [self.program, "--gtest_list_tests", "--gtest_output=json:" + listed.name],
                env=self.env, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                cannot("the suite does not start: " + " ".join(done.stdout.split()))
            suites = json.load(listed)["testsuites"]
        files = {}
        for suite in suites:
            for test in suite["testsuite"]:
                files.setdefault(test["file"], []).append(suite["name"] + "." + test["name"])
        result = []
        for number, title, places in SECTIONS:
            for place in places:
                for name in sorted(f for f in files if f.startswith(place)):
                    result.append((number, title, name, files.pop(name)))
        return result

    def record(self, number, name, result, seconds, text=""):
        print("%-4s  %s  %s  (%.2f s)" % (result, number, name, seconds), flush=True)
        if result == "FAIL":
            print("\n".join("      " + line for line in text.splitlines()[:20]), flush=True)
        self.cases.append({"section": number, "test": name, "result": result,
                           "seconds": round(seconds, 3), "text": text if result != "pass" else ""})

    def write(self):
        """The results so far, for whoever ends this program; returns their counts."""
        count = {result: sum(case["result"] == result for case in self.cases)
                 for result in ("pass", "FAIL", "skip")}
        path = os.path.join(self.out, "suite.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump({"passed": count["pass"], "failed": count["FAIL"], "skipped": count["skip"],
                       "seconds": round(time.time() - self.start, 1), "cases": self.cases},
                      file, indent=1)
        os.replace(path + ".part", path)
        return count

    def run_file(self, number, tests):
        """Each test once, in as many processes as it takes when some end them."""
        left = list(tests)
        while left:
            before = len(left)
            code = self.run_process(number, left)
            if code == NO_GPU:
                return code
            if len(left) == before:  # it ended before its first test
                self.record(number, left.pop(0), "FAIL", 0.0, "the process ended with %d" % code)
        return 0

    def run_process(self, number, left):
        """Runs the tests `left` and takes out those that had a result, or ended the process."""
        child = subprocess.Popen([self.program, "--gtest_filter=" + ":".join(left)], env=self.env,
                                 cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        running, text, start, pending = None, [], time.time(), b""
        hanging = False
        while True:
            if not select.select([child.stdout], [], [], SILENCE)[0]:
                hanging = True
                child.kill()
            piece = os.read(child.stdout.fileno(), 1 << 16)
            lines = (pending + piece).split(b"\n")
            pending = lines.pop() if piece else b""
            for line in (raw.decode("utf-8", "replace") for raw in lines):
                self.log.write(line + "\n")
                begun = re.match(r"\[ RUN      \] (\S+)", line)
                ended = re.match(r"\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+).*\((\d+) ms\)$", line)
                if begun:
                    running, text, start = begun.group(1), [], time.time()
                elif ended and ended.group(2) == running:
                    result = {"OK": "pass", "FAILED": "FAIL", "SKIPPED": "skip"}[ended.group(1)]
                    self.record(number, running, result, int(ended.group(3)) / 1000,
                                "\n".join(text))
                    left.remove(running)
                    running = None
                else:
                    text.append(line)
            if not piece:
                break
        code = child.wait()
        self.said = "\n".join(text)
        # GoogleTest has named the next test before suite_main.cc leaves a lost context.
        if running and (hanging or code != CONTEXT_LOST):
            why = "no line for %d s: killed" % SILENCE if hanging else (
                "ended the process with %d" % code)
            self.record(number, running, "FAIL", time.time() - start, "\n".join(text + [why]))
            left.remove(running)
        return code

    def sanitize(self):
        """Every tenth test of SANITIZED under each tool; what a tool finds fails its file."""
        places = glob.glob("/usr/local/cuda*/bin/compute-sanitizer") + glob.glob(
            "/usr/local/cuda*/compute-sanitizer/compute-sanitizer")
        sanitizer = shutil.which("compute-sanitizer") or (sorted(places) or [None])[-1]
        if sanitizer is None:
            self.record("3", "compute-sanitizer", "skip", 0.0, "is not installed")
            return
        picked, count = {}, 0
        for number, _, name, tests in self.files:
            for test in tests if number in SANITIZED else []:
                if count % 10 == 0:
                    picked.setdefault(name, []).append(test)
                count += 1
        for tool in SANITIZERS:
            for name, tests in picked.items():
                start, late = time.time(), []
                # A session of its own: the tool's child must end with it.
                child = subprocess.Popen(
                    [sanitizer, "--tool", tool, "--error-exitcode", str(FOUND), "--print-limit",
                     "20", self.program, "--gtest_filter=" + ":".join(tests)], env=self.env,
                    cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    errors="replace", start_new_session=True)
                try:
                    said = child.communicate(timeout=SANITIZER_LIMIT)[0]
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    said = child.communicate()[0]
                    late = ["not done after %d s: killed" % SANITIZER_LIMIT]
                self.log.write(said)
                found = [line for line in said.splitlines() if line.startswith("=====")]
                self.record("3", "%s: %s, %d tests" % (tool, name, len(tests)),
                            "pass" if child.returncode == 0 and not late else "FAIL",
                            time.time() - start,
                            "\n".join(late + (found or said.splitlines()[-20:])))
                self.write()

    def run(self, sanitizer):
        gone, shown = False, None
        for number, title, name, tests in self.files:
            if title != shown:
                print("%s. %s" % (number, title))
                shown = title
            gone = self.run_file(number, tests) == NO_GPU
            if gone:
                self.record(number, name, "FAIL", 0.0, "the GPU is gone: " + self.said)
            self.write()
            if gone:
                break
        if sanitizer and not gone:
            self.sanitize()
        count = self.write()
        print("suite: %d passed, %d failed, %d skipped in %.0f s" %
              (count["pass"], count["FAIL"], count["skip"], time.time() - self.start), flush=True)
        return 1 if count["FAIL"] else 0


def main():
    parser = argparse.ArgumentParser(usage="./run [suite] [probe] [--out DIR] [--sanitizer]",
                                     description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["suite", "probe", []], help=argparse.SUPPRESS)
    parser.add_argument("--out", default="results", help=argparse.SUPPRESS)
    parser.add_argument("--sanitizer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    parts = args.parts or ["suite", "probe"]
    env = environment()
    suite, probe = (os.path.join(HERE, "bin", name) for name in ("gpu_suite", "gpu_probe"))
    # One line where nothing can run: no library, no driver, no GPU.
    check = subprocess.run([probe, "--check"], env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    if check.returncode != 0:
        cannot(" ".join(check.stdout.split()) or
               "gpu_probe --check ended with %d" % check.returncode)
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    codes = []
    tests = Suite(suite, env, out) if "suite" in parts else None
    if "probe" in parts:  # first: it takes seconds
        codes.append(subprocess.run([probe, os.path.join(out, "probe.json")], env=env).returncode)
        if codes[0] < 0:
            print("probe: ended with %d" % codes[0], flush=True)
    if tests:
        codes.append(tests.run(args.sanitizer))
    # A signal's code is negative.
    sys.exit(1 if any(code not in (0, NO_GPU) for code in codes) else max(codes))


if __name__ == "__main__":
    main()
