#!/usr/bin/env bash
# gpu_bench.py on the CPU, in little: each operator that it times is one that bench takes, and what
# the tables say, with a PyTorch that only says how fast it is.
set -euo pipefail

script=tools/benchmark/gpu_bench.py
work=$TEST_TMPDIR/work
mkdir "$work"

fail() { echo "FAILED: $*"; exit 1; }
has() { grep -qE -- "$2" "$1" || { cat "$1"; fail "$1 lacks: $2"; }; }

cat > "$work/python" << 'END'
#!/usr/bin/env bash
echo "$@" >> "${0%/*}/python_calls"
case $1 in -c) exit 0 ;; esac
echo "a warning" >&2
echo '{"images_per_s_median": 0.001}'
END
chmod +x "$work/python"

small=(--device=cpu --precision=fp32 --model=droppos_tiny --batch_sizes=2,4 --op_batch=1
  --limit_size=256 --least_ms=0 --runs=1)
python3 "$script" --bench=tools/bench "${small[@]}" --python="$work/python" --out="$work/out" \
  > "$work/printed" 2> "$work/log" || { cat "$work/log"; fail "it should work"; }
cmp <(cat "$work/out/table.md"; echo) "$work/printed" || fail "the table is kept"
# 2 limits, 17 products, 8 others, 2 steps, 4 of the peer
[ "$(wc -l < "$work/out/results.jsonl")" = 33 ] || fail "$(wc -l < "$work/out/results.jsonl") results"
has "$work/printed" "^Measured limits: [0-9.]+ TFLOP/s .* 256 x 256 x 256 in f32"
has "$work/printed" "^\| fc1 weight gradient \| MatMulWeightGrad \|.*[0-9]% \| [0-9]+% \|$"
has "$work/printed" "^\| attention gradient 50 x 512 \| AttentionGrad \|"
has "$work/printed" "^\| 4 \| .* \| 0: [0-9.]+ times \| 0: [0-9.]+ times \|$"
has "$work/printed" "^## Where a step of batch 2 goes"
has "$work/printed" "^\| AdamW \| 1 \|"
has "$work/python_calls" "torch_step.py --model=droppos_tiny --batch_size=4 --mode=compile-fp32 --device=cpu"

refused() {  # TEXT FLAGS...
  local text=$1
  shift
  if python3 "$script" --bench=tools/bench "$@" > /dev/null 2> "$work/refusal"; then
    fail "should fail: $*"
  fi
  has "$work/refusal" "$text"
}
refused "exists; name another" --out="$work/out"
refused "cannot be run; build it" --bench="$work/nothing" --out="$work/other"

# What fails is named, and the rest goes on.
cat > "$work/bench" << 'END'
#!/usr/bin/env bash
case " $* " in *" --op=Attention "*) echo "bench: no attention" >&2; exit 1 ;; esac
echo '{"implementation": "x", "ms_median": 2.0, "ms_least": 1.0, "ms_most": 3.0, "gflop_per_s": 500,
  "gb_per_s": 50, "images_per_s_median": 10, "images_per_s_worst": 9, "images_per_s_best": 11,
  "gflop_per_image_done": 5, "ops": []}' | tr -d '\n'
END
chmod +x "$work/bench"
refused "gpu_bench.py: failed: attention 197 x 768: bench: no attention" "${small[@]}" \
  --bench="$work/bench" --python=/nowhere/python --out="$work/third"
has "$work/third/table.md" "^\| fc1 input gradient \| MatMul \| x \| 2.0000 \| 1.0000 to 3.0000 \| 100% \| 100% \|$"
has "$work/third/table.md" "^\| 2 \| 10 \(9 to 11\) \| 200.00 \| 10% \| - \| - \|$"
has "$work/third/table.md" "has no PyTorch"
