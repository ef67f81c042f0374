#!/usr/bin/env python3
"""Our event files read by TensorBoard's own reader.

    tools/setup.sh --peers
    bazel build //tests/peer:write_events
    tests/peer/tensorboard_test.py --write_events=PATH_OF_THAT_PROGRAM

write_events.cc leaves a run that was killed at step 12 and went on from step 8. TensorBoard must
show every step once: steps 1 to 8 of the first file, 9 to 20 of the second.
"""

import argparse
import glob
import io
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.text import text_plugin


def expect(what, got, want):
    if got != want:
        sys.exit(f"tensorboard_test: {what}: {got}, not {want}")


def scalars(events, tag):
    return {e.step: e.tensor_proto.float_val[0] for e in events.Tensors(tag)}


def check(folder, picture):
    files = sorted(glob.glob(os.path.join(folder, "events.out.tfevents.*")))
    expect("files", len(files), 2)
    records = [len(list(event_file_loader.EventFileLoader(path).Load())) for path in files]
    # Version, start, flags, steps, evaluations, pictures; the end.
    expect("records of each file", records, [3 + 12 + 3 + 1, 3 + 12 + 3 + 2 + 1])

    events = plugin_event_accumulator.EventAccumulator(folder, tensor_size_guidance={
        "scalars": 0, "images": 0})
    events.Reload()
    expect("tags", sorted(events.Tags()["tensors"]), sorted([
        "train/loss", "train/pos_acc1", "train/lr", "train/grad_norm", "train/epoch",
        "train/clipped", "train/skipped", "timing/images_per_s", "heldout/pos_acc1",
        "heldout/positions", "flags", metadata.SESSION_START_INFO_TAG,
        metadata.SESSION_END_INFO_TAG]))
    expect("plugin of a number", events.SummaryMetadata("train/loss").plugin_data.plugin_name,
           "scalars")
    expect("plugin of a picture", events.SummaryMetadata("heldout/positions").plugin_data.plugin_name,
           "images")
    # In 32 bits, as the file has them.
    want = {step: (100 if step > 8 else 0) + 1 / step for step in range(1, 21)}
    got = scalars(events, "train/loss")
    expect("steps", list(got), list(want))
    for step, value in want.items():
        expect(f"loss of step {step}", math.isclose(got[step], value, rel_tol=1e-6), True)
    expect("steps in order", [e.step for e in events.Tensors("train/loss")], list(range(1, 21)))
    expect("evaluations", scalars(events, "heldout/pos_acc1"),
           {4: 0.25, 8: 0.25, 12: 100.25, 16: 100.25, 20: 100.25})
    expect("a NaN", math.isnan(scalars(events, "train/grad_norm")[3]), True)
    expect("wall time", events.Tensors("train/loss")[4].wall_time, 1700000005.0)
    pictures = events.Tensors("heldout/positions")
    expect("steps of pictures", [e.step for e in pictures], [10, 20])
    width, height, bytes_ = pictures[0].tensor_proto.string_val
    expect("picture", bytes_, open(picture, "rb").read())
    expect("its size", (int(width), int(height)), Image.open(io.BytesIO(bytes_)).size)
    expect("what it shows", events.SummaryMetadata("heldout/positions").summary_description,
           "two shades")
    expect("tables of flags", [e.step for e in events.Tensors("flags")], [0, 8])
    expect("a table", text_plugin.text_array_to_html(
        np.array(events.Tensors("flags")[0].tensor_proto.string_val[0], dtype=object), True).count("<tr>"), 4)
    start = metadata.parse_session_start_info_plugin_data(events.SummaryMetadata(
        metadata.SESSION_START_INFO_TAG).plugin_data.content)
    expect("hyperparameters", {name: getattr(value, value.WhichOneof("kind"))
                               for name, value in start.hparams.items()},
           {"blr": 0.001, "flip": True, "model": "a|b*"})
    end = metadata.parse_session_end_info_plugin_data(events.SummaryMetadata(
        metadata.SESSION_END_INFO_TAG).plugin_data.content)
    expect("status", end.status, api_pb2.STATUS_SUCCESS)
    # The same file without its restart: the reader keeps both lives, so what is above is ours.
    with open(files[1], "rb") as file:
        data = file.read()
    lengths = []
    for _ in range(2):
        at = sum(lengths)
        lengths.append(int.from_bytes(data[at:at + 8], "little") + 16)
    with open(files[1], "wb") as file:
        file.write(data[:lengths[0]] + data[sum(lengths):])
    again = plugin_event_accumulator.EventAccumulator(folder, tensor_size_guidance={"scalars": 0})
    again.Reload()
    expect("steps without the restart", len(again.Tensors("train/loss")), 24)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write_events", required=True, help="the program of that name")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = os.path.join(folder, "picture.png")
        Image.effect_noise((31, 17), 50).convert("RGB").save(picture)
        run = os.path.join(folder, "run")
        os.mkdir(run)
        subprocess.run([args.write_events, run, picture], check=True)
        check(run, picture)
    print("tensorboard_test: TensorBoard's reader agrees")


if __name__ == "__main__":
    main()
