#!/usr/bin/env python3
"""What the compiler made of the CUDA kernels: registers, spills, shared memory and occupancy.

    bazel run //tests/backends/cuda:write_kernel_report

writes kernel_report.txt, which kernel_report_test compares with what the compiler says now, and the
table of docs/gpu.md.
"""

import os
import re
import sys

CHIPS = ("sm_80", "sm_90")

# CUDA C++ Programming Guide, "Compute Capabilities": of a multiprocessor, the same on both chips but
# for shared memory.
WARPS = 64
BLOCKS = 32
REGISTERS = 65536
SHARED = {"sm_80": 164 << 10, "sm_90": 228 << 10}
# Registers are given to a warp by 256, to four warps at a time; shared memory by 128 bytes, with
# 1 KiB of the system's in each block.
REGISTER_UNIT = 256
WARP_UNIT = 4
SHARED_UNIT = 128
SHARED_OF_SYSTEM = 1 << 10

# Kernels of a step of the ViT-B, with heads of 64 and rows of 768, that go through all activations,
# gradients or parameters. These do not spill.
HOT = [
    r"AttentionKernel<\d+, 64>",
    r"AttentionGradKernel<\d+, 64>",
    r"LayerNormKernel<.*, 768>",
    r"LayerNormGradKernel<.*, 768>",
    r"AddLayerNormKernel<.*, 768>",
    r"ElementwiseKernel<.*>",
    r"EpilogueKernel<.*>",
    r"SumRowsKernel<.*>",
    r"CopyRowsKernel<.*>",
    r"SumSquares",
    r"AdamWKernel",
]

DOCUMENT = "docs/gpu.md"
BEGIN = "<!-- kernel_report: begin -->\n"
END = "<!-- kernel_report: end -->\n"
TABLE = "tests/backends/cuda/kernel_report.txt"


class Report:
    """What ptxas and the facts beside it (third_party/cuda/ptx_facts.awk) say.

    compiler: "V13.0.88".
    kernels: by name, then by chip, a Kernel.
    """

    def __init__(self, text):
        self.kernels = {}
        compilers = set()
        dynamic = {}
        at = None
        for line in text.splitlines():
            if match := re.match(r"facts +: compiler (\S+)$", line):
                compilers.add(match[1])
            elif match := re.match(r"facts +: launch of '(.*)' for '(\w+)': (\d+) threads(.*)$", line):
                kernel = self._kernel(match[1], match[2])
                kernel.threads, kernel.takes_dynamic = int(match[3]), match[4] != ""
            elif match := re.match(r"facts +: dynamic shared memory of '(.*)': (\d+) bytes$", line):
                dynamic[short_name(match[1])] = int(match[2])
            elif match := re.match(r"ptxas info +: Compiling entry function '(.*)' for '(\w+)'", line):
                at = self._kernel(match[1], match[2])
            elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
                at.spilled = max(int(match[1]), int(match[2]))
            elif match := re.match(r"ptxas info +: Used (\d+) registers", line):
                at.registers = int(match[1])
                shared = re.search(r"(\d+) bytes smem", line)
                at.shared = int(shared[1]) if shared else 0
        for name, size in dynamic.items():
            for kernel in self.kernels[name].values():
                kernel.dynamic = size
        self.compiler = ", ".join(sorted(compilers))

    def _kernel(self, name, chip):
        return self.kernels.setdefault(short_name(name), {}).setdefault(chip, Kernel(chip))


