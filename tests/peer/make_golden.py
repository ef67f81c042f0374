#!/usr/bin/env python3
"""Writes golden cases: numbers that the official PyTorch code computes.

    tools/setup.sh --peers
    tests/peer/make_golden.py --official=DROPPOS_CHECKOUT --out=tests/golden [--case=NAME]

The official model is imported unmodified. Its random numbers are recorded (torch.rand,
np.random.shuffle) and so can be fed to ours; tests/golden/README.md describes the file.
"""

import argparse
import functools
import json
import os
import random
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file

SMALL = dict(dim=16, depth=2, heads=2, dd=12, ddep=1, dh=3, B=2, mask=0.75, pos=0.75, steps=3,
             lr=1e-3, weight_decay=0.05, betas=[0.9, 0.95], clip_each_parameter=5.0)

# Combinations that the cases tiny_* do not have; each differs from its neighbour in much.
CASES = {
    # Every loss switch at once, with the pixel decoder, on a grid of 4 x 4.
    "combo_multi_wrong_conf": dict(SMALL, img=32, patch=8, multi_task=True, conf_ignore=True,
                                   attn_guide=True, mask_token_type="wrong_pos", sigma=1.5,
                                   pos_weight=0.5, norm_pix_loss=False, mask=0.5, B=3, seed=1),
    # Shuffled tokens read by the pixel decoder as if they were in place; the published map.
    "combo_multi_shuffle_official": dict(SMALL, img=32, patch=8, multi_task=True, shuffle=True,
                                         mask_token_type="zeros", sigma=1.0, mask=0.5,
                                         smooth_grid="official", seed=2),
    # Nothing hidden, no position left, an odd grid of 5 x 5 and patches of 4.
    "combo_all_dropped_shuffle": dict(SMALL, img=20, patch=4, shuffle=True, conf_ignore=True,
                                      attn_guide=True, mask_token_type="wrong_pos", sigma=2.0,
                                      mask=0.0, pos=1.0, seed=3),
    # Windows of three micro-batches: one update each, and one for each micro-batch with what the
    # window has summed and clipped so far, as the published loop does. Clipping bites.
    "accum_window": dict(SMALL, img=32, patch=8, attn_guide=True, sigma=1.0, mask=0.5, seed=5,
                         clip_each_parameter=0.02, accum_iter=3),
    "accum_every_micro_batch": dict(SMALL, img=32, patch=8, attn_guide=True, sigma=1.0, mask=0.5,
                                    seed=5, clip_each_parameter=0.02, accum_iter=3,
                                    step_every_micro_batch=True),
    "combo_mae_raw_pixels": dict(SMALL, img=20, patch=4, vanilla_mae=True, norm_pix_loss=False,
                                 sigma=0.0, mask=0.9, seed=4),
}


def random_cases(count):
    """Combinations of all switches, sizes and ratios, the same on every call."""
    choose = random.Random(7)
    cases = {}
    for i in range(count):
        patch, grid = choose.choice([(4, 5), (8, 4), (3, 6), (16, 3), (5, 7), (2, 8)])
        case = dict(SMALL, img=patch * grid, patch=patch, seed=100 + i,
                    B=choose.choice([1, 2, 3]), heads=choose.choice([1, 2, 4]),
                    mask=choose.choice([0.75, 0.5, 0.6, 0.9, 0.33]),
                    pos=choose.choice([0.75, 1.0, 0.5, 0.25, 0.1]),
                    sigma=choose.choice([0.0, 0.5, 1.0, 2.0, 3.3]),
                    mask_token_type=choose.choice(["param", "zeros", "wrong_pos"]),
                    shuffle=choose.random() < 0.5, conf_ignore=choose.random() < 0.5,
                    attn_guide=choose.random() < 0.5, multi_task=choose.random() < 0.4,
                    pos_weight=choose.choice([0.05, 1.0, 3.0]),
                    norm_pix_loss=choose.random() < 0.5)
        # A map smaller than the grid cannot be had (and the official code fails).
        if choose.random() < 0.4 and case["img"] // grid >= grid:
            case["smooth_grid"] = "official"
        if choose.random() < 0.15:
            case = {key: value for key, value in case.items()
                    if key not in ("mask_token_type", "shuffle", "conf_ignore", "attn_guide",
                                   "multi_task", "smooth_grid")}
            case["vanilla_mae"] = True
        cases[f"random_{i}"] = case
    return cases


