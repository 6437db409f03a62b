#!/bin/bash
# States that training changes: in checkpoints, the same bits after a resume, untouched by a refused update, taken
# from another model where no file has them, averaged weights evaluated, and replayed.
. "$(dirname "$0")/lib.sh"

write_images train 640 16 4 1
write_images t10k 200 16 4 2
sizes=(-D batch=16 -D accumulate=2 -D img=16 -D classes=4)
compile "$here/states.tess" "${sizes[@]}" -o program
train() { ok ./program train --data . --lr 1e-2 --threads 2 "$@"; }

# The keys of a checkpoint, or those that differ between two.
cat >keys.py <<'PY'
import json, struct, sys
def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    return {k: raw[8 + n:][slice(*t["data_offsets"])] for k, t in head.items() if k != "__metadata__"}
a = read(sys.argv[1])
b = read(sys.argv[2]) if len(sys.argv) > 2 else {}
print("\n".join(k for k in sorted(a) if a[k] != b.get(k)))
PY

# Whole, and ended half way: equal bits, states included, which change in every step.
train --steps 20 --checkpoint whole
train --steps 10 --checkpoint half
cp half later
train --steps 20 --resume later --checkpoint later
cmp whole later || fail "a resumed run gives other bits"
python3 keys.py whole half >changed
for key in norm.running_mean norm.running_var teacher/norm.running_mean teacher/conv.weight average/norm.running_var \
  average/head.bias queue labels seen conv.weight; do
  grep -qx "$key" changed || fail "$key did not change"
done
! grep -q table changed || fail "a fixed tensor changed"

# A refused update, behind good ones, leaves the checkpoint of the last good one.
ends 1 ./program train --data . --threads 2 --lr 1e30 --steps 20 --resume half --checkpoint refused --every 1
says err "a value is not finite"

# First values: those of the student, whether drawn or from a file; a file that has a state's own gives that.
# (An average of equal numbers is rounded.)
cat >same.py <<'PY'
import array
exec(open("keys.py").read().split("a = read")[0])
t = read(sys.argv[1])
numbers = lambda k: array.array("f", t[k])
near = lambda k: all(abs(a - b) <= 1e-6 for a, b in zip(numbers(sys.argv[2] + "/" + k), numbers(k)))
sys.exit(not all(map(near, ("conv.weight", "head.weight", "head.bias"))))
PY
ok ./program train --data . --steps 1 --lr 0 --threads 2 --seed 5 --checkpoint start
python3 same.py start teacher || fail "the teacher does not begin as the student"
cat >plain.py <<'PY'
import json
exec(open("keys.py").read().split("a = read")[0])
raw = open(sys.argv[1], "rb").read()
head = json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])
out, data = {}, b""
for k, v in read(sys.argv[1]).items():
    if "/" in k or k.startswith(("slot.", "queue", "labels", "seen")): continue
    out[k] = head[k] | {"data_offsets": [len(data), len(data) + len(v)]}
    data += v
text = json.dumps(out).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data)
PY
python3 plain.py whole plain
ok ./program eval --data . --init whole --json
whole=$(cat out)
ends 1 ./program eval --data . --init plain --json
says err "missing: queue, labels, seen"
ok ./program train --data . --steps 1 --lr 0 --init plain --checkpoint begun
says err "missing, left at their initial values: queue, labels, seen"
python3 same.py begun average || fail "the average does not begin as the file's weights"
ok ./program eval --data . --init begun --json
[ "$whole" != "$(cat out)" ] || fail "evaluation does not see the averaged weights"

# Averaged weights alone, under plain names, running statistics too: they evaluate as the checkpoint's average.
train --steps 20 --checkpoint again --weights average=averaged
cmp whole again || fail "writing weights changes the run"
python3 - <<'PY' || fail "the weights are not the average"
exec(open("keys.py").read().split("a = read")[0])
w, t = read("averaged"), read("whole")
sys.exit(sorted("average/" + k for k in w) != sorted(k for k in t if k.startswith("average/"))
         or any(w[k] != t["average/" + k] for k in w))
PY
ok ./program train --data . --steps 1 --lr 0 --init averaged --checkpoint begun
python3 same.py begun average || fail "the weights are not read back"

# From a part of a frozen module, as its file has it.
compile "$here/taken.tess" --block source -o source
compile "$here/taken.tess" --block taken -o taken
ok ./source train --data . --steps 3 --checkpoint from
ok ./taken train --data . --steps 1 --frozen teacher=from --checkpoint to
python3 - <<'PY' || fail "the student does not begin as the teacher's part"
exec(open("keys.py").read().split("a = read")[0])
of, t = read("from"), read("to")
sys.exit(t["weight"] != of["fc.weight"] or t["bias"] != of["fc.bias"])
PY

# PyTorch's numbers (states_golden.py made the file).
compile "$here/states.tess" -D "@$here/states_golden.safetensors" -o golden
ok ./golden replay "$here/states_golden.safetensors"
says out '"missing":[],"ignored":[],"ok":true'

# Numbers of the interpreter, in f64, of micro-batches and of updates of each parameter.
for micros in 1 3; do
  ok "$make_replay" "$here/states.tess" file.safetensors "${sizes[@]}" -D accumulate=$micros -D each=$((micros / 3)) \
    -D lr=1e-3 --steps 3 --raw
  compile "$here/states.tess" -D @file.safetensors -o replayed
  ok ./replayed replay file.safetensors
  says out '"missing":[],"ignored":[],"ok":true'
done
# Another average is told from the right one.
compile "$here/states.tess" -D @file.safetensors -D keep=0.91 -o replayed
ends 1 ./replayed replay file.safetensors
says err "final.teacher/"
