#!/bin/bash
# The arithmetic of the table of hours, with a trainer that answers round numbers.
set -euo pipefail
table=$1
train="$TEST_TMPDIR/train"
cat > "$train" <<'FAKE'
#!/bin/bash
if [[ $1 == --list_models ]]; then
  echo "model             parameters  GFLOP/image  epochs  batch  what it is"
  echo "small                 1.24M        62.295      10     64  half of the published one's work"
  echo "mae_vitl            329.24M       124.59     800     64  MAE, ViT-L/16"
elif [[ $* == "--model=small --plan=json --plan_gpu=x,y --batch_size=512 --precision=bf16" ]]; then
  echo '{"devices":[{"variants":[{"images_per_s":1000}]},{"variants":[{"images_per_s":1e4}]}]}'
else
  [[ $* == "--model=small --plan --threads=4 --precision=bf16" ||
     $* == "--model=small --plan --batch_size=32 --threads=4 --precision=bf16" ]] || exit 1
  echo "fits: 1 MiB of 2; largest --batch_size 7; 10 images/s; an epoch in 1 h, the run in 2 h"
fi
FAKE
chmod +x "$train"

expect() {
  local line=$1
  shift
  local out
  out=$(python3 "$table" "$train" "$@" --threads=4 --precision=bf16)
  grep -qxF "$line" <<< "$out" || { echo "no '$line' in"; echo "$out"; exit 1; }
}
# 8,000,000 images at 10 images/s on 4 threads: 222 h on 4 cores. The GPU: 42 h * 64 for 800 epochs
# of ImageNet, and so 10.5 h for these images at half the work.
expect "| \`small\`: 62.295 GFLOP, 10 images/s | 10,000 x 800 | 444 | 56 | 14 | 10 |" small
expect "| \`small\`: 62.295 GFLOP, 40 images/s | 10,000 x 800 | 111 | 14 | 3.5 | 10 |" small=40
expect "| \`small\`: 62.295 GFLOP, 40 images/s | 10,000 x 800 | 111 | 14 | 3.5 | 10 | 2.2 | 0.22 |" \
  small=40 --plan_gpu=x,y --gpu_batch=512
# The CPU's batch is not the GPUs'.
expect "| \`small\`: 62.295 GFLOP, 10 images/s | 10,000 x 800 | 444 | 56 | 14 | 10 | 2.2 | 0.22 |" \
  small --plan_gpu=x,y --gpu_batch=512 --batch_size=32
if python3 "$table" "$train" small 2> "$TEST_TMPDIR/err"; then echo "took no --threads"; exit 1; fi
grep -q "usage: hours_table.py" "$TEST_TMPDIR/err"
