"""Prints the tables of tools/compare_with_peer.sh.

  python peer_table.py ROWS_JSONL THREADS

Speeds are medians over the rounds of each round's median, with the spread of those; a
ratio is a median here divided by a median there, so above 1 is faster here. A row that was
not measured shows "-".
"""
import collections
import json
import statistics
import sys


def read(path):
    """{(row, batch, threads, who, kind): [result, ...]}, in the order of the file."""
    rows = collections.OrderedDict()
    with open(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                r = json.loads(line)
                key = (r["row"], r["batch"], r["threads"], r["who"], r["kind"])
                rows.setdefault(key, []).append(r["result"])
            except (ValueError, KeyError) as error:
                raise SystemExit(f"peer_table.py: {path}:{number}: {error!r}")
    return rows


def speeds(results):
    return [r["images_per_s_median"] for r in results]


def middle(results):
    return statistics.median(speeds(results))


def spread(results):
    s = speeds(results)
    return f"{middle(results):.2f} ({min(s):.2f} to {max(s):.2f})"


def peak(results):
    return statistics.median(r["peak_mib"] for r in results)


def low(kind):
    """fp32 is compared with fp32; everything lower with the peer's best of all modes."""
    return "fp32" not in kind


def table(header, lines):
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


def main_table(rows, threads):
    lines, best = [], []
    models = list(collections.OrderedDict.fromkeys(k[0] for k in rows if k[2] == threads))
    for model in models:
        mine = {k: v for k, v in rows.items() if k[0] == model and k[2] == threads}
        for (_, batch, _, who, kind), results in mine.items():
            share = "-"
            if who == "here":
                share = f"{100 * statistics.median(r['roofline_share'] for r in results):.1f}%"
            lines.append([model, str(batch), who, kind, spread(results), share,
                          f"{peak(results):.0f}"])
        for kind in collections.OrderedDict.fromkeys(k[4] for k in mine if k[3] == "here"):
            here = {k[1]: v for k, v in mine.items() if k[3] == "here" and k[4] == kind}
            there = {(k[1], k[4]): v for k, v in mine.items()
                     if k[3] == "peer" and (low(kind) or not low(k[4]))}
            ours = max(here, key=lambda b: middle(here[b]))
            ratio = memory = theirs = "-"
            if there:
                top = max(there, key=lambda b: middle(there[b]))
                ratio = f"{middle(here[ours]) / middle(there[top]):.2f}"
                theirs = f"{top[1]}, batch {top[0]}"
                # Memory of both at the same batch: the largest, and the peer's least.
                same = [b for b in here if any(t[0] == b for t in there)]
                if same:
                    batch = max(same)
                    least = min(peak(v) for t, v in there.items() if t[0] == batch)
                    memory = f"{peak(here[batch]) / least:.2f} (batch {batch})"
            best.append([model, kind, f"batch {ours}", theirs, ratio, memory])
    print(f"## Every measurement, {threads} threads\n")
    table(["model", "batch", "who", "mode", "images/s", "of the roofline", "peak MiB"], lines)
    print("## Here over the peer, the best batch and mode of each\n")
    table(["model", "mode here", "here", "peer", "times as fast", "of its memory"], best)


def scaling_table(rows):
    lines = []
    for (model, batch, threads, who, kind), results in rows.items():
        two = rows.get((model, batch, 2, who, kind))
        if threads != 1 or two is None:
            continue
        lines.append([model, str(batch), who, kind, f"{middle(results):.2f}", f"{middle(two):.2f}",
                      f"{middle(two) / middle(results):.2f}"])
    if lines:
        print("## From one thread to two\n")
        table(["model", "batch", "who", "mode", "1 thread", "2 threads", "times"], lines)


def main(args):
    if len(args) != 2 or not args[1].isdigit():
        raise SystemExit(__doc__.strip())
    rows = read(args[0])
    main_table(rows, int(args[1]))
    scaling_table(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
