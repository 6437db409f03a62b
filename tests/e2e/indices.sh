#!/bin/bash
# Indices out of range: those of a description are refused by the build (tests/frontend/lang/index.tess); others end the
# run, naming the description's line and the index, before anything is made of what they picked.
. "$(dirname "$0")/lib.sh"

cat >pick.tess <<'T'
import "lib/optim.tess"
module net() {
  param a [4, 2] = 1
  fn (i i32 [B, J]) = gather(a, rearrange(i, "b j -> (j b)")) + gather(a, i[:, 0] + 1)[0]
}
train t(batch = 2, accumulate = 2) {
  data i i32 [batch, 2] = given()
  model m = net()
  let y = m(i)
  minimise sum(y)
  report y
  optimizer sgd(lr = 0.5, momentum = 0)
  evaluate { report picked = y }
}
train frozen(batch = 4) {
  data i i32 [batch, 2] = given()
  frozen m = net()
  report y = m(i)
}
T
write_steps() { # FILE: two steps of two micro-batches, whose 8 indices each stand on standard input
  python3 -c '
import array, json, struct, sys
numbers = [int(x) for x in sys.stdin.read().split()]
head, data = {}, b""
for k in range(len(numbers) // 8):
    raw = array.array("i", numbers[8 * k:8 * k + 8]).tobytes()
    head[f"step{k}.i"] = {"dtype": "I32", "shape": [4, 2], "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(head).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data)' "$1"
}

compile pick.tess --block t -o pick
compile pick.tess --block frozen -o still

# Indices that fit: nothing is said. (A replay without what it compares with ends with 1 all the same.)
write_steps fits <<<"0 3 2 1 1 2 0 0  2 3 1 0 2 2 1 3"
ends 1 ./pick replay fits
! grep -q "found index" err || fail "indices that fit are refused: $(cat err)"

# Step, micro-batch, place and index: of the whole, and of what is computed from a part.
refused() { # PROGRAM INDICES TEXT
  write_steps astray <<<"$2"
  ends 1 "$1" replay astray
  says err "$3"
}
refused ./pick "0 3 2 1 1 2 0 0  2 3 1 0 2 4 1 3" "pick.tess:4: step 1, micro-batch 1: found index 4 (element 1), expected 0..3"
refused ./pick "0 -1 2 1 1 2 0 0" "pick.tess:4: step 0, micro-batch 0: found index -1 (element 1), expected 0..3"
refused ./pick "0 3 2 2147483647 1 2 0 0" "step 0, micro-batch 0: found index 2147483647 (element 3), expected 0..3"
refused ./pick "3 3 2 1 1 2 0 0" "pick.tess:4: step 0, micro-batch 0: found index 4 (element 0), expected 0..3"
# Blocks of indices that fit are passed over at once.
python3 -c 'print("1 " * 598 + "4 0")' >many
sed "s/batch = 4/batch = 300/" pick.tess >long.tess
compile long.tess --block frozen -o long
python3 - many <<'PY'
import array, json, struct
raw = array.array("i", map(int, open("many").read().split())).tobytes()
text = json.dumps({"step0.i": {"dtype": "I32", "shape": [300, 2], "data_offsets": [0, len(raw)]}}).encode()
open("astray", "wb").write(struct.pack("<Q", len(text)) + text + raw)
PY
ends 1 ./long replay astray
says err "long.tess:4: step 0, micro-batch 0: found index 4 (element 598), expected 0..3"
refused ./still "0 1 9 1 0 0 0 0" "pick.tess:4: step 0, micro-batch 0: found index 9 (element 2), expected 0..3"
