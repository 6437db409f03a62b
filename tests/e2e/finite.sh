#!/bin/bash
# Values that are not finite: the update is refused, the first kernel that makes one is named with its line of the
# description, the last good checkpoint stays, and nothing of the refused step reaches it.
. "$(dirname "$0")/lib.sh"

write_images train 320 16 4 1
compile "${small_vit[@]}" -o program
train=(./program train --data . --threads 2)

# The place of an error must exist, and the kernel stand there by the manifest.
check_culprit() {
  local said kernel place
  said=$(grep -oE '[a-z_/]+\.tess:[0-9]+: step [0-9]+, micro-batch [0-9]+: kernel [a-zA-Z0-9_]+ makes the first' err) ||
    fail "no kernel and line are named: $(cat err)"
  echo "$said"
  place=${said%%: *}
  kernel=$(sed -E 's/.*kernel ([a-zA-Z0-9_]+) makes.*/\1/' <<<"$said")
  "$tessera" inspect program --json >manifest
  python3 - "$kernel" "$place" <<'PY' || fail "$kernel does not stand at $place"
import json, sys
sys.exit((sys.argv[1], sys.argv[2]) not in {(k["name"], k["source"]) for k in json.load(open("manifest"))["kernels"]})
PY
  [ "$(wc -l <"$models/${place%:*}")" -ge "${place##*:}" ] || fail "there is no place $place"
}

# A rate that no weight survives: good checkpoints first, then a run that goes on from them with it.
ok "${train[@]}" --lr 1e-3 --steps 10 --checkpoint good
ends 1 "${train[@]}" --lr 1e30 --steps 40 --resume good --checkpoint good --every 1
says err "a value is not finite; the update was refused, the weights are those before it"
check_culprit
refused=$(grep -oE 'error: step [0-9]+' err | grep -oE '[0-9]+')
[ "$refused" -gt 10 ] || fail "refused at step $refused, expected one behind the checkpoint"
! ls -A | grep '^[.]' || fail "a temporary file or a lock is left"

# The checkpoint is that of the step before; going on from it refuses the same step, and changes nothing.
cp good last
ends 1 "${train[@]}" --lr 1e30 --resume good --checkpoint good --every 1
says err "error: step $refused: a value is not finite"
cmp good last || fail "the refused update changed the checkpoint"
python3 - "$refused" <<'PY' || fail "the last checkpoint is not whole"
import array, json, math, struct, sys
raw = open("good", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
numbers = array.array("f")
for name, t in head.items():
    if name != "__metadata__" and t["dtype"] == "F32":
        numbers.frombytes(raw[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]])
sys.exit(head["__metadata__"]["tessera.step"] != sys.argv[1] or not all(map(math.isfinite, numbers)))
PY

# The issue's own: from the start, with the largest steps that an f32 takes.
ends 1 "${train[@]}" --lr 1e12 --steps 200 --checkpoint largest
says err "a value is not finite"
check_culprit
step=$(grep -oE 'error: step [0-9]+' err | grep -oE '[0-9]+')
[ "$step" = 0 ] || grep -qa "\"tessera.step\":\"$step\"" largest || fail "the last good update has no checkpoint"
[ "$step" != 0 ] || [ ! -e largest ] || fail "a checkpoint of a run that made no update was written"

# One weight of a file is no number.
patch last planted 'at = 8 + n + head["blocks.1.mlp.fc1.weight"]["data_offsets"][0] + 4 * 37
raw[at:at + 4] = struct.pack("<f", float("nan"))
raw = with_head(json.dumps(head))'
ends 1 "${train[@]}" --lr 1e-3 --steps 10 --init planted --checkpoint never
says err '"blocks.1.mlp.fc1.weight" isn'"'"'t finite itself: element 37: found nan'
says err "error: step 0: a value is not finite"
check_culprit
says err "blocks.1"
[ ! -e never ] || fail "a checkpoint of a run that failed was written"

# No number is no agreement: replay fails on one in what it is given as in what it compares with.
ok "$make_replay" "$models/vit_classify.tess" reference "${small_vit[@]:1}" -D lr=1e-3
ok ./program replay reference
for tensor in step0.images grad.head.bias final.cls_token losses step0.logits; do
  patch reference spoilt 'at = 8 + n + head["'$tensor'"]["data_offsets"][0]
raw[at:at + 4] = struct.pack("<f", float("nan"))
raw = with_head(json.dumps(head))'
  ends 1 ./program replay spoilt
  says out '"ok":false'
  says err "nan"
done
