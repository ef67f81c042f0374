#!/usr/bin/env python3
"""./run over a suite in which tests fail, end their process, lose the GPU's context and hang."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = "tests/gpu_suite/run.py"
TOY = "tests/gpu_suite/toy_suite"


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.root = os.path.join(self.folder.name, "gpu_suite")
        os.makedirs(os.path.join(self.root, "bin"))
        with open(SOURCE, encoding="utf-8") as file:
            text = file.read().replace("SILENCE = 120", "SILENCE = 10")
            text = text.replace("SANITIZER_LIMIT = 900", "SANITIZER_LIMIT = 10")
        with open(os.path.join(self.root, "run"), "w", encoding="utf-8") as file:
            # The toy's file stands for those of the first section.
            file.write(text.replace("tests/backends/cuda/device_test.cc",
                                    "tests/gpu_suite/toy_suite.cc"))
        for name in ("gpu_suite", "gpu_probe"):
            shutil.copy(TOY, os.path.join(self.root, "bin", name))

    def tearDown(self):
        self.folder.cleanup()

    def run_it(self, *args, **env):
        env = dict(os.environ, **env)
        env.pop("XML_OUTPUT_FILE", None)  # else the toy's failures are reported as this test's
        return subprocess.run([sys.executable, os.path.join(self.root, "run")] + list(args),
                              env=env, cwd=self.folder.name, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def sanitizer(self, script):
        """A folder with a compute-sanitizer that is this shell script."""
        path = os.path.join(self.folder.name, "tools")
        os.mkdir(path)
        with open(os.path.join(path, "compute-sanitizer"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(file.name, 0o755)
        return path + ":" + os.environ["PATH"]

    def test_one_line_without_a_gpu(self):
        done = self.run_it(TOY_HAS_NO_GPU="1")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "run: toy: no GPU\n")

    def test_each_test_has_a_line_and_none_stops_the_others(self):
        done = self.run_it("suite", "--out", "out", TOY_HANGS="1")
        self.assertEqual(done.returncode, 1, done.stdout)
        results = [tuple(line.split()[:3]) for line in done.stdout.splitlines()
                   if line.startswith(("pass ", "FAIL ", "skip "))]
        self.assertEqual(results, [
            ("pass", "1", "Toy.Passes"), ("FAIL", "1", "Toy.Fails"), ("skip", "1", "Toy.Skips"),
            ("FAIL", "1", "Toy.EndsTheProcess"), ("pass", "1", "Toy.PassesBehindIt"),
            ("FAIL", "1", "Toy.LosesTheContext"), ("FAIL", "1", "Toy.Hangs"),
            ("FAIL", "1", "Of/Named.Fails/name")])
        self.assertRegex(done.stdout.splitlines()[-1],
                         r"^suite: 2 passed, 5 failed, 1 skipped in \d+ s$")
        with open(os.path.join(self.folder.name, "out", "suite.json"), encoding="utf-8") as file:
            suite = json.load(file)
        self.assertEqual((suite["passed"], suite["failed"], suite["skipped"]), (2, 5, 1))
        texts = {case["test"]: case["text"] for case in suite["cases"]}
        self.assertIn("on purpose", texts["Toy.Fails"])
        self.assertIn("no reason", texts["Toy.Skips"])
        self.assertIn("ended the process with -6", texts["Toy.EndsTheProcess"])
        self.assertIn("no line for 10 s: killed", texts["Toy.Hangs"])
        self.assertIn("with name", texts["Of/Named.Fails/name"])
        with open(os.path.join(self.folder.name, "out", "suite.log"), encoding="utf-8") as file:
            self.assertIn("on purpose", file.read())

    def test_a_gpu_that_vanishes_fails_and_leaves_results(self):
        done = self.run_it("suite", TOY_GPU_IS_GONE="1")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the GPU is gone: toy: it fell off the bus", done.stdout)
        results = os.path.join(self.folder.name, "results", "suite.json")
        with open(results, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["failed"], 1)

    def test_help_is_the_file_s(self):
        done = self.run_it("--help")
        self.assertTrue(done.stdout.startswith("usage: ./run [suite] [probe] "), done.stdout)
        self.assertEqual(done.stdout.count("usage"), 1)

    def test_a_tenth_runs_under_each_sanitizer(self):
        done = self.run_it("suite", "--sanitizer", PATH=self.sanitizer(
            'case $2 in racecheck) echo "===== a race"; exit 77;; initcheck) sleep 99;; esac\n'))
        lines = [line for line in done.stdout.splitlines() if "toy_suite.cc, 1 tests" in line]
        self.assertEqual([line.split()[:3] for line in lines], [
            ["pass", "3", "memcheck:"], ["FAIL", "3", "racecheck:"], ["FAIL", "3", "initcheck:"]])
        self.assertIn("===== a race", done.stdout)
        self.assertIn("not done after 10 s: killed", done.stdout)


if __name__ == "__main__":
    unittest.main()
