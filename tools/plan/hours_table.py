"""Prints docs/performance.md's table of hours: model, images x epochs, cores or GPU.

  bazel build //tools:train
  python3 tools/plan/hours_table.py bazel-bin/tools/train droppos_vitb droppos_vits=62.0 \
      --threads=2 --precision=bf16

MODEL=RATE is images/s that were measured; for MODEL alone --plan is asked, with the flags that are
given. Both are of --threads threads of this machine. Other numbers of cores get the same images/s
for each core, a V100 the rate below over the model's GFLOP an image, the GPUs of --plan_gpu what
--plan predicts for them, at --gpu_batch images and with the same flags but --threads and
--batch_size.
"""
import json
import re
import subprocess
import sys

RUNS = [(10_000, 800), (100_000, 800), (1_281_167, 200), (1_281_167, 800)]  # images, epochs
CORES = [2, 16, 64]

# The code that the official DropPos is made from publishes a time: MAE, ViT-L, 800 epochs of
# ImageNet, "~42h in 64 V100 GPUs" (facebookresearch/mae, PRETRAIN.md).
PUBLISHED_MODEL = "mae_vitl"
PUBLISHED_IMAGES_PER_S = 1_281_167 * 800 / (42 * 3600 * 64)  # of one GPU


def run(args):
  return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout


def found(pattern, text):
  match = re.search(pattern, text, re.MULTILINE)
  if not match:
    sys.exit(f"hours_table.py: no {pattern} in\n{text}")
  return float(match.group(1))


def hours(seconds):
  h = seconds / 3600
  return f"{h:.2g}" if h < 9.95 else f"{h:,.0f}"


def main():
  train, *args = sys.argv[1:] or [""]

  def values(name, of):
    return [v for f in of if f.startswith(f"--{name}=") for v in f.split("=", 1)[1].split(",")]

  gpus, gpu_batch = values("plan_gpu", args), values("gpu_batch", args)
  args = [a for a in args if not a.startswith(("--plan_gpu=", "--gpu_batch="))]
  flags = [a for a in args if a.startswith("--")]
  threads = [int(f.split("=")[1]) for f in flags if f.startswith("--threads=")]
  models = [a for a in args if not a.startswith("--")]
  if len(threads) != 1 or not models or len(gpu_batch) != min(len(gpus), 1):
    sys.exit("usage: hours_table.py TRAIN MODEL[=IMAGES_PER_S] ... --threads=N [FLAGS of --plan] "
             "[--plan_gpu=NAME,... --gpu_batch=N]")
  zoo = run([train, "--list_models"])

  def gflop(model):
    return found(rf"^{model} +\S+M +([\d.]+) ", zoo)

  def predicted(model):
    if not gpus:
      return []
    plan = json.loads(run([train, f"--model={model}", "--plan=json",
                           f"--plan_gpu={','.join(gpus)}", f"--batch_size={gpu_batch[0]}",
                           *[f for f in flags
                             if not f.startswith(("--threads=", "--batch_size="))]]))
    return [device["variants"][0]["images_per_s"] for device in plan["devices"]]

  gpu_gflops = PUBLISHED_IMAGES_PER_S * gflop(PUBLISHED_MODEL)
  print("| model | images x epochs |", "".join(f" {c} cores |" for c in CORES), " one V100 |",
        "".join(f" one {g}, predicted |" for g in gpus), sep="")
  print("| --- | --- |" + " --- |" * (len(CORES) + 1 + len(gpus)))
  for argument in models:
    model, _, given = argument.partition("=")
    rate = float(given) if given else found(
        r"; ([\d.e+]+) images/s;", run([train, f"--model={model}", "--plan", *flags]))
    of_gpus = predicted(model)
    for i, (images, epochs) in enumerate(RUNS):
      work = images * epochs
      cells = [work / (rate * c / threads[0]) for c in CORES]
      cells.append(work * gflop(model) / gpu_gflops)
      cells += [work / r for r in of_gpus]
      name = f"`{model}`: {gflop(model):g} GFLOP, {rate:g} images/s" if i == 0 else ""
      print(f"| {name} | {images:,} x {epochs} | {' | '.join(map(hours, cells))} |")


if __name__ == "__main__":
  main()