class Kernel:
    """One kernel on one chip."""

    def __init__(self, chip):
        self.chip = chip
        self.threads = 0  # of a block, at most; 0: the source does not say
        self.registers = 0
        self.spilled = 0  # bytes
        self.shared = 0  # bytes of a block
        self.takes_dynamic = False  # beside these what its launch asks for:
        self.dynamic = 0  # bytes; 0 where that is known at run time only

    def warps(self):
        """The warps that a multiprocessor holds at once. 0 where no block fits."""
        threads = self.threads or 1024
        in_block = -(-threads // 32)
        of_warp = -(-self.registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
        by_registers = REGISTERS // max(of_warp, REGISTER_UNIT) // WARP_UNIT * WARP_UNIT // in_block
        shared = self.shared + self.dynamic + SHARED_OF_SYSTEM
        shared = -(-shared // SHARED_UNIT) * SHARED_UNIT
        blocks = min(BLOCKS, WARPS // in_block, by_registers, SHARED[self.chip] // shared)
        return blocks * in_block

    def shared_text(self):
        unknown = self.takes_dynamic and not self.dynamic
        return f"{self.shared + self.dynamic}{'+' if unknown else ''}"


def short_name(name):
    """"LayerNormKernel<float, BFloat16, 768>" of a kernel as c++filt prints it."""
    name = name.replace("(anonymous namespace)::", "").replace("backends::cuda::", "")
    name = re.sub(r"^void ", "", name)
    depth = 0
    for i, char in enumerate(name):
        depth += {"<": 1, ">": -1}.get(char, 0)
        if char == "(" and depth == 0:
            return name[:i]
    return name


def table(report):
    """The text of kernel_report.txt."""
    lines = [
        f"# The CUDA kernels, as nvcc {report.compiler} makes them. To write this file anew:",
        "#     bazel run //tests/backends/cuda:write_kernel_report",
        "# threads: of a block at most; 0: not said. For each chip: registers of a thread, bytes spilled, bytes of",
        "# shared memory of a block (+: more by the launch), and how many of the 64 warps of a multiprocessor fit.",
        "#        | ------ sm_80 ------ | ------ sm_90 ------ |",
        "#threads | regs spill shared warps | regs spill shared warps | kernel",
    ]
    for name, chips in sorted(report.kernels.items()):
        cells = [f"{chips['sm_80'].threads:8}"]
        for chip in CHIPS:
            k = chips[chip]
            cells.append(f"{k.registers:4} {k.spilled:5} {k.shared_text():>6} {k.warps():5}")
        lines.append(" | ".join(cells + [name]))
    return "\n".join(lines) + "\n"


def hot(report):
    """(pattern, [names that fit it]) of each of HOT."""
    return [(pattern, [n for n in sorted(report.kernels) if re.fullmatch(pattern, n)]) for pattern in HOT]


def span(values):
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def summary(report):
    """The table of docs/gpu.md, in Markdown."""
    lines = [
        f"| kernel, by nvcc {report.compiler} | made | registers, sm_80 | sm_90 | KiB shared "
        "| warps of 64, sm_80 | sm_90 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pattern, names in hot(report):
        label = pattern.replace(r"\d+", "…").replace(".*", "…")
        of = {chip: [report.kernels[name][chip] for name in names] for chip in CHIPS}
        cells = [f"`{label}`", str(len(names))]
        cells += [span([k.registers for k in of[chip]]) for chip in CHIPS]
        cells.append(span([-(-(k.shared + k.dynamic) // 1024) for k in of["sm_90"]]))
        cells += [span([k.warps() for k in of[chip]]) for chip in CHIPS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def faults(report):
    """What is wrong with the kernels, a line each."""
    found = []
    for name, chips in sorted(report.kernels.items()):
        for chip in CHIPS:
            if chip not in chips:
                found.append(f"{name} was not compiled for {chip}")
            elif chips[chip].warps() == 0:
                found.append(f"{name}: no block fits {chip}")
    for pattern, names in hot(report):
        if not names:
            found.append(f"no kernel is called {pattern}")
        for name in names:
            if any(k.takes_dynamic and not k.dynamic for k in report.kernels[name].values()):
                found.append(f"{name}: how much dynamic shared memory? start it in print_shared_memory.cc")
            for chip, kernel in report.kernels[name].items():
                if kernel.spilled:
                    found.append(f"{name} spills {kernel.spilled} bytes on {chip}")
    return found


def replaced(document, report):
    """The text of docs/gpu.md with the table of today."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + summary(report) + END + after


def read_report(paths):
    text = ""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text += file.read()
    return Report(text)


def main():
    report = read_report(sys.argv[1:])
    root = os.environ["BUILD_WORKSPACE_DIRECTORY"]
    with open(os.path.join(root, TABLE), "w", encoding="utf-8") as file:
        file.write(table(report))
    with open(os.path.join(root, DOCUMENT), encoding="utf-8") as file:
        document = file.read()
    with open(os.path.join(root, DOCUMENT), "w", encoding="utf-8") as file:
        file.write(replaced(document, report))
    print(f"wrote {TABLE} and the table of {DOCUMENT}: {len(report.kernels)} kernels")
    for fault in faults(report):
        print(fault)


if __name__ == "__main__":
    main()
