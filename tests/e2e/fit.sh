#!/bin/bash
# `tessera fit`: what it prints is what a build of that batch announces, with and without a limit; the next batch does
# not fit; and the least memory that it names builds, a byte less does not.
. "$(dirname "$0")/lib.sh"

# Small, apart from its batch; without code it is planned within a fraction of a second.
net=("$models/vit_classify.tess" -D img=16 -D patch=4 -D embed_dim=16 -D depth=2 -D heads=2 -D classes=4
     -D layer_decay=1 -D mean=0.3 -D std=0.3)

# announced OPTIONS..: the bytes that a build announces.
announced() {
  compile "${net[@]}" "$@" -o program
  grep -oE '[0-9]+ bytes\) in all' out | grep -oE '^[0-9]+'
}

# field ROW N: of the printed table.
field() {
  awk -v row="$1" -v n="$2" '$1 == row { print $n }' table
}

# check_row ROW BYTES OPTIONS OF BUILD..: the row's figures are those of a build.
check_row() {
  local row=$1 bytes=$2 batch found
  shift 2
  batch=$(field "$row" 2) found=$(field "$row" 3)
  [ "$found" -le "$bytes" ] || fail "$found bytes do not fit into $bytes"
  [ "$(announced "$@" -D batch="$batch")" = "$found" ] || fail "a build with batch=$batch announces something else"
  awk -v row="$row" '$1 == row && $7 > 0 && $8 > 0 { n++ } END { exit n != 1 }' table || fail "no prediction"
}

check_fit() { # MEMORY BYTES OPTIONS..
  local memory=$1 bytes=$2 next
  shift 2
  ok "$tessera" fit "${net[@]}" --memory "$memory" "$@"
  cp out table
  cat table
  check_row fastest "$bytes" "$@"
  next=$(announced "$@" -D batch=$(($(field fastest 2) + 1)))
  [ "$next" -gt "$bytes" ] || fail "one more fits too: $next bytes"
  check_row largest "$bytes" "$@" --max-memory "$memory"
  ends 1 "$tessera" build "${net[@]}" "$@" -D batch=$(($(field largest 2) + 1)) --max-memory "$memory" -o program
  says err "found a limit of $bytes bytes of memory"
  [ "$(field largest 2)" -ge "$(field fastest 2)" ] || fail "making values again makes batches smaller"
}

check_fit 6MiB $((6 * 1048576)) --threads 2
check_fit 12MB 12000000 --threads 3 -D accumulate=2
[ "$(field largest 2)" -gt "$(field fastest 2)" ] || fail "making values again gains nothing"

# The table's numbers as JSON.
ok "$tessera" fit "${net[@]}" --memory 12MB --threads 3 -D accumulate=2 --json
python3 - table out <<'PY' || fail "--json says something else"
import json, sys
rows = {r[0]: r for r in map(str.split, open(sys.argv[1])) if r[0] in ("fastest", "largest")}
fit = json.load(open(sys.argv[2]))
assert fit["tessera_fit"] == 1 and fit["memory"] == 12000000 and fit["threads"] == 3 and fit["cores"] == 1, fit
assert [p["program"] for p in fit["programs"]] == ["fastest", "largest"]
for p in fit["programs"]:
    name, batch, total, _, arena, thread, step, images = rows[p["program"]]
    assert (p["batch"], p["bytes"]) == (int(batch), int(total)) and p["next_tried"], (p, rows)
    assert p["bytes"] == p["arena_bytes"] + 3 * p["thread_bytes"] and p["images_a_step"] == 2 * p["batch"], p
    assert f'{p["arena_bytes"] / 2**20:.1f}' == arena and f'{p["thread_bytes"] / 2**20:.2f}' == thread, (p, rows)
    assert f'{p["step_s"]:.4g}' == step and abs(p["images_per_s"] * p["step_s"] - p["images_a_step"]) < 1e-6, (p, rows)
PY

# Not even one: the least is named, and is enough.
ends 1 "$tessera" fit "${net[@]}" --memory 100KiB --threads 2
says err "not even batch=1 fits into 102400 bytes: it takes at least "
least=$(grep -oE 'it takes at least [0-9]+' err | grep -oE '[0-9]+')
[ "$(announced -D batch=1 --threads 2 --max-memory "$least")" = "$least" ] || fail "batch=1 does not take $least bytes"
ok "$tessera" fit "${net[@]}" --memory "$least" --threads 2
cp out table
[ "$(field largest 2) $(field largest 3)" = "1 $least" ] || fail "$least bytes are not what batch=1 takes"
[ "$(field fastest 2)" = none ] || fail "a step that keeps more fits too"
ok "$tessera" fit "${net[@]}" --memory "$least" --threads 2 --json
python3 - "$(field fastest 3)" <<'PY' || fail "--json says something else"
import json, sys
none, one = json.load(open("out"))["programs"]
assert none["batch"] is None is none["step_s"] is none["arena_bytes"] and none["bytes"] == int(sys.argv[1]), none
assert one["batch"] == 1, one
PY
ends 1 "$tessera" fit "${net[@]}" --memory $((least - 1)) --threads 2
says err "not even batch=1"
ends 1 "$tessera" build "${net[@]}" -D batch=1 --threads 2 --max-memory $((least - 1)) -o program
says err "expected at least $least "

ends 2 "$tessera" fit "${net[@]}"
says err "--memory says into what"
ends 2 "$tessera" fit --memory 1GiB
says err "which description?"
for memory in 24Gib x -5MiB 0 GiB 1e30; do
  ends 2 "$tessera" fit "${net[@]}" --memory "$memory"
  says err "wants an amount of memory as in 24GiB, 800MB or 123456, found \"$memory\""
done
ends 2 "$tessera" fit "${net[@]}" --memory 1GiB -D batch=4
says err "batch is what fit looks for"
ends 2 "$tessera" fit "${net[@]}" --memory 1GiB --max-memory 1GiB
says err "--memory is the limit, without --max-memory"
ends 1 "$tessera" fit "${net[@]}" --memory 1GiB -D img=17
says err "this was tried with -D batch=1"
ends 1 "$tessera" fit missing.tess --memory 1GiB
says err "missing.tess: error: cannot read the file"