def import_official(folder):
    """The official modules; they were written for timm 0.3.2 and an older numpy."""
    for name, value in dict(float=float, int=int, bool=bool).items():
        if name not in np.__dict__:
            setattr(np, name, value)
    import timm.models.vision_transformer as vt
    from timm.layers import DropPath, Mlp, PatchEmbed

    class Block(vt.Block):
        def __init__(self, *args, qk_scale=None, **kwargs):
            super().__init__(*args, **kwargs)

    vt.Block, vt.DropPath, vt.Mlp, vt.PatchEmbed = Block, DropPath, Mlp, PatchEmbed
    try:
        import einops  # noqa: F401
    except ImportError:  # imported, never used
        sys.modules["einops"] = types.ModuleType("einops")
        sys.modules["einops"].rearrange = None
    sys.modules["torch._six"] = types.ModuleType("torch._six")
    sys.modules["torch._six"].inf = float("inf")
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    sys.path.insert(0, folder)
    import engine_pretrain
    import models_DropPos_mae
    import models_mae
    import util.utils
    return models_DropPos_mae, models_mae, engine_pretrain, util.utils


class Noise:
    """Records what torch.rand gives, in order, and fixes the permutation of wrong_pos."""

    def __init__(self, permutation):
        self.drawn, self.permutation = [], permutation

    def __enter__(self):
        self.rand, self.shuffle = torch.rand, np.random.shuffle

        def rand(*size, **kwargs):
            self.drawn.append(self.rand(*size))
            return self.drawn[-1]

        def shuffle(x):
            x[:] = x[self.permutation]

        torch.rand, np.random.shuffle = rand, shuffle
        return self

    def __exit__(self, *_):
        torch.rand, np.random.shuffle = self.rand, self.shuffle


def build(config, drop_pos, mae):
    sizes = dict(img_size=config["img"], patch_size=config["patch"], embed_dim=config["dim"],
                 depth=config["depth"], num_heads=config["heads"],
                 decoder_embed_dim=config["dd"], decoder_depth=config["ddep"],
                 decoder_num_heads=config["dh"], mlp_ratio=4,
                 norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
                 norm_pix_loss=config.get("norm_pix_loss", True))
    if config.get("vanilla_mae"):
        return mae.MaskedAutoencoderViT(**sizes)
    switches = {k: config[k] for k in
                ("mask_token_type", "shuffle", "multi_task", "conf_ignore", "attn_guide")
                if k in config}
    return drop_pos.DropPositionMaskedAutoEncoderViT(**sizes, **switches)


