#!/usr/bin/env bash
# Times training steps here and in the official PyTorch code, alternately on this machine,
# and prints how many times faster this is.
#
#   tools/compare_with_peer.sh PEER_DIR [OUT_DIR]
#
#   PEER_DIR  holds bench_peer.py, which times one training step of the official model
#             and prints a line of JSON (--model, --batch, --mode, --steps, --threads, and
#             for --model=custom --img --patch --dim --depth --heads --dd --ddep --dh);
#             finetune models are timm's (tools/benchmark/finetune_step.py)
#   OUT_DIR   gets rows.jsonl, one line of JSON for each measurement as the programs
#             printed it, and table.md; default: peer-comparison; must not exist
#
# Variables:
#   PYTHON       the python that has PyTorch and timm; where tools/setup.sh --peers put
#                them, source env.sh of that folder first      python3
#   ROUNDS       measurements of each kind, alternately        3
#   MODELS       of vits vitb vitl cifar tiny vits_finetune
#                vitb_finetune                                 "vits vitb vitl cifar tiny"
#   MODES        of the peer                                   "fp32 bf16 compile-bf16"
#   OURS         of bench: fp32 bf16 int8 (bf16 with a guide
#                in int8)                                      "fp32 bf16"
#   BATCHES      overrides every model's batch sizes; best and equal batch are compared
#   THREADS      of the main table                             all CPUs
#   SCALING      models measured with 1 and 2 threads, too     "vitb cifar"
#   PEER_STEPS   steps of the peer, the first two not counted  7
#   BENCH        the program                                   bazel-bin/tools/bench, built
#   BENCH_FLAGS  further flags for it, as "--runs=7"
#
# Compile time is counted on neither side. Anything else that runs meanwhile falsifies the
# numbers of both; ratios of medians within one run are what to quote.
set -euo pipefail

fail() { echo "compare_with_peer.sh: $*" >&2; exit 1; }

case "${1:-}" in
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  "") fail "usage: tools/compare_with_peer.sh PEER_DIR [OUT_DIR]; --help says more" ;;
esac
[ $# -le 2 ] || fail "usage: tools/compare_with_peer.sh PEER_DIR [OUT_DIR]; --help says more"
peer=$(realpath -m -- "$1")
out=$(realpath -m -- "${2:-peer-comparison}")
[ -f "$peer/bench_peer.py" ] || fail "$1 has no bench_peer.py; name the peer's folder"
[ ! -e "$out" ] || fail "$out exists; name another OUT_DIR"
root=$(cd -- "$(dirname -- "$0")/.." && pwd)

python=${PYTHON:-python3}
rounds=${ROUNDS:-3}
models=${MODELS:-vits vitb vitl cifar tiny}
modes=${MODES-fp32 bf16 compile-bf16}
ours=${OURS-fp32 bf16}
threads=${THREADS:-$(nproc)}
scaling=${SCALING-vitb cifar}
peer_steps=${PEER_STEPS:-7}
read -r -a bench_flags <<< "${BENCH_FLAGS:-}"
case $rounds$threads$peer_steps in *[!0-9]*) fail "ROUNDS, THREADS and PEER_STEPS are numbers" ;; esac
[ "$rounds" -ge 1 ] || fail "ROUNDS=$rounds must be at least 1"

