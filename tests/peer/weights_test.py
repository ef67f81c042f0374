#!/usr/bin/env python3
"""Weights both ways between our tools, timm and PyTorch checkpoints.

    tools/setup.sh --peers && . ~/.cache/droppos-peers/env.sh
    bazel build //tools:train //tools:export //tools:extract_features
    tests/peer/weights_test.py --photos=FOLDER_OF_IMAGES [--official=DROPPOS_CHECKOUT]

Models of two published and three odd shapes get random weights in which every norm, bias and token
differs from its initial value, so that a mistake shows. For each of them:

  timm         timm.create_model("local-dir:DIR") loads our export strictly; its features of the
               photographs equal ours, class token and patches, to 1e-5 relative; at 224 pixels
               the config's preprocessing makes the same network input
and once:
  init_from    timm's own weights are refused until --allow_missing names what is missing, then
               taken bit for bit
  pth          a .pth with optimizer state and flags -> safetensors -> --init_from gives its tensors
               bit for bit; safetensors -> .pth -> safetensors gives the same bytes
  resize       position tables resized by --init_from equal torch's bicubic interpolation
With --official, the .pth is that of the official model, and the official fine-tuning model loads
what comes back, missing no more than its head.

Prints a line a check and fails if one fails.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile

import numpy as np
import timm
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

LIMIT = 1e-5
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Name of the check, flags of the model.
SHAPES = {
    "ViT-S/16": ["--model=droppos_vits"],
    "ViT-B/16": ["--model=droppos_vitb"],
    "12x8 patches": ["--model=droppos_tiny", "--input_size=96x64"],
    "5x5 patches of 12": ["--model=droppos_tiny", "--input_size=60", "--patch_size=12",
                          "--embed_dim=48", "--depth=2", "--num_heads=3"],
    "ViT-S at 160 px": ["--model=droppos_vits", "--input_size=160", "--depth=3"],
}
DECODER = "decoder_*,mask_pos_token"


class Checks:
    def __init__(self):
        self.failed = 0

    def __call__(self, good, name, detail):
        self.failed += not good
        print(f"  {'ok  ' if good else 'FAIL'}  {name:12s} {detail}", flush=True)


def run(*command, refused=False):
    """The output of a command that must succeed, or must not."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if (done.returncode != 0) != refused:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}")
    return done.stdout


