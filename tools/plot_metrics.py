#!/usr/bin/env python3
"""Draws numbers of metrics.jsonl over the epochs, one panel a number, one line a run.

    tools/plot_metrics.py --out=curve.svg runs/a runs/b [--metrics=loss,heldout_pos_acc1] [--seeds]

With --seeds, runs whose names differ only in a number at the end share a colour. Needs matplotlib (tools/setup.sh --peers). Numbers logged at every step are averaged by epoch; where a
line has a chance level (heldout_pos_acc1), it is drawn dashed.
"""

import argparse
import json
import os
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Okabe and Ito's, which colour-blind people can tell apart.
COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]


def read(run):
    path = os.path.join(run, "metrics.jsonl") if os.path.isdir(run) else run
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except (OSError, ValueError) as error:
        sys.exit(f"plot_metrics: {path}: {error}")


def points(lines, metric):
    """(epoch, value): evaluations as they are, steps averaged by epoch."""
    evaluations = [l for l in lines if metric in l and "lr" not in l]
    if evaluations:
        return [(l["epoch"], l[metric]) for l in evaluations]
    epochs = {}
    for line in lines:
        if line.get(metric) is not None:
            epochs.setdefault(-(-line["epoch"] // 1), []).append(line[metric])
    return [(epoch, sum(values) / len(values)) for epoch, values in sorted(epochs.items())]


def labels_and_colors(runs, seeds):
    """What the legend calls each run (None where it has done so) and its colour."""
    names = [os.path.basename(os.path.normpath(run)) for run in runs]
    if seeds:
        names = [re.sub(r"[-_]?\d+$", "", name) or name for name in names]
    kinds = list(dict.fromkeys(names)) if seeds else list(range(len(names)))
    if len(kinds) > len(COLORS):
        sys.exit(f"plot_metrics: {len(kinds)} runs, but {len(COLORS)} colours; "
                 "draw fewer, or runs of one name and several numbers with --seeds")
    for i, name in enumerate(names):
        color = COLORS[kinds.index(name if seeds else i)]
        yield (None if seeds and name in names[:i] else name), color


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="output folders, or metrics.jsonl files")
    parser.add_argument("--out", required=True, help="picture to write, .svg or .png")
    parser.add_argument("--metrics", default="loss,heldout_pos_acc1", help="names, with commas")
    parser.add_argument("--seeds", action="store_true",
                        help="one colour for runs that differ in a number at the end of their name")
    args = parser.parse_args()
    styles = list(labels_and_colors(args.runs, args.seeds))
    metrics = args.metrics.split(",")
    figure, axes = plt.subplots(1, len(metrics), figsize=(5 * len(metrics), 3.4), squeeze=False)
    for metric, axis in zip(metrics, axes[0]):
        share = "acc" in metric
        for (label, color), run in zip(styles, args.runs):
            lines = read(run)
            xy = points(lines, metric)
            if not xy:
                sys.exit(f"plot_metrics: {run} has no '{metric}'")
            axis.plot([x for x, _ in xy], [y * (100 if share else 1) for _, y in xy],
                      color=color, label=label)
            chance = [l["chance"] for l in lines if metric in l and "chance" in l]
            if metric == "heldout_pos_acc1" and chance:
                axis.axhline(100 * chance[0], color="grey", linestyle="--", linewidth=1)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_title(metric + (" (%)" if share else ""))
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(args.out, metadata={"Date": None} if args.out.endswith(".svg") else None)
    print("wrote", args.out)


if __name__ == "__main__":
    main()
