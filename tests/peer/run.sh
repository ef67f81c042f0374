#!/usr/bin/env bash
# All checks against PyTorch, timm, onnxruntime and TensorBoard (tools/setup.sh --peers), by hand:
#
#   tests/peer/run.sh PHOTOS [DROPPOS_CHECKOUT]
#   bazel test //tests/peer:peer_test --test_env=HOME --test_arg=PHOTOS [--test_arg=CHECKOUT]
#
#   PHOTOS             a folder of images
#   DROPPOS_CHECKOUT   the official code; without it, weights_test.py makes its .pth itself
#
# $DROPPOS_PEERS names the environment (default ~/.cache/droppos-peers), $BAZEL the
# build command (default bazel).
set -euo pipefail
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
photos=$(realpath "$1")
official=()
[ $# -lt 2 ] || official=("--official=$(realpath "$2")")
cd "$(dirname "$0")/../.."
env=${DROPPOS_PEERS:-$HOME/.cache/droppos-peers}/env.sh
if [ ! -e "$env" ]; then
  echo "run.sh: there is no $env; run tools/setup.sh --peers" >&2
  exit 1
fi
if [ -n "${TEST_SRCDIR:-}" ]; then  # as a test: what it needs was built
  bin=$PWD/tools
  write_events=$PWD/tests/peer/write_events
else
  bazel=${BAZEL:-bazel}
  $bazel build //tools:train //tools:export //tools:extract_features \
    //tests/peer:write_events
  bin=$($bazel info bazel-bin)/tools
  write_events=$bin/../tests/peer/write_events
fi
. "$env"
failed=0
python tests/peer/tensorboard_test.py --write_events="$write_events" || failed=1
python tests/peer/weights_test.py --photos="$photos" --bin="$bin" "${official[@]}" || failed=1
python tests/peer/onnx_test.py --photos="$photos" --bin="$bin" || failed=1
python tools/benchmark/torch_step.py --model=droppos_tiny --batch_size=8 --steps=3 || failed=1
exit $failed
