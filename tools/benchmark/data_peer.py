"""Loads the pictures of a job file as torchvision's transforms do; //tools:bench runs it.

usage: data_peer.py JOBS   prints {"images_per_s": ..., "what": ...}

Decodes with Pillow, crops and resizes (bicubic), flips, makes a normalised float tensor:
by torchvision where it is installed, else by the same calls of Pillow's and torch's (or
NumPy's) that torchvision makes. Where the job asks for RandAugment or random erasing, timm's
create_transform does everything, with random draws of its own. One thread. The files are read once
before the clock starts.
"""
import json
import sys
import time

from PIL import Image
import PIL

import numpy as np

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

try:
    import torch
    torch.set_num_threads(1)
except ImportError:
    torch = None
try:
    import torchvision.transforms.functional as F
except ImportError:
    F = None


def by_torchvision(image, box, size, flip):
    x, y, w, h = box
    image = F.resized_crop(image, y, x, h, w, size[::-1], F.InterpolationMode.BICUBIC)
    if flip:
        image = F.hflip(image)
    return F.normalize(F.to_tensor(image), MEAN, STD)


def by_pillow(image, box, size, flip):
    x, y, w, h = box
    image = image.crop((x, y, x + w, y + h)).resize(size, Image.Resampling.BICUBIC)
    if flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.array(image, np.uint8)
    if torch is None:
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / 255
        return (planes - np.array(MEAN, np.float32)[:, None, None]) / np.array(
            STD, np.float32)[:, None, None]
    planes = torch.from_numpy(pixels).permute((2, 0, 1)).contiguous().to(torch.float32).div(255)
    return planes.sub_(torch.tensor(MEAN).view(-1, 1, 1)).div_(torch.tensor(STD).view(-1, 1, 1))


def timms_transform(jobs):
    from timm.data import auto_augment, create_transform
    posterize = auto_augment.NAME_TO_OP["PosterizeIncreasing"]

    def to_black_too(image, bits, **kw):  # which Pillow 13 refuses and timm sometimes asks for
        return posterize(image, bits, **kw) if bits else Image.new("RGB", image.size)

    auto_augment.NAME_TO_OP["PosterizeIncreasing"] = to_black_too
    return create_transform((jobs["height"], jobs["width"]), is_training=True, color_jitter=None,
                            interpolation="bicubic", mean=MEAN, std=STD, **jobs["timm"])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = json.load(file)
    size = (jobs["width"], jobs["height"])
    if "timm" in jobs:
        whole = timms_transform(jobs)
        transform = lambda image, *_: whole(image)
    else:
        transform = by_torchvision if F else by_pillow
    for path, *_ in jobs["files"]:
        with open(path, "rb") as file:
            file.read()
    begin = time.perf_counter()
    for path, x, y, w, h, flip in jobs["files"]:
        with Image.open(path) as image:
            transform(image.convert("RGB"), (x, y, w, h), size, flip)
    seconds = time.perf_counter() - begin
    names = ["Pillow " + PIL.__version__]
    if torch:
        names.append("torch " + torch.__version__.split("+")[0])
    names.append("torchvision" if F else "no torchvision")
    if "timm" in jobs:
        import timm
        names[-1] = "timm " + timm.__version__
    print(json.dumps({"images_per_s": len(jobs["files"]) / seconds, "what": ", ".join(names)}))


if __name__ == "__main__":
    main()
