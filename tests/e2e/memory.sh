#!/bin/bash
# Memory as announced. The plan, checked again from the manifest: live buffers do not overlap, the arena ends with the
# last of them, and is at most 1.1 times what lives at once. Then the whole process against the announced total,
# and the arena against what of it became resident.
. "$(dirname "$0")/lib.sh"

check_plan() { # PROGRAM
  ok "$tessera" inspect "$1" --json
  python3 - out <<'PY' || fail "the memory plan of $1 does not hold"
import json, sys
m = json.load(open(sys.argv[1]))
end = lambda b: b.get("offset", 0) + b["bytes"]
always = [b for b in m["buffers"] if b["lifetime"] == "always"]
most_end, most_live, bad = max(map(end, always)), 0, []

def overlaps(live):
    live = sorted(live, key=lambda b: b.get("offset", 0))
    return [(a["name"], b["name"]) for a, b in zip(live, live[1:]) if end(a) > b.get("offset", 0)]

for e in m["entries"]:
    own = [b for b in m["buffers"] if b["entry"] == e["name"]]
    most_end = max([most_end] + [end(b) for b in own])
    for i in range(len(e["launches"]) + 1):
        live = always + [b for b in own if b["lifetime"] == "entry" or b.get("first", 0) <= i <= b.get("last", 0)]
        most_live = max(most_live, sum(b["bytes"] for b in live))
        bad += overlaps(live)
arena, bound = m["arena_bytes"], m["live_bytes"]
print(f"arena {arena}, last buffer ends at {most_end}; bound {bound}, live {most_live}; overlaps {bad[:3]}")
sys.exit(bool(bad) or not most_end <= arena < most_end + 64 or bound != most_live or arena > 1.1 * most_live)
PY
}

number() { # LABEL: the number behind it in `out`
  grep -oE "$1 ?[0-9.]+" out | head -n 1 | grep -oE '[0-9.]+$'
}

near() { # PROGRAM ANNOUNCED_BYTES: against the largest resident set of the process, KiB in `peak`
  local announced=$(($2 / 1024)) found
  found=$(cat peak)
  printf '%s: announced %d KiB, found %d KiB\n' "$1" $announced "$found"
  [ "${SANITIZED:-0}" = 0 ] || return 0
  local off=$((found - announced)) most=$((announced / 20 + 32 * 1024))
  [ ${off#-} -le $most ] || fail "$1: off by $off KiB, expected at most $most"
}

# A small shell in between: the largest resident set survives exec.
timed() {
  ok /bin/sh -c 'exec /usr/bin/time -f %M -o peak "$@"' sh "$@"
}

check_trained() { # NAME OPTIONS OF BUILD -- OPTIONS OF TRAIN
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  compile "${options[@]}" -o "$name"
  says out "are live at once"
  check_plan "$name"
  timed "./$name" train --data . --steps 2 --threads 2 --log log "$@"
  says out "live at once"
  near "$name" "$(awk -v m="$(number memory)" 'BEGIN { printf "%.0f", m * 1048576 }')"
}

write_images train 2000 28 10 1
check_trained vit "$models/vit_classify.tess" -D batch=512 -D depth=4 -D layer_decay=1 -- --checkpoint vit.safetensors
check_trained digpt "$models/digpt.tess" -D batch=256 -D patch=7 -D embed_dim=128 -D depth=4 -D heads=4 \
  -D taps=1,2,3,4 -D decoder_dim=128 -D decoder_depth=1 -D decoder_heads=4 -D teacher=vit -D teacher_dim=128 \
  -D teacher_grid=4 -D teacher_depth=4 -D teacher_heads=4 -- --frozen teacher=vit.safetensors

compile "$models/clip_visual.tess" -D batch=8 -D width=320 -D layers=4 -D heads=4 -o clip
check_plan clip
timed ./clip bench --steps 2 --threads 2
near clip "$(number '"memory_planned":')"
off=$(($(number '"memory_peak":') / 1024 - $(cat peak)))
[ ${off#-} -le 1024 ] || fail "the peak that bench reports is off by $off KiB"
