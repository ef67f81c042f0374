#!/usr/bin/env python3
"""Converts weights between PyTorch's .pth, as the official code writes them, and safetensors.

  python3 tools/convert_checkpoint.py checkpoint.pth weights.safetensors
  python3 tools/convert_checkpoint.py weights.safetensors checkpoint.pth

A .pth is read as {'model': state_dict}, {'state_dict': ...} or a bare state dict, with or without
the "module." that DistributedDataParallel puts before names; it is written as {'model': state_dict}.
Tensors keep their names, values and types; the text metadata of a safetensors file is kept in the
.pth under 'metadata', so that a file comes back byte by byte. Optimizer state is left out.

Needs PyTorch and safetensors (tools/setup.sh --peers).
"""

import argparse
import os
import sys
import tempfile

SUFFIXES = {".pth": "pth", ".pt": "pth", ".bin": "pth", ".safetensors": "safetensors"}


class Refused(Exception):
    """What the person who typed the command should read."""


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", metavar="IN", help="either kind; told apart by content")
    parser.add_argument("output", metavar="OUT")
    parser.add_argument("--to", choices=["pth", "safetensors"], help="default: by OUT's suffix")
    parser.add_argument(
        "--float32", action="store_true", help="store numbers of other float types as float32"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")
    parser.add_argument(
        "--trust",
        action="store_true",
        help="also read a .pth that holds more than tensors and numbers; runs code of that file",
    )
    args = parser.parse_args(argv)
    if args.to is None:
        args.to = SUFFIXES.get(os.path.splitext(args.output)[1])
        if args.to is None:
            raise Refused(f"{args.output}: what format? Name it *.pth or *.safetensors, or give --to")
    return args


def read_pth(path, trust):
    """The state dict and the metadata, if any, of a .pth."""
    import torch

    with open(path, "rb") as file:  # a zip file, or, as torch wrote before 1.6, a pickle
        if file.read(4)[:1] not in (b"P", b"\x80"):
            raise Refused(f"{path} is no .pth file")
    try:
        # The official code saves its flags beside the tensors.
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=not trust)
    except OSError:
        raise
    except Exception as error:  # the unpickler meets damaged files in many ways
        if "Unsupported global" in str(error) or "WeightsUnpickler error" in str(error):
            raise Refused(
                f"{path} holds Python objects other than tensors and numbers; "
                "--trust reads them, which runs code of that file"
            )
        what = str(error).splitlines()[0].split(". ")[0] if str(error) else ""
        raise Refused(f"{path} is no whole .pth or safetensors file ({type(error).__name__}: {what})")
    if not isinstance(checkpoint, dict):
        raise Refused(f"{path} holds a {type(checkpoint).__name__}, not a state dict")
    metadata = checkpoint.get("metadata", {})
    for key in ("model", "state_dict"):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    tensors = {}
    for name, value in checkpoint.items():
        if not isinstance(value, torch.Tensor):
            raise Refused(
                f"{path}: '{name}' is a {type(value).__name__}, not a tensor; expected a state dict, "
                "by itself or under 'model'"
            )
        name = name[len("module.") :] if name.startswith("module.") else name
        if name in tensors:
            raise Refused(f"{path} holds '{name}' twice, with and without 'module.'")
        tensors[name] = value
    return tensors, metadata if isinstance(metadata, dict) else {}


def read_safetensors(path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise Refused(f"{path} is no whole safetensors file: {error}")


def is_safetensors(path):
    """Starts with the length of a header, and the header with a brace."""
    with open(path, "rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{"


def sorted_header(path):
    """Puts the metadata of a safetensors file in the order of its keys: the library writes them as
    they come, which differs from run to run."""
    import json

    with open(path, "r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            return  # never seen: the same entries in another order have the same length
        file.seek(8)
        file.write(text.ljust(length))


def write(path, kind, tensors, metadata):
    import torch
    from safetensors.torch import save_file

    # Apart from each other and dense: safetensors knows neither views nor shared memory.
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    folder = os.path.dirname(path) or "."
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".tmp-", dir=folder)
    os.close(handle)
    try:
        if kind == "safetensors":
            metadata = {str(key): str(value) for key, value in metadata.items()}
            save_file(tensors, temporary, {**metadata, "format": "pt"})
            sorted_header(temporary)
        else:
            torch.save({"model": tensors, "metadata": metadata}, temporary)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp's file is for its owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def convert(args):
    try:
        import safetensors  # noqa: F401
        import torch
    except ImportError as error:
        raise Refused(f"{error}; this script needs PyTorch and safetensors: tools/setup.sh --peers")
    if os.path.isdir(args.output):
        raise Refused(f"{args.output} is a folder")
    if os.path.exists(args.output) and not args.overwrite:
        raise Refused(f"{args.output} exists; choose another name or give --overwrite")
    if is_safetensors(args.input):
        tensors, metadata = read_safetensors(args.input)
    else:
        tensors, metadata = read_pth(args.input, args.trust)
    if not tensors:
        raise Refused(f"{args.input} holds no tensors")
    if args.float32:
        tensors = {
            name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
    write(args.output, args.to, tensors, metadata)
    values = sum(tensor.numel() for tensor in tensors.values())
    print(f"wrote {args.output}: {len(tensors)} tensors, {values} values")


def main(argv):
    try:
        convert(parse_args(argv))
    except Refused as error:
        print(f"convert_checkpoint: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"convert_checkpoint: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
