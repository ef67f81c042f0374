"""DropPos from Python: runs as tables, weights and features as arrays.

The programs do the work; these functions start them and read their files. Nothing needs more than
Python, but load() and features() return NumPy arrays, or torch tensors if asked.
"""

import importlib
import json
import os
import subprocess
import tempfile

__version__ = "of a clone"  # in a download make_dist.py writes its version here

_HERE = os.path.dirname(os.path.abspath(__file__))

# The types of safetensors in NumPy's names; bfloat16 is not among NumPy's.
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
          "I8": "<i1", "U8": "<u1", "BOOL": "?"}


class DropPosError(RuntimeError):
    """A program refused; the message is its own."""


def launcher():
    """The path of `droppos`: $DROPPOS, or the one of this package."""
    return os.environ.get("DROPPOS") or os.path.join(_HERE, "programs", "bin", "droppos")


def run(command, *flags, stdin=subprocess.DEVNULL, **options):
    """Runs `droppos COMMAND FLAGS`, with keyword arguments as flags: run("train", steps=3).

    True gives --flag; False gives --no_flag for "train" and nothing for the others, whose switches
    are off by default; a list is joined by commas. `stdin` is as for subprocess.run. Returns
    standard output; raises DropPosError with what the program wrote to standard error.
    """
    arguments = [launcher(), command, *map(str, flags)]
    for name, value in options.items():
        if isinstance(value, bool):
            if value or command == "train":
                arguments.append("--" + ("" if value else "no_") + name)
        elif value is not None:
            if isinstance(value, (list, tuple)):
                value = ",".join(map(str, value))
            arguments.append("--%s=%s" % (name, value))
    ended = subprocess.run(arguments, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           encoding="utf-8", errors="replace")
    if ended.returncode != 0:
        raise DropPosError(ended.stderr.strip() or "droppos %s: exit code %d" %
                           (command, ended.returncode))
    return ended.stdout


def read_run(folder):
    """The lines of a run's metrics.jsonl as a list of flat dicts: pandas.DataFrame(read_run(DIR)).

    Each has `kind` ("train" for a step, "eval" for an evaluation), `step` and `epoch`. Runs of older
    versions read the same. A line that a stopped run left
    unfinished is passed over.
    """
    rows = []
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                break
            row = json.loads(line)
            timing = row.pop("timing", {})
            row.update(("time_" + name, value) for name, value in timing.items())
            row.setdefault("kind", "train" if "loss" in row else "eval")
            rows.append(row)
    return rows


def _check(as_):
    """Raises before anything is computed if arrays cannot be given as asked."""
    if as_ not in ("numpy", "torch"):
        raise ValueError("as_ is %r; it is 'numpy' or 'torch'" % (as_,))
    for module in sorted({"numpy", as_}):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            raise ModuleNotFoundError("as_=%r needs %s: pip install %s" %
                                      (as_, module, module)) from None


def read_safetensors(path, as_="numpy"):
    """A safetensors file as {name: array}; `as_` is "numpy" or "torch"."""
    _check(as_)
    import numpy
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = numpy.frombuffer(data[begin:end], _TYPES[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"]).copy()  # may be written to
    if as_ == "torch":
        import torch
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    return arrays


def load(run_folder, as_="torch"):
    """The trained encoder as a state dict under timm's names.

    `run_folder`: a run's folder, one of its checkpoints, or a file of weights.

        model = timm.create_model("vit_base_patch16_224", num_classes=0)
        model.load_state_dict(droppos.load("runs/a"))
    """
    _check(as_)
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "timm")
        run("export", checkpoint=run_folder, format="timm", out=out)
        return read_safetensors(os.path.join(out, "model.safetensors"), as_)


def features(run_folder, as_="numpy", **options):
    """What the encoder makes of images: {"cls": (N, D), "patch_mean": (N, D), "labels": (N), ...}.

    `options` are the flags of `droppos extract_features`: data_path=DIR, split="train",
    val_fraction=0, tokens=True, ... The key "names" holds the images' names, in the same order.
    They are computed in fp32, the same on every processor, unless precision="bf16" or "auto" is given.
    """
    _check(as_)
    options.setdefault("precision", "fp32")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "features.safetensors")
        run("extract_features", checkpoint=run_folder, out=out, **options)
        arrays = dict(read_safetensors(out, as_))
        with open(out, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        arrays["names"] = json.loads(header["__metadata__"]["names"])
        return arrays
