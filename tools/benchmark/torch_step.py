"""Times a DropPos training step written in PyTorch, with the operators that it is fastest with.

  python3 torch_step.py --model=droppos_vitb --batch_size=512 --mode=compile-bf16 --device=cuda

The same work as a step of //tools:train: a copy of the images, the guide over all patches without
gradients, the encoder over the visible ones, the decoder, the smoothed and weighted cross entropy,
each gradient clipped, AdamW. Attention is PyTorch's fused one, AdamW its fused one, clipping by
functions of lists. The last line is one JSON object. gpu_bench.py calls it.
"""
import argparse
import functools
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

# Width, blocks, heads, patch side, picture side; the decoder has 2 blocks, of 512 columns and 16
# heads where the encoder is an official one.
MODELS = {
    "droppos_tiny": (128, 4, 4, 8, 64, 128, 4),
    "droppos_vits": (384, 12, 6, 16, 224, 512, 16),
    "droppos_vitb": (768, 12, 12, 16, 224, 512, 16),
    "droppos_vitl": (1024, 24, 16, 16, 224, 512, 16),
}
DECODER_BLOCKS, MASK_RATIO, POSITION_MASK_RATIO, TEMPERATURE = 2, 0.75, 0.75, 0.1
CLIP_GRAD = 5.0


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class DropPos(nn.Module):
    def __init__(self, width, depth, heads, patch, side, decoder_width, decoder_heads):
        super().__init__()
        self.patch, self.cells = patch, (side // patch) ** 2
        self.embed = nn.Linear(3 * patch * patch, width)
        self.register_buffer("positions", torch.randn(self.cells, width) * 0.02)
        self.register_buffer("smoothed", torch.softmax(torch.randn(self.cells, self.cells), 1))
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.no_position = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.decoder_embed = nn.Linear(width, decoder_width)
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_width, decoder_heads) for _ in range(DECODER_BLOCKS))
        self.decoder_norm = nn.LayerNorm(decoder_width, eps=1e-6)
        self.decoder_pred = nn.Linear(decoder_width, self.cells)

    def encode(self, x):
        x = torch.cat([self.class_token.expand(len(x), -1, -1).to(x.dtype), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def weights(self, pixels):
        """How much each patch resembles its picture: the guide."""
        with torch.no_grad():
            x = self.encode(self.embed(pixels) + self.positions)
            alike = F.cosine_similarity(x[:, :1].float(), x[:, 1:].float(), dim=2)
        # The bf16 copies of weights that autocast has kept have no gradient.
        torch.clear_autocast_cache()
        return torch.softmax(alike / TEMPERATURE, 1)

    def forward(self, images):
        b, p, n = len(images), self.patch, images.shape[-1] // self.patch
        pixels = images.view(b, 3, n, p, n, p).permute(0, 2, 4, 1, 3, 5).reshape(b, self.cells, -1)
        weights = self.weights(pixels)
        visible = self.cells - int(MASK_RATIO * self.cells)
        kept = torch.rand(b, self.cells, device=images.device).argsort(1)[:, :visible]
        rows = kept.unsqueeze(2).expand(-1, -1, pixels.shape[2])
        dropped = torch.rand(b, visible, device=images.device).argsort(1) < int(
            POSITION_MASK_RATIO * visible)
        x = self.embed(pixels.gather(1, rows)) + torch.where(
            dropped.unsqueeze(2), self.no_position, self.positions[kept])
        x = self.decoder_embed(self.encode(x))
        for block in self.decoder_blocks:
            x = block(x)
        logits = self.decoder_pred(self.decoder_norm(x))[:, 1:].float()
        loss = -(self.smoothed[kept] * F.log_softmax(logits, 2)).sum(2)
        weight = weights.gather(1, kept) * dropped
        return (loss * weight).sum() / weight.sum()


def clip_each(parameters):
    """Scales each gradient whose norm is above CLIP_GRAD."""
    gradients = [p.grad for p in parameters]
    factors = torch.stack(torch._foreach_norm(gradients)).add(1e-6).reciprocal().mul(CLIP_GRAD)
    torch._foreach_mul_(gradients, list(factors.clamp(max=1.0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=sorted(MODELS), default="droppos_vitb")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--mode", choices=["fp32", "bf16", "compile-fp32", "compile-bf16"],
                        default="bf16")
    parser.add_argument("--steps", type=int, default=12, help="of which the first two do not count")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    args = parser.parse_args()
    torch.manual_seed(0)
    kind = args.device.split(":")[0]
    sizes = MODELS[args.model]
    model = DropPos(*sizes).to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05,
                                  fused=True)
    host = torch.randn(args.batch_size, 3, sizes[4], sizes[4], pin_memory=kind == "cuda")
    forward = torch.compile(model) if args.mode.startswith("compile") else model
    parameters = list(model.parameters())
    wait = lambda: None
    if kind == "cuda":
        wait = functools.partial(torch.cuda.synchronize, args.device)
    seconds = []
    for _ in range(args.steps):
        wait()
        start = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast(kind, torch.bfloat16, enabled="bf16" in args.mode):
            loss = forward(host.to(args.device, non_blocking=True))
        loss.backward()
        assert all(p.grad is not None for p in parameters)
        clip_each(parameters)
        optimizer.step()
        wait()
        seconds.append(time.perf_counter() - start)
    rates = sorted(args.batch_size / s for s in seconds[2:])
    peak = torch.cuda.max_memory_allocated(args.device) if kind == "cuda" else 0
    print(json.dumps({
        "peer": "PyTorch " + torch.__version__, "model": args.model, "mode": args.mode,
        "batch_size": args.batch_size, "images_per_s_median": round(statistics.median(rates), 2),
        "images_per_s_worst": round(rates[0], 2), "images_per_s_best": round(rates[-1], 2),
        "peak_mib": round(peak / 2**20),
        "loss": round(loss.item(), 4)}))


if __name__ == "__main__":
    main()
