"""Times a fine-tuning step of timm's Vision Transformer, with what the recipe has in it.

  python3 finetune_step.py --model=vitb --batch=32 --mode=bf16 --steps=5 [--threads=N]

The same work as a step of //tools:finetune: mixing, the net with drop path and the mean of its
patches, cross entropy of two labels, AdamW with a rate for each layer. Attention is PyTorch's fused
one, AdamW its fused one. The last line is one JSON object. compare_with_peer.sh calls it.
"""
import argparse
import json
import resource
import statistics
import time

import timm
import torch
from timm.data.mixup import Mixup
from timm.loss import SoftTargetCrossEntropy
from timm.optim import param_groups_layer_decay

MODELS = {"vits": "vit_small_patch16_224", "vitb": "vit_base_patch16_224",
          "vitl": "vit_large_patch16_224"}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(MODELS), default="vitb")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--mode", choices=["fp32", "bf16", "compile-fp32", "compile-bf16"],
                        default="fp32")
    parser.add_argument("--steps", type=int, default=5, help="the first two are not counted")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    model = timm.create_model(MODELS[args.model], num_classes=1000, global_pool="avg",
                              drop_path_rate=0.1).train()
    model.pos_embed.requires_grad_(False)
    forward = torch.compile(model) if args.mode.startswith("compile") else model
    groups = param_groups_layer_decay(model, weight_decay=0.05, layer_decay=0.75)
    for group in groups:
        group["lr"] = 1e-4 * group["lr_scale"]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.999), fused=True)
    mix = Mixup(mixup_alpha=0.8, cutmix_alpha=1.0, label_smoothing=0.1, num_classes=1000)
    loss_of = SoftTargetCrossEntropy()
    images = torch.randn(args.batch, 3, 224, 224)
    labels = torch.randint(1000, (args.batch,))

    seconds = []
    for _ in range(args.steps):
        begin = time.perf_counter()
        mixed, targets = mix(images.clone(), labels)  # it writes into the images
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.mode.endswith("bf16")):
            logits = forward(mixed)
        loss = loss_of(logits.float(), targets)
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    counted = seconds[2:] or seconds[1:] or seconds
    print(json.dumps({
        "peer": f"timm {timm.__version__}, PyTorch {torch.__version__}",
        "model": args.model, "batch": args.batch, "mode": args.mode,
        "threads": torch.get_num_threads(),
        "images_per_s_best": round(args.batch / min(counted), 3),
        "images_per_s_median": round(args.batch / statistics.median(counted), 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "loss": round(float(loss.item()), 4)}))


if __name__ == "__main__":
    main()
