#!/usr/bin/env bash
# Fetches what this machine lacks of CUDA 13: the toolkit, cuDNN, cuDNN's frontend. They are wheels
# from PyPI, pinned by version and SHA-256 in third_party/cuda/wheels.txt. Run as
# `tools/setup.sh --cuda`; needs no root and no GPU, safe to run again.
#
# Everything is a download of 1.0 GB (423 MB are cuBLAS, 366 MB cuDNN) and 1.5 GB in
# ~/.cache/droppos-cuda; cuDNN and its frontend alone 378 MB and 475 MB, the frontend alone 12 MB
# and 4 MB. While it works it needs twice that. CUDA_HOME is the toolkit if it is set; so
# CUDA_HOME=~/.cache/droppos-cuda fetches everything and leaves the system's toolkit alone, and
# builds with the same CUDA_HOME use it.
set -euo pipefail
cd "$(dirname "$0")/.."
find=third_party/cuda/find_toolkit.sh
fetched=$HOME/.cache/droppos-cuda
if [ $# -gt 0 ]; then
  echo "setup.sh: usage: [CUDA_HOME=DIR] tools/setup.sh --cuda" >&2
  exit 2
fi

# The value of a line of find_toolkit.sh.
value() { sed -n "s/^$1=//p" <<<"$2"; }

# What is here without what was fetched: HOME leads there, and perhaps CUDA_HOME.
home=${CUDA_HOME:-}
[ "${home%/}" != "$fetched" ] || home=/nonexistent
here=$(HOME=/nonexistent CUDA_HOME=$home "$find")
if [ -z "$(value toolkit "$here")" ]; then
  wheels=nvidia-
elif [ -z "$(value cudnn "$here")" ]; then
  wheels=nvidia-cudnn-
elif [ -z "$(value frontend "$here")" ]; then
  wheels=nvidia-cudnn-frontend
else
  wheels=""
fi

if [ -z "$wheels" ]; then
  echo "setup: CUDA is all here"
elif wanted=$(grep "^$wheels" third_party/cuda/wheels.txt) &&
  [ -e "$fetched/wheels.txt" ] && ! grep -qvxFf "$fetched/wheels.txt" <<<"$wanted"; then
  echo "setup: what this machine lacks of CUDA is in $fetched already"
else
  echo "setup: fetching into $fetched: $(cut -d' ' -f1 <<<"$wanted" | tr '\n' ' ')"
  new=$fetched.new
  rm -rf "$new"
  mkdir -p "$new/tmp"
  trap 'rm -rf "$new"' EXIT
  echo "$wanted" >"$new/wheels.txt"
  # The same wheels whichever Python runs this: of the frontend's, one for each version of Python,
  # only the headers are taken.
  if ! TMPDIR=$new/tmp python3 -m pip install -q --disable-pip-version-check --no-cache-dir \
    --root-user-action=ignore --no-deps --require-hashes --only-binary=:all: --no-compile \
    --python-version=3.11 --implementation=cp --abi=cp311 --platform=manylinux_2_28_x86_64 \
    --platform=manylinux_2_27_x86_64 --platform=manylinux2014_x86_64 \
    --platform=manylinux2010_x86_64 --target="$new/pip" -r "$new/wheels.txt"; then
    echo "setup.sh: could not fetch CUDA's wheels (above); is PyPI reachable through pip, and is there" \
      "disk space? Without a network PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR takes them from a folder" >&2
    exit 1
  fi
  # As a toolkit lies: bin, include, lib, nvvm.
  for part in "$new"/pip/nvidia/cu13/{bin,include,lib,nvvm} "$new"/pip/nvidia/cudnn/{include,lib} \
    "$new/pip/include"; do
    [ ! -d "$part" ] || cp -rl "$part" "$new"
  done
  mkdir "$new/licenses"
  for info in "$new"/pip/*.dist-info; do
    name=$(basename "$info" .dist-info)
    [ ! -d "$info/licenses" ] || cp -rl "$info/licenses" "$new/licenses/$name"
  done
  rm -rf "$new/pip" "$new/tmp" "$fetched"
  mv "$new" "$fetched"
fi

# A server of Bazel that runs looks only once by itself.
if ! log=$(bazel sync --configure 2>&1); then
  echo "$log" >&2
  exit 1
fi
now=$("$find")
missing=$(value missing "$now")
if [ -n "$missing" ]; then
  echo "setup.sh: builds do not find CUDA: $missing. CUDA_HOME, if it is set, must be a toolkit: unset it," \
    "or export CUDA_HOME=$fetched" >&2
  exit 1
fi
echo "setup: CUDA $(value version "$now") in $(value toolkit "$now"), cuDNN in $(value cudnn "$now")," \
  "its frontend in $(value frontend "$now")"