def smoothing_map(config, engine):
    """The paper's map on the patch grid, or the published script's."""
    grid, sigma = config["img"] // config["patch"], config["sigma"]
    if config.get("smooth_grid") == "official":
        return engine._get_label_smoothing_map((config["img"] // grid) ** 2, sigma)
    if sigma == 0:
        return torch.eye(grid * grid)
    cell = torch.arange(grid * grid)
    y, x = (cell // grid).double(), (cell % grid).double()
    weight = torch.exp(-((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2) / sigma ** 2)
    return (weight / weight.sum(-1, keepdim=True)).float()


def forward(model, config, images, smooth, noise):
    """The official forward pass in its parts, so that what lies between can be kept."""
    out = {}
    with noise:
        if config.get("vanilla_mae"):
            features, mask, restore = model.forward_encoder(images, config["mask"])
            pred = model.forward_decoder(features, restore)
            out.update(encoder=features, mask=mask.to(torch.uint8), mae_pred=pred)
            out["loss"] = model.forward_loss(images, pred, mask)
            return out
        outs = model.forward_encoder(images, config["mask"], config["pos"])
    pred = model.forward_decoder(outs)
    logits = pred[0] if config.get("multi_task") else pred
    acc1, loss = model.forward_drop_pos_loss(
        logits, outs["mask"], outs["ids_keep"], outs["mask_pos"], smooth,
        attn=outs["attn"] if config.get("attn_guide") else None)
    out.update(encoder=outs["x"], logits=logits, ids_keep=outs["ids_keep"].int(),
               mask=outs["mask"].to(torch.uint8), mask_pos=outs["mask_pos"].to(torch.uint8),
               smooth=smooth, acc1=torch.tensor([acc1]))
    if config.get("attn_guide"):
        out.update(attn=outs["attn"], attn_full=outs["attn_full"])
    if config.get("multi_task"):
        pixels = model.forward_mae_loss(images, pred[1], outs["mask"])
        out.update(loss_pos=loss, loss_mae=pixels, mae_pred=pred[1])
        loss = config.get("pos_weight", 1.0) * loss + pixels
    out["loss"] = loss
    return out


def make_case(name, config, modules):
    drop_pos, mae, engine, utils = modules
    torch.manual_seed(config["seed"])
    np.random.seed(config["seed"])
    model = build(config, drop_pos, mae)
    patches = (config["img"] // config["patch"]) ** 2
    visible = int(patches * (1 - config["mask"]))
    kept = int(visible * (1 - config["pos"]))
    config = dict(config, name=name, num_visible=visible, num_pos_kept=kept)
    with torch.no_grad():  # initial biases and norms are constants, which would hide mistakes
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    images = torch.randn(config["B"], 3, config["img"], config["img"])
    permutation = np.random.permutation(visible - kept)
    smooth = smoothing_map(config, engine)
    tensors = {"in/images": images}
    if config.get("mask_token_type") == "wrong_pos":
        tensors["in/wrong_pos_perm"] = torch.from_numpy(permutation).int()
    names = ["noise_patch", "noise_pos", "noise_shuffle"]
    for key, parameter in model.named_parameters():
        tensors["param/" + key] = parameter.detach().clone()

    noise = Noise(permutation)
    out = forward(model, config, images, smooth, noise)
    tensors.update(zip(("in/" + n for n in names), noise.drawn))
    tensors.update(("out/" + k, v.detach().reshape(v.shape or (1,))) for k, v in out.items())
    out["loss"].backward()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            tensors["grad/" + key] = parameter.grad.clone()
            tensors["gradnorm/" + key] = parameter.grad.norm().reshape(1)

    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    fixed = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [dict(params=fixed, weight_decay=0.0), dict(params=decay)], lr=config["lr"],
        betas=config["betas"], eps=1e-8, weight_decay=config["weight_decay"])
    losses, accuracies = [], []
    accum_iter = config.get("accum_iter", 1)
    for micro_batch in range(config["steps"] * accum_iter):
        if micro_batch % accum_iter == 0:
            optimizer.zero_grad()
        noise = Noise(permutation)
        out = forward(model, config, images, smooth, noise)
        tensors.update(zip((f"train/{micro_batch}/{n}" for n in names), noise.drawn))
        (out["loss"] / accum_iter).backward()
        if config.get("step_every_micro_batch") or (micro_batch + 1) % accum_iter == 0:
            utils.clip_gradients(model, config["clip_each_parameter"])
            optimizer.step()
        losses.append(out["loss"].item())
        accuracies.append(float(out.get("acc1", torch.zeros(1))))
    tensors["train/loss"] = torch.tensor(losses)
    if not config.get("vanilla_mae"):
        tensors["train/acc1"] = torch.tensor(accuracies)
    for key, parameter in model.named_parameters():
        tensors["final/" + key] = parameter.detach().clone()
    return {k: v.contiguous() for k, v in tensors.items()}, {"config": json.dumps(config)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", required=True, help="checkout of the official DropPos code")
    parser.add_argument("--out", required=True, help="folder to write NAME.safetensors to")
    parser.add_argument("--case", choices=sorted(CASES), help="one case only")
    parser.add_argument("--random", type=int, metavar="N", help="N random combinations instead")
    args = parser.parse_args()
    if not os.path.exists(os.path.join(args.official, "models_DropPos_mae.py")):
        sys.exit(f"make_golden: {args.official} has no models_DropPos_mae.py")
    modules = import_official(args.official)
    cases = random_cases(args.random) if args.random else CASES
    for name in [args.case] if args.case else cases:
        tensors, metadata = make_case(name, cases[name], modules)
        if not torch.isfinite(tensors["train/loss"]).all():
            # conf_ignore left nobody: the official code divides 0 by 0, ours says 0.
            print(f"{name}: the official loss is not finite; no case")
            continue
        path = os.path.join(args.out, name + ".safetensors")
        save_file(tensors, path, metadata)
        print(f"{path}: {len(tensors)} tensors, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
