#!/usr/bin/env python3
"""usage: compiled_kernels_test.py REPORT...

That the compiler still makes of the kernels what kernel_report.txt and docs/gpu.md say. With another
compiler than theirs only what every compiler must keep: no hot kernel spills.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel_report  # noqa: E402

REPORT = kernel_report.read_report(sys.argv[1:])
ANEW = "bazel run //tests/backends/cuda:write_kernel_report writes it anew"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class CompiledKernels(unittest.TestCase):
    maxDiff = None

    def test_hot_kernels_do_not_spill(self):
        self.assertEqual(kernel_report.faults(REPORT), [])

    def test_all_are_as_recorded(self):
        recorded = read(kernel_report.TABLE)
        if f"nvcc {REPORT.compiler} " not in recorded.splitlines()[0]:
            print(f"not compared: this is nvcc {REPORT.compiler}. {recorded.splitlines()[0]}")
            return
        self.assertMultiLineEqual(kernel_report.table(REPORT), recorded, ANEW)
        document = read(kernel_report.DOCUMENT)
        self.assertMultiLineEqual(kernel_report.replaced(document, REPORT), document, ANEW)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