class Workshop:
    """The tools, and a folder to work in."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def flagfile(self, flags):
        path = self.path("flags.txt")
        with open(path, "w") as file:
            file.write("\n".join(flags) + "\n")
        return path

    def export(self, checkpoint, flags, kind, out):
        return run(os.path.join(self.args.bin, "export"), "--checkpoint=" + checkpoint,
                   "--flagfile=" + self.flagfile(flags), "--format=" + kind, "--out=" + out)

    def train(self, flags, out, *more, refused=False):
        """A step at learning rate 0: the checkpoint holds what the run started with."""
        return run(os.path.join(self.args.bin, "train"), *flags, "--steps=1", "--lr=0",
                   "--batch_size=2", "--val_fraction=0", "--precision=fp32",
                   "--data_path=" + self.args.photos,
                   "--output_dir=" + out, *more, refused=refused)

    def convert(self, *names):
        return run(sys.executable, os.path.join(REPOSITORY, "tools/convert_checkpoint.py"), *names)


def scramble(tensors, seed):
    """The same tensors with random values that keep the size of what they multiply."""
    random = torch.Generator().manual_seed(seed)
    scrambled = {}
    for name, value in tensors.items():
        noise = torch.randn(value.shape, generator=random)
        if value.ndim == 1:
            start = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            scrambled[name] = start + 0.1 * noise
        elif value.ndim == 3:  # tokens and position tables
            scrambled[name] = 0.5 * noise
        else:
            scrambled[name] = noise / value[0].numel() ** 0.5
    return scrambled


def fresh_weights(shop, flags, name):
    """All tensors of a model, in values and in a file."""
    folder = shop.path(name + ".start")
    shop.train(flags, folder)
    tensors = scramble(load_file(os.path.join(folder, "checkpoint.safetensors")), seed=len(name))
    path = shop.path(name + ".safetensors")
    save_file(tensors, path, {"format": "pt"})
    return tensors, path


def features(shop, checkpoint, flags):
    path = shop.path("features.safetensors")
    run(os.path.join(shop.args.bin, "extract_features"), "--checkpoint=" + checkpoint,
        "--flagfile=" + shop.flagfile(flags), "--data_path=" + shop.args.photos, "--split=train",
        "--val_fraction=0", f"--max_images={shop.args.images}", "--batch_size=4", "--tokens",
        "--precision=fp32",
        "--images", "--overwrite", "--out=" + path)
    with safe_open(path, "pt") as file:
        return file.get_tensor("images"), file.get_tensor("features"), json.loads(
            file.metadata()["names"])


def relative(got, want):
    return float((got - want).norm() / want.norm()), float((got - want).abs().max() /
                                                            want.abs().max())


def photo(shop, name):
    """The file of a photograph, whether the name is whole or below the folder."""
    for path in (name, os.path.join(shop.args.photos, name),
                 os.path.join(shop.args.photos, "train", name)):
        if os.path.isfile(path):
            return path
    sys.exit(f"no photograph {name}")


def check_timm(shop, checks, name, flags):
    tensors, checkpoint = fresh_weights(shop, flags, name.replace("/", "-").replace(" ", "-"))
    folder = checkpoint.replace(".safetensors", "")
    shop.export(checkpoint, flags, "timm", folder)
    model = timm.create_model("local-dir:" + folder, pretrained=True).eval()
    theirs = model.state_dict()
    exported = load_file(os.path.join(folder, "model.safetensors"))
    same = theirs.keys() == exported.keys() and all(
        torch.equal(theirs[n], tensors[n]) for n in theirs)
    checks(same and sorted(os.listdir(folder)) == ["config.json", "model.safetensors"], "timm",
           f"{model.pretrained_cfg['architecture']}: {len(exported)} tensors load strictly, "
           "each as it was")

    images, ours, names = features(shop, checkpoint, flags)
    with torch.inference_mode():
        got = torch.cat([model.forward_features(batch) for batch in images.split(4)])
        pooled = torch.cat([model(batch) for batch in images.split(4)])
    # Features that hardly depend on the photograph would agree for no good reason.
    spread = float(ours.std(dim=0).mean() / ours.std())
    for what, rows in (("class token", slice(0, 1)), ("patches", slice(1, None))):
        norm, largest = relative(got[:, rows], ours[:, rows])
        checks(max(norm, largest) <= LIMIT and spread > 0.01, "timm",
               f"{what} of {len(names)} photographs: {norm:.1e} relative, {largest:.1e} of the "
               f"largest; spread between photographs {spread:.2f}")
    checks(torch.equal(pooled, got[:, 0]), "timm", "without arguments the model gives the class "
           "token")

    # At other sizes the side before the crop is rounded in different ways.
    if tuple(images.shape[-2:]) == (224, 224):
        transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
        theirs = torch.stack([transform(Image.open(photo(shop, n)).convert("RGB")) for n in names])
        off = (theirs - images).abs()
        checks(theirs.shape == images.shape and float(off.mean()) < 0.01, "timm",
               f"its preprocessing is ours to {float(off.mean()):.4f} on average, "
               f"{float(off.max()):.3f} at most (units of the network's input)")
    classifier = timm.create_model("local-dir:" + folder, pretrained=True, num_classes=7)
    checks(torch.equal(classifier.blocks[0].attn.qkv.weight, tensors["blocks.0.attn.qkv.weight"])
           and classifier.head.weight.shape[0] == 7, "timm", "num_classes=7 adds a head")


def check_init_from_timm(shop, checks):
    flags = SHAPES["ViT-S/16"]
    tensors = scramble(timm.create_model("vit_small_patch16_224").state_dict(), seed=5)
    path = shop.path("theirs.safetensors")
    save_file(tensors, path)
    error = shop.train(flags, shop.path("refused"), "--init_from=" + path, refused=True)
    listed = all(line in error for line in
                 ("missing:     mask_pos_token", "missing:     decoder_pred.weight",
                  "unexpected:  head.weight", "unexpected:  head.bias", "--allow_missing"))
    checks(listed and not os.path.exists(shop.path("refused")), "init_from",
           f"timm's ViT-S is refused with a list of {error.count('missing: ')} missing and "
           f"{error.count('unexpected: ')} unexpected tensors")
    shop.train(flags, shop.path("from_timm"), "--init_from=" + path,
               "--allow_missing=head.*," + DECODER)
    got = load_file(shop.path("from_timm/checkpoint.safetensors"))
    taken = [n for n in got if n in tensors]
    checks(len(taken) == 150 and all(torch.equal(got[n], tensors[n]) for n in taken), "init_from",
           f"with --allow_missing=head.*,{DECODER}: {len(taken)} tensors, bit for bit")


def check_resize(shop, checks):
    """As the official interpolate_pos_embed."""
    tensors, checkpoint = fresh_weights(shop, SHAPES["ViT-S/16"], "resize")
    for size, grid in (("384", (24, 24)), ("96", (6, 6)), ("224x320", (14, 20))):
        flags = SHAPES["ViT-S/16"] + ["--input_size=" + size]
        out = shop.path("resized-" + size)
        said = shop.train(flags, out, "--init_from=" + checkpoint,
                          "--allow_missing=decoder_pred.*")
        got = load_file(os.path.join(out, "checkpoint.safetensors"))["pos_embed"]
        table = tensors["pos_embed"]
        cells = table[:, 1:].reshape(1, 14, 14, -1).permute(0, 3, 1, 2)
        cells = torch.nn.functional.interpolate(cells, size=grid, mode="bicubic",
                                                align_corners=False)
        want = torch.cat([table[:, :1], cells.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
        norm, largest = relative(got, want)
        checks(largest <= LIMIT and torch.equal(got[:, 0], table[:, 0]) and
               f"pos_embed 14x14 -> {grid[0]}x{grid[1]}" in said, "resize",
               f"pos_embed 14x14 -> {grid[0]}x{grid[1]}: {norm:.1e} relative, {largest:.1e} of the "
               "largest")


def check_pth(shop, checks):
    flags = SHAPES["ViT-S/16"]
    if shop.args.official:
        sys.dont_write_bytecode = True
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        from make_golden import import_official
        official = import_official(os.path.abspath(shop.args.official))[0]
        model = official.DropPos_mae_vit_small_patch16_dec512d2b(mask_token_type="param")
        tensors = scramble(model.state_dict(), seed=6)
        whose = "the official model's"
    else:
        tensors, _ = fresh_weights(shop, flags, "pth")
        whose = "our"
    # As the official util/misc.py saves it, from a run on several GPUs.
    torch.save({"model": {"module." + n: t for n, t in tensors.items()}, "epoch": 7,
                "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
                "scaler": {"scale": 65536.0}, "args": argparse.Namespace(lr=1e-3)},
               shop.path("official.pth"))
    shop.convert(shop.path("official.pth"), shop.path("converted.safetensors"))
    shop.train(flags, shop.path("from_pth"), "--init_from=" + shop.path("converted.safetensors"))
    got = load_file(shop.path("from_pth/checkpoint.safetensors"))
    checks(got.keys() == tensors.keys() and all(torch.equal(got[n], tensors[n]) for n in got),
           "pth", f"{whose} .pth -> safetensors -> --init_from: {len(got)} tensors, bit for bit")

    shop.export(shop.path("converted.safetensors"), flags, "official", shop.path("out.safetensors"))
    shop.convert(shop.path("out.safetensors"), shop.path("out.pth"))
    shop.convert(shop.path("out.pth"), shop.path("again.safetensors"))
    with open(shop.path("out.safetensors"), "rb") as a, \
            open(shop.path("again.safetensors"), "rb") as b:
        checks(a.read() == b.read(), "pth", "our export -> .pth -> safetensors: equal bytes")
    if shop.args.official:
        import models_vit
        fine_tune = models_vit.vit_small_patch16(num_classes=10, fix_pos_emb=True)
        saved = torch.load(shop.path("out.pth"), weights_only=True)["model"]
        report = fine_tune.load_state_dict(saved, strict=False)
        checks(set(report.missing_keys) == {"head.weight", "head.bias"} and
               all(torch.equal(fine_tune.state_dict()[n], tensors[n])
                   for n in fine_tune.state_dict() if not n.startswith("head")), "pth",
               "the official fine-tuning model loads our export; only its head is missing")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of images")
    parser.add_argument("--official", help="a checkout of the official code")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--bin", default="bazel-bin/tools", help="where the tools were built")
    args = parser.parse_args()
    args.photos, args.bin = os.path.abspath(args.photos), os.path.abspath(args.bin)
    logging.getLogger("timm").setLevel(logging.ERROR)
    checks = Checks()
    print(f"torch {torch.__version__}, timm {timm.__version__}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(args, folder)
        for name, flags in SHAPES.items():
            print(f"{name}: {' '.join(flags)}")
            check_timm(shop, checks, name, flags)
        print("weights from elsewhere")
        check_init_from_timm(shop, checks)
        check_pth(shop, checks)
        check_resize(shop, checks)
    print("all checks hold" if not checks.failed else f"{checks.failed} checks FAILED")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