# The batch sizes of a model, and its flags here and there.
describe() {
  step=$peer/bench_peer.py
  case $1 in
    vits_finetune | vitb_finetune)
      batches="32"; here=(--model="${1%_finetune}"); there=(--model="${1%_finetune}")
      step=$root/tools/benchmark/finetune_step.py
      ;;
    vits) batches="16 64"; here=(--model=droppos_vits); there=(--model=vits) ;;
    vitb) batches="16 64"; here=(--model=droppos_vitb); there=(--model=vitb) ;;
    vitl) batches="16"; here=(--model=droppos_vitl); there=(--model=vitl) ;;
    cifar)
      batches="256"
      here=(--model=droppos_tiny --input_size=32 --patch_size=4 --embed_dim=192 --depth=6
        --num_heads=3 --decoder_embed_dim=128 --decoder_depth=2 --decoder_num_heads=4)
      there=(--model=custom --img=32 --patch=4 --dim=192 --depth=6 --heads=3 --dd=128 --ddep=2
        --dh=4)
      ;;
    tiny)
      batches="128"
      here=(--model=droppos_tiny)
      there=(--model=custom --img=64 --patch=8 --dim=128 --depth=4 --heads=4 --dd=128 --ddep=2
        --dh=4)
      ;;
    *) fail "unknown model '$1' in MODELS or SCALING; known: vits vitb vitl cifar tiny vits_finetune vitb_finetune" ;;
  esac
  batches=${BATCHES:-$batches}
}
for model in $models $scaling; do describe "$model"; done
for kind in $ours; do
  case $kind in fp32 | bf16 | int8) ;; *) fail "unknown '$kind' in OURS; known: fp32 bf16 int8" ;; esac
done
for mode in $modes; do
  case $mode in
    fp32 | bf16 | compile-fp32 | compile-bf16) ;;
    *) fail "unknown '$mode' in MODES; known: fp32 bf16 compile-fp32 compile-bf16" ;;
  esac
done

"$python" -c 'import torch, timm' 2> /dev/null ||
  fail "$python has no torch and timm; tools/setup.sh --peers installs them, PYTHON names one"
bench=${BENCH:-}
if [ -z "$bench" ]; then
  (cd "$root" && bazel build //tools:bench)
  bench=$root/bazel-bin/tools/bench
fi
[ -x "$bench" ] || fail "$bench cannot be run; BENCH names the program"
mkdir -p -- "$out"

# keep WHO KIND THREADS ROUND MODEL BATCH: puts the last line of stdin, JSON, into rows.jsonl.
keep() {
  "$python" -c '
import json, sys
who, kind, threads, turn, model, batch = sys.argv[1:]
lines = sys.stdin.read().strip().splitlines()
row = dict(who=who, kind=kind, threads=int(threads), round=int(turn), row=model, batch=int(batch))
row["result"] = json.loads(lines[-1])
print(json.dumps(row))' "$@" >> "$out/rows.jsonl"
}

run_here() {  # KIND THREADS ROUND MODEL BATCH
  local precision=(--precision="$1")
  [ "$1" != int8 ] || precision=(--precision=bf16 --guide_precision=int8)
  echo "round $3: $4 batch $5, here $1, $2 threads" >&2
  "$bench" --what=step "${here[@]}" --batch_size="$5" --threads="$2" "${precision[@]}" --json \
    ${bench_flags[@]+"${bench_flags[@]}"} | keep here "$@"
}

run_there() {  # MODE THREADS ROUND MODEL BATCH
  echo "round $3: $4 batch $5, peer $1, $2 threads" >&2
  (cd -- "$peer" && OMP_NUM_THREADS=$2 "$python" "$step" "${there[@]}" --batch="$5" \
    --mode="$1" --threads="$2" --steps="$peer_steps" 2> "$out/peer_stderr.txt") |
    keep peer "$@" || fail "the peer failed; $out/peer_stderr.txt ends: $(tail -n 1 "$out/peer_stderr.txt")"
}

measure() {  # THREADS ROUND MODEL
  describe "$3"
  for batch in $batches; do
    for kind in $ours; do run_here "$kind" "$1" "$2" "$3" "$batch"; done
    for mode in $modes; do run_there "$mode" "$1" "$2" "$3" "$batch"; done
  done
}

for ((round = 1; round <= rounds; ++round)); do
  for model in $models; do measure "$threads" "$round" "$model"; done
  for model in $scaling; do
    for n in 1 2; do
      # The main table has been measured with these already.
      if [ "$n" = "$threads" ] && [[ " $models " == *" $model "* ]]; then continue; fi
      measure "$n" "$round" "$model"
    done
  done
done

"$python" "$root/tools/benchmark/peer_table.py" "$out/rows.jsonl" "$threads" | tee "$out/table.md"
