#!/usr/bin/env bash
# Sets up a Debian 12 machine to build DropPos: installs the Debian packages that
# are missing (the only step that needs root) and fetches the pinned wheels.
# Quick when nothing is missing; safe to run again.
#
#   tools/setup.sh            what building and testing need
#   tools/setup.sh --list     print what would be installed, install nothing
#   tools/setup.sh --cuda     what this machine lacks of CUDA's toolkit and cuDNN, up to 1.5 GB,
#                             into ~/.cache/droppos-cuda (setup_cuda.sh)
#   tools/setup.sh --peers [DIR]  only the Python peers of tests/peer, into a virtual
#                             environment of their own (setup_peers.sh)
set -euo pipefail
case ${1:-} in
  --cuda | --peers) exec "$(dirname "$0")/setup_${1#--}.sh" "${@:2}" ;;
esac
cd "$(dirname "$0")/.."

# What WORKSPACE and third_party/BUILD.bazel name. One package a line, with its use.
packages=(
  g++                   # compiler, OpenMP runtime
  git                   # the commit that a program is built from
  bazel-bootstrap       # Bazel 4.2
  bazel-rules-java      # Bazel's C++ rules load these three
  bazel-rules-proto
  bazel-skylib
  bazel-platforms
  python3               # pip, which fetches the wheels
  python3-pip
  python3-numpy         # tests of the Python package
  libabsl-dev           # Abseil
  libarchive-dev        # tar shards
  libboost-context-dev  # fibers: GPU kernels run on the CPU in tests
  libcairo2-dev         # drawings
  fonts-dejavu-core     # text in drawings
  libcli11-dev          # command lines
  libeigen3-dev         # vector loops
  libgif-dev            # GIF files
  libgmock-dev          # tests
  libgtest-dev
  libhwy-dev            # vectors of more than one instruction set
  libisal-dev           # checksums
  libjpeg62-turbo-dev   # JPEG files
  libpng-dev            # PNG files
  libprotobuf-dev       # graph dumps that Netron opens
  protobuf-compiler
  libtiff-dev           # TIFF files
  libturbojpeg0-dev     # JPEG files that tests write
  libwebp-dev           # WebP files
  libxxhash-dev         # sums of a checkpoint's files
  nlohmann-json3-dev    # JSON
  zlib1g-dev            # gzip shards
)

missing=()
for package in "${packages[@]}"; do
  # "installed", not merely known or removed with its configuration kept.
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done

if [ "${1:-}" = --list ]; then
  echo "Debian packages: ${packages[*]}"
  echo "missing here:    ${missing[*]:-none}"
  grep -o 'wheel = "[^"]*"' WORKSPACE | sed 's/wheel = "\(.*\)"/PyPI wheel:      \1/'
  sed -n 's/^\(nvidia[^ ]*\) .*/with --cuda:     \1/p' third_party/cuda/wheels.txt
  exit 0
elif [ $# -gt 0 ]; then
  echo "setup.sh: unknown argument '$1'; usage: tools/setup.sh [--list | --cuda | --peers [DIR]]" >&2
  exit 2
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "setup.sh: not root and no sudo; as root, run:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "setup: all Debian packages are here"
fi

# Wheels live in Bazel's output base, pinned by SHA-256 in WORKSPACE.
echo "setup: wheels: $(grep -o 'wheel = "[^"]*"' WORKSPACE | cut -d'"' -f2 | tr '\n' ' ')"
if ! log=$(bazel build @onednn//:all @onednn_headers//:all 2>&1); then
  echo "$log" >&2
  echo "setup.sh: could not fetch the wheels (above); is PyPI reachable through pip? Without a network" \
    "PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR takes them from a folder (docs/building.md)" >&2
  exit 1
fi
echo "setup: done"
