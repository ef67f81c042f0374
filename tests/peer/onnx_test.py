#!/usr/bin/env python3
"""An encoder exported as ONNX, run by onnxruntime, against our own features.

    tools/setup.sh --peers
    bazel build //tools:export //tools:extract_features
    tests/peer/onnx_test.py --photos=FOLDER_OF_IMAGES [--model=droppos_vits ...] [--images=6]

For each model: weights with no structure that could hide a mistake (every norm, bias and
token differs from its initial value), our features of the photographs, the exported model
checked by the onnx package, and its outputs for 1 and for 3 images at a time beside ours.
--checkpoint=FILE takes trained weights instead. Fails where a relative error (largest
difference over largest value) is above 1e-5.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors import safe_open
from safetensors.numpy import save_file

LIMIT = 1e-5
OUTPUTS = ["features", "cls", "patch_mean"]
TIMM_NAMES = {"droppos_vits": "vit_small_patch16_224", "droppos_vitb": "vit_base_patch16_224"}


def random_weights(model, path):
    """The tensors of timm's model of that size, which are those of our encoder."""
    import timm
    rng = np.random.default_rng(20240601)
    tensors = {}
    for name, value in timm.create_model(TIMM_NAMES[model], num_classes=0).state_dict().items():
        noise = rng.standard_normal(tuple(value.shape)).astype(np.float32)
        if value.ndim == 1:
            start = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            tensors[name] = np.float32(start) + np.float32(0.1) * noise
        elif value.ndim == 3:  # cls_token, pos_embed
            tensors[name] = np.float32(0.5) * noise
        else:  # keeps the size of what it multiplies
            fan_in = int(np.prod(value.shape[1:]))
            tensors[name] = noise / np.float32(np.sqrt(fan_in))
    save_file(tensors, path)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")


def check(model, checkpoint, args, folder):
    """Whether all outputs agree."""
    encoder = os.path.join(folder, model + ".onnx")
    features = os.path.join(folder, model + ".features.safetensors")
    run(os.path.join(args.bin, "export"), "--checkpoint=" + checkpoint, "--model=" + model,
        "--format=onnx", "--out=" + encoder)
    run(os.path.join(args.bin, "extract_features"), "--checkpoint=" + checkpoint,
        "--model=" + model, "--data_path=" + args.photos, "--split=train", "--val_fraction=0",
        "--precision=fp32",
        f"--max_images={args.images}", f"--batch_size={args.images}", "--tokens", "--images",
        "--out=" + features)
    onnx.checker.check_model(encoder, full_check=True)
    with safe_open(features, "numpy") as file:
        ours = {name: file.get_tensor(name) for name in ["images"] + OUTPUTS}
        names = json.loads(file.metadata()["names"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(encoder, options, providers=["CPUExecutionProvider"])
    print(f"{model}: {os.path.getsize(encoder):,} bytes, {len(names)} photographs, onnx "
          f"{onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    good = True
    for batch in args.batch:
        theirs = {name: [] for name in OUTPUTS}
        for begin in range(0, len(names), batch):
            values = session.run(OUTPUTS, {"images": ours["images"][begin:begin + batch]})
            for name, value in zip(OUTPUTS, values):
                theirs[name].append(value)
        for name in OUTPUTS:
            got, want = np.concatenate(theirs[name]), ours[name]
            if got.shape != want.shape:
                sys.exit(f"{name}: shape {got.shape}, ours {want.shape}")
            error = float(np.abs(got - want).max() / np.abs(want).max())
            # Rows that hardly depend on the photograph would agree for no good reason.
            spread = float(want.std(axis=0).mean() / want.std())
            good = good and error <= LIMIT and spread > 0.01
            print(f"  batch {batch}  {name:10s} relative error {error:.2e}   "
                  f"spread between photographs {spread:.2f}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of images")
    parser.add_argument("--model", action="append", help="default: " + ", ".join(TIMM_NAMES))
    parser.add_argument("--checkpoint", help="trained weights of one --model")
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 3")
    parser.add_argument("--threads", type=int, default=0, help="0: onnxruntime's choice")
    parser.add_argument("--bin", default="bazel-bin/tools", help="where the tools were built")
    args = parser.parse_args()
    models = args.model or list(TIMM_NAMES)
    args.batch = args.batch or [1, 3]
    args.photos = os.path.abspath(args.photos)
    if args.checkpoint and len(models) != 1:
        parser.error("--checkpoint holds one model: name it with --model")
    for model in models:
        if not args.checkpoint and model not in TIMM_NAMES:
            parser.error(f"no weights for {model}: give a --checkpoint")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            checkpoint = args.checkpoint and os.path.abspath(args.checkpoint)
            if not checkpoint:
                checkpoint = os.path.join(folder, model + ".safetensors")
                random_weights(model, checkpoint)
            good = check(model, checkpoint, args, folder) and good
    print("all outputs agree" if good else f"FAILED: a relative error above {LIMIT}, or outputs "
          "that hardly depend on the photograph")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
