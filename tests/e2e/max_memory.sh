#!/bin/bash
# A limit on memory: a program that has one keeps to it, computes the same, and the least that an error names is the
# least. What makes no difference changes no byte.
. "$(dirname "$0")/lib.sh"

takes() { # PROGRAM: bytes, with its two threads
  ok "$tessera" inspect "$1" --json
  python3 -c 'import json; m = json.load(open("out")); print(m["arena_bytes"] + 2 * m.get("scratch_bytes", 0))'
}

limited() { # DESCRIPTION OPTIONS..: builds `least`, and `plain` without a limit
  local usual least
  rm -f plain least
  compile "$@" --threads 2 -o plain
  usual=$(takes plain)
  ends 1 "$tessera" build "$@" --threads 2 --max-memory 1 -o least
  [ ! -e least ] || fail "a program that was refused is there"
  says err "found a limit of 1 bytes of memory, expected at least"
  least=$(grep -oE 'at least [0-9]+' err | grep -oE '[0-9]+')
  compile "$@" --threads 2 --max-memory "$least" -o least
  [ "$(takes least)" = "$least" ] || fail "takes $(takes least) bytes, announced $least"
  ends 1 "$tessera" build "$@" --threads 2 --max-memory $((least - 1)) -o refused
  says err "expected at least $least"
  compile "$@" --threads 2 --max-memory "$usual" -o unlimited
  cmp plain unlimited || fail "a limit that is met anyway changes the program"
  [ "$least" -lt "$usual" ] || fail "the least is $least bytes, as without a limit"
  printf '%s: %d bytes, at least %d\n' "$1" "$usual" "$least"
}

if [ -d "$golden" ]; then
  limited "$models/digpt.tess" -D "@$golden/digpt_tiny_a.safetensors"
  ok ./least replay "$golden/digpt_tiny_a.safetensors"
  says out '"missing":[]'
  says out '"ok":true'
fi

write_images train 600 28 10 1
limited "$models/vit_classify.tess" -D batch=64 -D depth=3
for program in plain least; do
  ok ./$program train --data . --steps 3 --threads 2 --log $program.log
done
python3 - plain.log least.log <<'PY' || fail "the losses differ"
import json, sys
def losses(path):
    rows = [json.loads(line) for line in open(path)]
    return [r["loss"] for r in rows if "loss" in r]
a, b = map(losses, sys.argv[1:])
print(a, b)
sys.exit(len(a) < 3 or len(a) != len(b) or any(abs(x - y) > 1e-4 * abs(x) for x, y in zip(a, b)))
PY

# The system's count of what became resident falls as the plans say, to a quarter: pages, the C library's own.
for program in plain least; do
  ok ./$program bench --steps 2 --threads 2
  mv out $program.json
done
python3 - "${SANITIZED:-0}" <<'PY' || fail "the memory that is saved is not what was planned"
import json, sys
plain, least = (json.load(open(p + ".json")) for p in ("plain", "least"))
planned, real = (plain[key] - least[key] for key in ("memory_planned", "memory_peak"))
print(f"saved: planned {planned}, real {real}")
sys.exit(sys.argv[1] == "0" and not 0.75 * planned < real < 1.25 * planned)
PY

ends 2 "$tessera" build "$models/vit_classify.tess" --max-memory much -o x
says err 'found "much"'
