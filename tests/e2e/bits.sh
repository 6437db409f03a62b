#!/bin/bash
# Same bits: whatever the number of threads, at a size where the work is cut into many tasks; after a run was killed
# and resumed; and of the program itself, built twice in two folders.
. "$(dirname "$0")/lib.sh"

write_images train 640 28 10 1
large=("$models/vit_classify.tess" -D batch=64 -D embed_dim=512 -D heads=8 -D depth=1 -D layer_decay=1)
compile "${large[@]}" -o large

# Every skeleton must have launches of at least 8 tasks, and those must do nine tenths of the work; results that
# are summed over tasks must be combined somewhere.
ok "$tessera" inspect large --json
python3 - out <<'PY' || fail "the size has too few tasks to prove anything"
import collections, json, re, sys
m = json.load(open(sys.argv[1]))
skeleton = [re.search(r"^plan \S+ cpu (\w+)", k["text"], re.M).group(1) for k in m["kernels"]]
cut, work = collections.Counter(), collections.Counter()
for e in m["entries"]:
    if e["name"] not in ("micro", "update"): continue
    for l in e["launches"]:
        many = l.get("tasks", 0) >= 8
        work["bytes", many] += l.get("bytes", 0)
        work["flop", many] += l.get("flop", 0)
        cut[skeleton[l["kernel"]]] += many
        cut["combine"] += m["kernels"][l["kernel"]]["name"].startswith("combine")
print(dict(cut), dict(work))
sys.exit(any(not n for n in cut.values()) or any(work[w, False] > 0.1 * work[w, True] for w in ("bytes", "flop")))
PY

train() { # PROGRAM CHECKPOINT [OPTIONS]
  ok "./$1" train --data . --lr 1e-3 --checkpoint "$2" "${@:3}"
}

for threads in 1 2 3; do train large "threads$threads" --steps 3 --threads $threads; done
cmp threads1 threads2 || fail "2 threads give other bits than 1"
cmp threads1 threads3 || fail "3 threads give other bits than 1"
train large other --steps 3 --seed 1
! cmp -s threads1 other || fail "another seed gives the same bits"

. "$source_dir/tests/seed.sh"

# Killed at whatever moment after a checkpoint, and resumed until it ends.
write_images train 600 16 4 2
compile "${small_vit[@]}" -D accumulate=2 -D drop_path=0.2 -D shift=2 -o small
train small whole --steps 400
resume=(--steps 400)
kills=0
while [ $kills -lt 4 ]; do
  ./small train --data . --lr 1e-3 --checkpoint killed --every 5 --log log "${resume[@]}" >out 2>err &
  run=$!
  until [ -s killed ] || ! kill -0 $run 2>/dev/null; do sleep 0.01; done
  sleep 0.0$((RANDOM % 10))
  kill -9 $run 2>/dev/null && kills=$((kills + 1))
  wait $run 2>/dev/null || true
  [ -s killed ] || fail "the run ended without a checkpoint: $(cat err)"
  resume=(--resume killed)
  grep -q "^done" out && break
done
[ $kills -gt 0 ] || fail "the run ended before it was killed"
train small killed --resume killed --log log
cmp whole killed || fail "killed $kills times and resumed gives other bits"
[ "$(sed -E 's/^\{"step":([0-9]+),.*/\1/' log)" = "$(seq 400)" ] || fail "the log has gaps or repetitions"

# The description's folder, the working folder and the program's name leave no trace.
mkdir one two
cp -r "$models" one/models
cp -r "$models" two/elsewhere
(cd one && "$tessera" build models/vit_classify.tess -D depth=1 -D img=14 -o program >/dev/null)
compile two/elsewhere/vit_classify.tess -D depth=1 -D img=14 -o two/other
cmp one/program two/other || fail "two folders give two programs"
! grep -qaF "$work" one/program || fail "the program holds the path of the folder that it was built in"
[ "${SANITIZED:-0}" = 1 ] || ! grep -qaF "$source_dir" one/program ||
  fail "the program holds the path of the compiler's tree"
