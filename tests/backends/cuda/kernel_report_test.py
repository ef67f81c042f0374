#!/usr/bin/env python3
"""What kernel_report.py makes of a compiler's report."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel_report  # noqa: E402

NAME = "void backends::cuda::(anonymous namespace)::{}(backends::cuda::Args<float>, int)"


def entry(kernel, chip, used, spilled=0, threads=256, dynamic=False):
    name = NAME.format(kernel)
    return f"""ptxas info    : Compiling entry function '{name}' for '{chip}'
ptxas info    : Function properties for {name}
    {spilled} bytes stack frame, {spilled} bytes spill stores, {2 * spilled} bytes spill loads
ptxas info    : Used {used}, 416 bytes cmem[0]
facts        : launch of '{name}' for '{chip}': {threads} threads{", dynamic shared memory" if dynamic else ""}
"""


def both(kernel, used, **more):
    return entry(kernel, "sm_80", used, **more) + entry(kernel, "sm_90", used, **more)


# One kernel for each of HOT.
HOT = "".join(both(name, "40 registers, used 1 barriers")
              for name in ("AttentionKernel<4, 64>", "AttentionGradKernel<4, 64>", "LayerNormKernel<float, float, 768>",
                           "LayerNormGradKernel<float, float, 768>", "AddLayerNormKernel<float, 768>",
                           "ElementwiseKernel<4>", "EpilogueKernel<8>", "SumRowsKernel<float>", "CopyRowsKernel<int>",
                           "SumSquares", "AdamWKernel"))
COMPILER = "facts        : compiler V13.0.88\n"


class KernelReport(unittest.TestCase):
    def warps(self, registers, threads, shared=0, chip="sm_90"):
        kernel = kernel_report.Kernel(chip)
        kernel.registers, kernel.threads, kernel.shared = registers, threads, shared
        return kernel.warps()

    # As CUDA's occupancy calculator says them.
    def test_warps_are_limited_by_registers(self):
        self.assertEqual(self.warps(32, 256), 64)
        self.assertEqual(self.warps(40, 256), 48)
        self.assertEqual(self.warps(41, 256), 40)
        self.assertEqual(self.warps(128, 256), 16)
        self.assertEqual(self.warps(168, 256), 8)
        self.assertEqual(self.warps(255, 128), 8)
        self.assertEqual(self.warps(64, 1024), 32)

    def test_warps_are_limited_by_blocks(self):
        self.assertEqual(self.warps(16, 32), 32)
        self.assertEqual(self.warps(16, 1024), 64)
        self.assertEqual(self.warps(16, 768), 48)

    def test_warps_are_limited_by_shared_memory_and_its_system_share(self):
        self.assertEqual(self.warps(16, 128, shared=(76 << 10) - 1024), 12)
        self.assertEqual(self.warps(16, 128, shared=(76 << 10) - 1023), 8)
        self.assertEqual(self.warps(16, 128, shared=(82 << 10) - 1024, chip="sm_80"), 8)
        self.assertEqual(self.warps(16, 128, shared=(82 << 10) - 1023, chip="sm_80"), 4)

    def test_a_source_that_promises_no_size_may_get_the_largest_block(self):
        self.assertEqual(self.warps(32, 0), 64)
        self.assertEqual(self.warps(33, 0), 32)

    def test_names_are_those_of_the_source(self):
        rows = NAME.format("Sum<backends::cuda::Rows<(anonymous namespace)::All> >")
        self.assertEqual(kernel_report.short_name(rows), "Sum<Rows<All> >")
        self.assertEqual(kernel_report.short_name("backends::cuda::droppos::Total(double const*)"), "droppos::Total")

    def test_table(self):
        report = kernel_report.Report(
            COMPILER + entry("B<1>", "sm_80", "40 registers, used 1 barriers, 1024 bytes smem", spilled=8) +
            entry("B<1>", "sm_90", "48 registers, used 1 barriers, 2048 bytes smem") +
            both("A", "32 registers, used 0 barriers", dynamic=True, threads=128) +
            both("C", "32 registers, used 0 barriers", dynamic=True, threads=128) +
            f"facts        : dynamic shared memory of '{NAME.format('C')}': 55296 bytes\n")
        lines = kernel_report.table(report).splitlines()
        self.assertIn("nvcc V13.0.88", lines[0])
        self.assertEqual(lines[-3:], [
            "     128 |   32     0     0+    64 |   32     0     0+    64 | A",
            "     256 |   40    16   1024    48 |   48     0   2048    40 | B<1>",
            "     128 |   32     0  55296     8 |   32     0  55296    16 | C",
        ])

    def test_hot_kernels_that_spill_or_are_not_there_are_found(self):
        self.assertEqual(kernel_report.faults(kernel_report.Report(HOT)), [])
        cold = both("AttentionKernel<4, 32>", "40 registers", spilled=8)
        self.assertEqual(kernel_report.faults(kernel_report.Report(HOT + cold)), [])
        spills = kernel_report.faults(kernel_report.Report(HOT + both("AttentionKernel<13, 64>", "40 registers",
                                                                     spilled=8)))
        self.assertEqual(spills, ["AttentionKernel<13, 64> spills 16 bytes on sm_80",
                                  "AttentionKernel<13, 64> spills 16 bytes on sm_90"])
        renamed = kernel_report.faults(kernel_report.Report(HOT.replace("SumSquares", "SumOfSquares")))
        self.assertEqual(renamed, ["no kernel is called SumSquares"])

    def test_what_a_hot_kernel_asks_for_at_run_time_must_be_known(self):
        hidden = both("EpilogueKernel<1>", "40 registers", dynamic=True)
        self.assertEqual(kernel_report.faults(kernel_report.Report(HOT + hidden)),
                         ["EpilogueKernel<1>: how much dynamic shared memory? start it in print_shared_memory.cc"])

    def test_what_cannot_run_is_found(self):
        self.assertEqual(
            kernel_report.faults(kernel_report.Report(HOT + entry("A", "sm_80", "40 registers"))),
            ["A was not compiled for sm_90"])
        large = both("A", "16 registers, used 1 barriers, 170000 bytes smem")
        self.assertEqual(kernel_report.faults(kernel_report.Report(HOT + large)), ["A: no block fits sm_80"])

    def test_document_gets_the_table(self):
        report = kernel_report.Report(COMPILER + HOT)
        old = f"before\n{kernel_report.BEGIN}old\n{kernel_report.END}after\n"
        new = kernel_report.replaced(old, report)
        self.assertTrue(new.startswith("before\n"))
        self.assertTrue(new.endswith("after\n"))
        self.assertNotIn("old", new)
        self.assertIn("| `AttentionKernel<…, 64>` | 1 | 40 | 40 | 0 | 48 | 48 |\n", new)
        self.assertEqual(kernel_report.replaced(new, report), new)


if __name__ == "__main__":
    unittest.main()
