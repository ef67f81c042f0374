"""Measures the backend of a GPU against the GPU's own limits and against PyTorch, in one run.

  python3 tools/benchmark/gpu_bench.py --bench=bazel-bin/tools/bench --out=gpu_bench

The limits are measured in the same run: a large product through cuBLASLt, and the sum of two large
tensors, which is all memory. Then
  the products of a ViT-B step, attention, LayerNorm, each by itself beside the limits;
  whole steps, operators of each kind beside the limits (AdamW among them);
  the same step in PyTorch (torch_step.py), eager and compiled, where --python has PyTorch.
OUT gets results.jsonl, what each program printed, and table.md, which is printed, too. A
measurement that fails is named and leaves out its row; the exit code is then 1.
"""
import argparse
import json
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))


def products(batch, t):
    """Name, operator, shapes and attributes of each product of a ViT-B step in the type `t`."""
    guide, main = 197 * batch, 50 * batch
    layers = [("qkv", 768, 2304), ("proj", 768, 768), ("fc1", 768, 3072), ("fc2", 3072, 768)]
    for name, inner, cols in layers:
        for where, rows in (("guide", guide), ("encoder", main)):
            yield (f"{where} {name}", "Linear",
                   f"{t}[{rows},{inner}] {t}[{cols},{inner}] f32[{cols}]", "activation=none")
        yield (f"{name} input gradient", "MatMul", f"{t}[{main},{cols}] {t}[{cols},{inner}]",
               "trans_w=0")
        yield (f"{name} weight gradient", "MatMulWeightGrad",
               f"{t}[{main},{cols}] {t}[{main},{inner}]", f"shape=[{cols},{inner}]")
    yield ("decoder embed", "Linear", f"{t}[{main},768] {t}[512,768] f32[512]", "activation=none")


def others(batch, t):
    """The same for operators that memory limits."""
    for tokens, heads, width in ((197, 12, 768), (50, 12, 768), (50, 16, 512)):
        rows = f"{batch},{tokens}"
        yield (f"attention {tokens} x {width}", "Attention", f"{t}[{rows},{3 * width}]",
               f"heads={heads}")
        if tokens == 50:
            yield (f"attention gradient {tokens} x {width}", "AttentionGrad",
                   f"{t}[{rows},{3 * width}] {t}[{rows},{width}] f32[{batch},{heads},{tokens}] "
                   f"{t}[{rows},{width}]", f"heads={heads}")
    for width in (768, 1024, 1280):
        yield (f"LayerNorm {width}", "LayerNorm",
               f"f32[{50 * batch},{width}] f32[{width}] f32[{width}]", "eps=1e-6")


