#!/usr/bin/env python3
"""The tar of //tests/gpu_suite, unpacked where no GPU is seen, with an empty environment."""

import os
import subprocess
import tarfile
import tempfile
import unittest

TAR = os.path.abspath("tests/gpu_suite/gpu_suite.tar.gz")


class Pack(unittest.TestCase):
    def test_size(self):
        self.assertLess(os.path.getsize(TAR), 40 << 20)

    def test_says_in_one_line_that_there_is_no_gpu(self):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
            with tarfile.open(TAR) as tar:
                tar.extractall(folder)
            root = os.path.join(folder, "gpu_suite")
            self.assertEqual(sorted(os.listdir(root)), ["bin", "lib", "run", "tests"])
            self.assertIn("tiny_plain.safetensors", os.listdir(root + "/tests/golden"))
            done = subprocess.run([root + "/run"], cwd=folder, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT,
                                  env={"PATH": "/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""})
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertRegex(done.stdout, r"^run: gpu_probe: no GPU to test: .+\n$")
            self.assertEqual(os.listdir(folder), ["gpu_suite"])
            # The suite itself starts, and has the tests of all folders.
            listed = subprocess.run([root + "/bin/gpu_suite", "--gtest_list_tests"], text=True,
                                    env={"LD_LIBRARY_PATH": root + "/lib"}, stdout=subprocess.PIPE)
            self.assertEqual(listed.returncode, 0)
            for suite in ("LayerNorm.", "Device.", "MaskSample.", "Cases/Golden.", "CudaNets."):
                self.assertIn("\n%s\n" % suite, "\n" + listed.stdout.replace("  #", "\n#"))


if __name__ == "__main__":
    unittest.main()
