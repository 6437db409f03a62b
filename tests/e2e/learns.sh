#!/bin/bash
# The idea in small, as tools/quickstart walks it: a teacher learns labels, a student its tokens, and the student's
# weights are a better start for few labels than none. Losses fall, and shares of right answers are shares.
. "$(dirname "$0")/lib.sh"

write_images train 2048 16 4 1
write_images t10k 500 16 4 2
sizes=(-D batch=32 -D img=16 -D patch=4 -D embed_dim=24 -D depth=2 -D heads=2 -D mean=0.3 -D std=0.3 -D warmup=0.1
       -D flip=0)
compile "$models/vit_classify.tess" "${sizes[@]}" -D classes=4 -D layer_decay=1 -D drop_path=0 -o vit
compile "$models/digpt.tess" "${sizes[@]}" -D taps=1,2 -D decoder_dim=16 -D decoder_depth=1 -D decoder_heads=2 \
  -D teacher=vit -D teacher_dim=24 -D teacher_grid=4 -D teacher_depth=2 -D teacher_heads=2 -o digpt

share() { # CHECKPOINT: of right answers, in thousandths
  ok ./vit eval --data . --init "$1" --json
  python3 -c 'import json; v = json.load(open("out"))
assert v["images"] == 500 and 0 <= v["correct"] <= v["correct5"] <= 1 and v["correct5"] > 0.99, v
print(round(1000 * v["correct"]))'
}

falls() { # LOG NAME..: from its mean over the first 20 updates to that over the last
  python3 - "$@" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
for name in sys.argv[2:]:
    first, last = (sum(l[name] for l in part) / 20 for part in (lines[:20], lines[-20:]))
    print(f"{sys.argv[1]}: {name} from {first:.3g} to {last:.3g}")
    if not last < 0.7 * first: sys.exit(f"{name} does not fall")
PY
}

ok ./vit train --data . --steps 250 --lr 2e-3 --checkpoint teacher --log teacher.log
falls teacher.log loss
found=$(share teacher)
[ "$found" -gt 900 ] || fail "the teacher gives $found of 1000 right answers"

ok ./digpt train --data . --steps 250 --lr 2e-3 --frozen teacher=teacher --checkpoint student --log student.log
falls student.log ar kd

ok ./vit train --data . --steps 30 --limit 64 --lr 1e-3 --init student --checkpoint tuned
says err "note: student: missing, left at their initial values: fc_norm.weight, fc_norm.bias, head.weight, head.bias"
says err "note: student: unused: "
ok ./vit train --data . --steps 30 --limit 64 --lr 1e-3 --checkpoint scratch
tuned=$(share tuned)
scratch=$(share scratch)
echo "right answers in 1000: teacher $found, tuned $tuned, from scratch $scratch"
[ "$tuned" -gt "$scratch" ] || fail "pretraining does not help"
