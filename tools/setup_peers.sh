#!/usr/bin/env bash
# Installs the Python peers that some results are checked against: PyTorch, timm,
# onnxruntime, TensorBoard and what goes with them, for use on the CPU. Nothing else here needs
# them. Run as `tools/setup.sh --peers [DIR]`; safe to run again.
#
#   DIR   the virtual environment; default $DROPPOS_PEERS, else ~/.cache/droppos-peers
#
# Afterwards `. DIR/env.sh` puts its python first in PATH.
set -euo pipefail

# Versions that the recorded numbers were made with.
peers=(
  numpy==2.4.6
  safetensors==0.8.0
  onnx==1.23.2
  onnxruntime==1.32.0
  scikit-learn==1.9.1
  tensorboard==2.21.0
  # What torch and timm import.
  filelock fsspec jinja2 networkx "sympy<1.15" typing_extensions "setuptools<85"
  huggingface_hub==2.4.0 pillow==13.0.0 pyyaml==6.0.3
)
torch=(torch==2.15.0 torchvision==0.29.2)
timm=(timm==1.0.31)
# The parts of torch's GPU libraries that no CUDA toolkit has.
gpu=(nvidia-cufile nvidia-cusparselt-cu13 nvidia-nvshmem-cu13 nvidia-nccl-cu13==2.30.7)
cuda=${CUDA_HOME:-/usr/local/cuda}

venv=${1:-${DROPPOS_PEERS:-$HOME/.cache/droppos-peers}}
if [ $# -gt 1 ] || [ "${venv#-}" != "$venv" ]; then
  echo "setup.sh: usage: tools/setup.sh --peers [DIR]" >&2
  exit 2
fi

# Whether the environment works; `check loud` says why not.
check() {
  (
    . "$venv/env.sh"
    [ "${1:-}" = loud ] || exec 2>/dev/null
    python -c 'import onnx, onnxruntime, safetensors, sklearn, tensorboard, timm, torch
print("setup: torch", torch.__version__, "timm", timm.__version__, "onnxruntime", onnxruntime.__version__)'
  )
}

if [ ! -x "$venv/bin/python" ] && ! python3 -m venv "$venv"; then
  echo "setup.sh: cannot make a virtual environment in $venv; is the folder writable, and python3-venv installed?" >&2
  exit 1
fi
venv=$(cd "$venv" && pwd)
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
install() { "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"; }

echo "setup: peers into $venv"
install "${peers[@]}"
# PyPI's torch is linked against CUDA 13 also where it only uses the CPU. A toolkit
# that is here saves some gigabytes; without one, torch brings all of it itself.
libraries=""
if [ -e "$cuda/lib64/libcudart.so.13" ] && [ -e "$cuda/lib64/libcudnn.so.9" ]; then
  install --no-deps "${torch[@]}" "${timm[@]}" "${gpu[@]}"
  for folder in "$site"/nvidia/{nccl,cu13,nvshmem}/lib "$cuda/lib64" "$cuda/extras/CUPTI/lib64"; do
    libraries+=${libraries:+:}$folder
  done
fi
write_env() {
  {
    echo "export PATH=\"$venv/bin:\$PATH\""
    [ -z "$libraries" ] || echo "export LD_LIBRARY_PATH=\"$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
  } >"$venv/env.sh"
}
write_env
if ! check; then
  libraries=""
  write_env
  install "${torch[@]}" "${timm[@]}"
  check loud || { echo "setup.sh: the peers in $venv do not import (above)" >&2; exit 1; }
fi
echo "setup: done; now: . $venv/env.sh"
