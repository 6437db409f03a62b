#!/bin/bash
# Strategy files through the driver: each shipped one, and placements drawn at random that are legal, keep to the
# reference data; a file that allows everything gives the same bytes as none, and so do decisions that are written and
# read back; illegal and stale rows are refused by file, line and rule, and no program is left behind.
. "$(dirname "$0")/lib.sh"

[ -d "$golden" ] || skip "there is no reference data in $golden"
file=$golden/digpt_tiny_a.safetensors

replays() { # STRATEGY
  compile "$models/digpt.tess" -D "@$file" --fusion "$1" -o program
  local built
  built=$(head -1 out)
  ok ./program replay "$file"
  says out '"missing":[]'
  says out '"ok":true'
  printf '%s: %s; %s\n' "$1" "${built##*; }" "$(grep -o '"worst":{[^}]*}' out)"
}

compile "$models/digpt.tess" -D "@$file" --dump-after=place -o plain
cp out places
for strategy in none elementwise epilogues norm_in_pack all; do
  replays "$models/fusion/$strategy.fuse"
done
cmp plain program || fail "all.fuse and no strategy give different programs"

. "$source_dir/tests/seed.sh"

# Placements for every class, drawn; where inline is refused it is left to the compiler.
draw() { # SEED REFUSED
  python3 - "$@" <<'PY'
import random, re, sys
ops = {name: op for op, name in re.findall(r"^  %\d+ (\S+) .* class (\S+)", open("places").read(), re.M)}
refused = set(open(sys.argv[2]).read().split())
r = random.Random(int(sys.argv[1]))
words = ["auto", "join", "buffer", "join:maps", "inline:maps join:maps,contractions", "inline:contractions"]
with open("drawn.fuse", "w") as f:
    print("tessera fusion 1", file=f)
    for line, (name, op) in enumerate(ops.items(), 2):
        word = r.choice(words + ["inline"] * (op in ("elt", "cast", "random", "gather")))
        print(name, "auto" if str(line) in refused and word == "inline" else word, file=f)
PY
}
: >refused
for again in {1..40}; do
  echo "draw $again"
  draw "$seed" refused
  status=0
  "$tessera" build "$models/digpt.tess" -D "@$file" --fusion drawn.fuse -o program >out 2>err || status=$?
  [ $status = 0 ] && break
  [ $status = 1 ] || { cat err; fail "exit status $status of the compiler"; }
  grep -q 'rule F[567]: found inline' err || { cat err; fail "a drawn strategy was refused for another reason"; }
  sed -n 's/^drawn.fuse:\([0-9]*\):.*/\1/p' err >>refused
done
replays drawn.fuse

# Decisions that are written and read back make the same bytes: the compiler's own, and those of the drawn file.
written() { # PROGRAM [OPTIONS]
  ok "$tessera" explain "$models/digpt.tess" -D "@$file" "${@:2}" --force --write written.fuse
  compile "$models/digpt.tess" -D "@$file" --fusion written.fuse -o again
  cmp "$1" again || fail "decisions written and read back make another program: ${*:2}"
}
written plain
written program --fusion drawn.fuse

# refused TEXT SAYS..: the file is refused with these words, and the program that was there stays.
refused() {
  printf '%b' "$1" >bad.fuse
  echo before >kept
  ends 1 "$tessera" build "$models/digpt.tess" -D "@$file" --fusion bad.fuse -o kept
  shift
  for text in "$@"; do says err "$text"; done
  [ "$(cat kept)" = before ] || fail "a refused strategy left something at the program's place"
}
refused 'tessera fusion 1\nblocks.*.mlp.fc1.contract inline\n' bad.fuse:2:1 'rule F5'
refused 'tessera fusion 1\n** auto\nblocks.*.mlp.fc7.contract buffer\n' bad.fuse:3:1 'rule F4' 'did you mean "blocks.*.mlp.fc2.contract"'
refused '** buffer\n' bad.fuse:1:1 'rule F1'
refused 'tessera fusion 1\n** fused\n' bad.fuse:2:4 'rule F3'
ends 1 "$tessera" build "$models/digpt.tess" --fusion nowhere.fuse -o kept
says err nowhere.fuse