class Run:
    def __init__(self, args):
        self.args = args
        self.failed = []
        self.file = open(os.path.join(args.out, "results.jsonl"), "w", encoding="utf-8")

    def call(self, what, command):
        """The JSON object of a program's last line, or None."""
        print(f"{what} ...", file=sys.stderr, flush=True)
        try:
            ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   universal_newlines=True, timeout=self.args.timeout)
            result = json.loads(ended.stdout.strip().splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as error:
            said = ended.stderr.strip() if "ended" in locals() else ""
            self.failed.append(f"{what}: {said.splitlines()[-1] if said else error}")
            return None
        self.file.write(json.dumps({"measured": what, "result": result}) + "\n")
        self.file.flush()
        return result

    def op(self, name, op, shape, attrs):
        return self.call(name, [self.args.bench, "--what=op", f"--op={op}", f"--shape={shape}",
                                *([f"--attrs={attrs}"] if attrs else []), "--json",
                                f"--device={self.args.device}", f"--runs={self.args.runs}"])

    def step(self, batch):
        return self.call(f"{self.args.model} batch {batch}", [
            self.args.bench, "--what=step", f"--model={self.args.model}", f"--batch_size={batch}",
            f"--precision={self.args.precision}", f"--device={self.args.device}", "--json",
            f"--runs={self.args.runs}", "--roofline_runs=1"])

    def peer(self, batch, mode):
        return self.call(f"PyTorch {mode} batch {batch}", [
            self.args.python, os.path.join(FOLDER, "torch_step.py"), f"--model={self.args.model}",
            f"--batch_size={batch}", f"--mode={mode}",
            f"--device={self.args.device}"])


def table(title, header, rows):
    lines = [f"## {title}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def share(value, limit):
    return f"{100 * value / limit:.0f}%" if limit else "-"


def measure(run):
    args = run.args
    n = args.limit_size
    t = {"bf16": "bf16", "fp32": "f32"}[args.precision]
    limits = {"rate": run.op("the products' limit", "MatMul", f"{t}[{n},{n}] {t}[{n},{n}]",
                             "trans_w=0"),
              "memory": run.op("the memory's limit", "Add", f"f32[{n},{n}] f32[{n},{n}]", "")}
    rate = (limits["rate"] or {}).get("gflop_per_s", 0)
    memory = (limits["memory"] or {}).get("gb_per_s", 0)
    text = [f"Measured limits: {rate / 1e3:.1f} TFLOP/s (a product of {n} x {n} x {n} in {t}), "
            f"{memory:.0f} GB/s (the sum of two tensors of {n} x {n} in f32).\n"]

    rows = []
    for name, *case in (*products(args.op_batch, t), *others(args.op_batch, t)):
        result = run.op(name, *case)
        if result:
            rows.append([name, case[0], result["implementation"], f"{result['ms_median']:.4f}",
                         f"{result['ms_least']:.4f} to {result['ms_most']:.4f}",
                         share(result["gflop_per_s"], rate), share(result["gb_per_s"], memory)])
    text.append(table(f"Operators, batch {args.op_batch}",
                      ["what", "operator", "implementation", "ms", "least to most",
                       "of the products' limit", "of the memory's"], rows))

    steps = {batch: run.step(batch) for batch in args.batch_sizes}
    steps = {batch: result for batch, result in steps.items() if result}
    peers = {}
    if has_torch(args.python):
        for batch in args.batch_sizes:
            for mode in (args.precision, f"compile-{args.precision}"):
                peers[batch, mode] = run.peer(batch, mode)
    else:
        text.append(f"{args.python} has no PyTorch, so there is nothing to compare with.\n")
    rows = []
    for batch, ours in steps.items():
        speed = ours["images_per_s_median"]
        row = [str(batch), f"{speed:.0f} ({ours['images_per_s_worst']:.0f} to "
               f"{ours['images_per_s_best']:.0f})", f"{1e3 * batch / speed:.2f}",
               share(speed * ours["gflop_per_image_done"], rate)]
        for mode in (args.precision, f"compile-{args.precision}"):
            theirs = peers.get((batch, mode))
            row.append(f"{theirs['images_per_s_median']:.0f}: "
                       f"{speed / theirs['images_per_s_median']:.2f} times" if theirs else "-")
        rows.append(row)
    text.append(table(f"Steps of {args.model} in {args.precision}",
                      ["batch", "images/s (worst to best)", "ms a step", "of the products' limit",
                       "PyTorch eager", "PyTorch compiled"], rows))

    for batch, ours in steps.items():
        rows = [[op["type"], str(op["ops"]), f"{op['ms']:.3f}", share(op["gflop_per_s"], rate),
                 share(op["gb_per_s"], memory)] for op in ours["ops"] if op["ms"] >= args.least_ms]
        text.append(table(f"Where a step of batch {batch} goes, operator by operator",
                          ["operator", "of them", "ms", "of the products' limit",
                           "of the memory's"], rows))
    text.append("Operators of a step are timed one by one, with a wait after each: some 10 us more "
                "for each than in a step, which small batches show most.\n")
    return "\n".join(text)


def has_torch(python):
    try:
        return subprocess.run([python, "-c", "import torch"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="bazel-bin/tools/bench", help="//tools:bench, built")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="droppos_vitb", help="one of torch_step.py's")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--batch_sizes", default="64,256,512")
    parser.add_argument("--op_batch", type=int, default=512, help="of the operators by themselves")
    parser.add_argument("--limit_size", type=int, default=8192)
    parser.add_argument("--least_ms", type=float, default=0.05, help="operators that a table shows")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one measurement")
    parser.add_argument("--python", default=sys.executable, help="that may have PyTorch")
    parser.add_argument("--out", default="gpu_bench", help="a folder; must not exist")
    args = parser.parse_args()
    args.batch_sizes = [int(b) for b in args.batch_sizes.split(",")]
    if not os.access(args.bench, os.X_OK):
        sys.exit(f"gpu_bench.py: --bench={args.bench} cannot be run; "
                 "build it: bazel build //tools:bench")
    try:
        os.makedirs(args.out)
    except FileExistsError:
        sys.exit(f"gpu_bench.py: --out={args.out} exists; name another folder")
    run = Run(args)
    text = measure(run)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    for failure in run.failed:
        print(f"gpu_bench.py: failed: {failure}", file=sys.stderr)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
