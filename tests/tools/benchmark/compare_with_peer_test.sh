#!/usr/bin/env bash
# The comparison with two programs that only say how fast they are: which measurements are
# made, what the tables say of them, and what bad input gets.
set -euo pipefail

compare=$PWD/tools/compare_with_peer.sh
work=$TEST_TMPDIR/work
mkdir -p "$work/peer/torch" "$work/peer/timm"
cd "$work"
touch peer/torch/__init__.py peer/timm/__init__.py
export PYTHONPATH=$work/peer

fail() { echo "FAILED: $*"; exit 1; }
has() { grep -qF -- "$2" "$1" || { cat "$1"; fail "$1 lacks: $2"; }; }

# Here: 30 images/s in fp32 and 60 in bf16 on two threads, half on one.
cat > bench << 'END'
#!/usr/bin/env bash
echo "$@" >> bench_calls
speed=30
case " $* " in *" --precision=bf16 "*) speed=60 ;; esac
case " $* " in *" --threads=1 "*) speed=$((speed / 2)) ;; esac
echo "a table for people"
echo '{"images_per_s_median": '$speed', "roofline_share": 0.5, "peak_mib": 100}'
END
chmod +x bench
# The peer: 20 in fp32, 24 in bf16, 15 compiled; a quarter less on one thread.
cat > peer/bench_peer.py << 'END'
import json, sys
a = dict(x[2:].split("=") for x in sys.argv[1:])
speed = {"fp32": 20, "bf16": 24, "compile-bf16": 15}[a["mode"]]
if a["threads"] == "1": speed *= 0.75
print("warning", file=sys.stderr)
print(json.dumps(dict(images_per_s_median=speed, peak_mib=200 if a["mode"] == "bf16" else 400)))
END

export BENCH=$work/bench
ROUNDS=2 MODELS="tiny cifar" SCALING=tiny THREADS=2 BENCH_FLAGS="--runs=3 --steps=1" \
  bash "$compare" peer out > printed 2> log || { cat log; fail "it should work"; }
cmp printed out/table.md || fail "the table is kept"
# (2 models x 5 kinds + 1 model x 5 kinds on one thread) x 2 rounds
[ "$(wc -l < out/rows.jsonl)" = 30 ] || fail "rows: $(wc -l < out/rows.jsonl)"
has bench_calls "--runs=3 --steps=1"
has bench_calls "--input_size=32"
has printed "| tiny | 128 | here | fp32 | 30.00 (30.00 to 30.00) | 50.0% | 100 |"
has printed "| tiny | 128 | peer | bf16 | 24.00 (24.00 to 24.00) | - | 200 |"
# Against the best of the peer's modes; fp32 against fp32 alone.
has printed "| tiny | fp32 | batch 128 | fp32, batch 128 | 1.50 | 0.25 (batch 128) |"
has printed "| cifar | bf16 | batch 256 | bf16, batch 256 | 2.50 | 0.50 (batch 256) |"
has printed "| tiny | 128 | here | bf16 | 30.00 | 60.00 | 2.00 |"
has printed "| tiny | 128 | peer | fp32 | 15.00 | 20.00 | 1.33 |"

# Fine-tuning is beside timm's step, of the project.
cat > python << 'END'
#!/usr/bin/env bash
echo "$@" >> "$TEST_TMPDIR/work/python_calls"
case "$1" in
  */finetune_step.py) echo '{"images_per_s_median": 10, "peak_mib": 300}' ;;
  *) exec python3 "$@" ;;
esac
END
chmod +x python
PYTHON=$work/python MODELS=vitb_finetune SCALING= ROUNDS=1 OURS=bf16 MODES=bf16 THREADS=2 \
  bash "$compare" peer finetune > printed 2> log || { cat log; fail "fine-tuning should work"; }
has bench_calls "--model=vitb --batch_size=32"
has python_calls "finetune_step.py --model=vitb --batch=32 --mode=bf16"
has printed "| vitb_finetune | bf16 | batch 32 | bf16, batch 32 | 6.00 |"

refused() {  # TEXT COMMAND...
  local text=$1
  shift
  if "$@" > /dev/null 2> refusal; then fail "should fail: $*"; fi
  has refusal "$text"
}
refused "usage" bash "$compare"
refused "has no bench_peer.py" bash "$compare" "$work" other
refused "out exists" bash "$compare" peer out
refused "unknown model 'vitx'" env MODELS=vitx bash "$compare" peer other
refused "unknown 'fp8' in OURS" env OURS=fp8 bash "$compare" peer other
refused "unknown 'tf32' in MODES" env MODES=tf32 bash "$compare" peer other
refused "ROUNDS" env ROUNDS=0 bash "$compare" peer other
refused "has no torch" env PYTHONPATH= bash "$compare" peer other
refused "nobody cannot be run" env BENCH=nobody bash "$compare" peer other
[ ! -e other ] || fail "a refusal leaves nothing behind"
echo 'raise SystemExit("out of memory")' > peer/bench_peer.py
refused "out of memory" env MODELS=tiny SCALING= ROUNDS=1 bash "$compare" peer broken
echo "not json" > rows
refused "rows:1" python3 "$(dirname "$compare")/benchmark/peer_table.py" rows 2
echo PASSED
