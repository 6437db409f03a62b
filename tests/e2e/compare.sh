#!/bin/bash
# `tessera compare`: a row a strategy, with what the programs themselves say; nothing stays behind, whatever ends it.
. "$(dirname "$0")/lib.sh"

mkdir tmp
export TMPDIR=$work/tmp

empty() {
  [ -z "$(ls -A tmp)" ] || fail "left behind: $(ls -A tmp)"
}

ok "$tessera" compare "${small_vit[@]}" auto auto --rounds 3 --steps 2 --threads 2 --json
empty
cp out result.json
compile "${small_vit[@]}" -o program
ok "$tessera" inspect program --json
python3 - result.json out <<'PY' || fail "what compare says does not hold"
import json, sys
r, m = (json.load(open(f)) for f in sys.argv[1:])
steps = [l for e in m["entries"] if e["name"] in ("micro", "update") for l in e["launches"]]
first, second = r["strategies"]
assert r["rounds"] == 3 and r["steps"] == 2 and r["target"].startswith("cpu:"), r
for s in r["strategies"]:
    assert s["failed"] is None and len(s["seconds"]) == 3 and min(s["seconds"]) > 0, s
    assert s["median"] == sorted(s["seconds"])[1], s
    assert s["launches"] == len(steps) and s["kernels"] == len({l.get("kernel", 0) for l in steps}), s
    assert abs(s["bytes"] - sum(l["bytes"] for l in steps)) < 1, s
    assert abs(s["bytes_outside_contractions"] - sum(l["bytes"] for l in steps if not l.get("flop"))) < 1, s
    assert 0 < s["memory_real"] and m["arena_bytes"] < s["memory_announced"], s
ratios = sorted(b / a for a, b in zip(first["seconds"], second["seconds"]))
assert r["differ"] == [] and r["classes"] > 50, r["differ"]
assert first["ratio"] == 1 and abs(second["ratio"] - ratios[1]) < 1e-12, r
PY

# Strategies make different programs of one description.
ok "$tessera" compare "${small_vit[@]}" "$models/fusion/none.fuse" auto --rounds 1 --steps 1 --json
python3 - out <<'PY' || fail "fusion does not show"
import json, sys
r = json.load(open(sys.argv[1]))
none, auto = r["strategies"]
for what in "launches", "bytes", "bytes_outside_contractions", "memory_announced":
    assert none[what] > auto[what], (what, none[what], auto[what])
assert none["gflop"] == auto["gflop"]
# With every value in a kernel of its own, all that the compiler places otherwise differs, and is named.
differ = {d["class"]: d for d in r["differ"]}
assert 0 < len(differ) < r["classes"], r["classes"]
assert all(d["places"][0] == "a kernel of its own, in memory" != d["places"][1] for d in r["differ"]), r["differ"]
centred = differ["blocks.*.norm1.centred"]
assert centred["source"].startswith("lib/nn.tess:") and centred["places"][1] == "inline", centred
PY
mv out rows.json
ok "$tessera" compare "${small_vit[@]}" "$models/fusion/none.fuse" auto --rounds 1 --steps 1
python3 - rows.json out <<'PY' || fail "the groups are not those of the rows"
import collections, json, re, sys
differ = json.load(open(sys.argv[1]))["differ"]
lines = open(sys.argv[2]).read().splitlines()
assert len(lines) <= 40, len(lines)
assert any(l.startswith(f"{len(differ)} of ") and l.endswith("; --rows names each of them:") for l in lines), lines
group = re.compile(r" *(\d+)  (.*)")
counts = [int(m[1]) for m in map(group.fullmatch, lines) if m]
assert sum(counts) == len(differ) and counts[:-1] == sorted(counts[:-1], reverse=True), counts
inline = [d["source"] for d in differ if d["places"] == ["a kernel of its own, in memory", "inline"]]
at = lines.index(f"{len(inline):5}  none: a kernel of its own, in memory; auto: inline")
line, times = collections.Counter(inline).most_common(1)[0]
assert f"{line} x{times}" in lines[at + 1], (line, times, lines[at + 1])
PY
ok "$tessera" compare "${small_vit[@]}" "$models/fusion/none.fuse" "$models/fusion/all.fuse" auto --rounds 1 --steps 1 --rows
says out "none  "
grep -A 2 -F 'blocks.*.norm1.centred (lib/nn.tess:' out >rows
says rows "  none: a kernel of its own, in memory"
says rows "  all, auto: inline"

ok "$tessera" compare "${small_vit[@]}" auto --rounds 1 --steps 1
says out "1 round of 1 step each"
says out "auto "
empty

# The row that docs/fusion.md adds to a strategy.
cp "$models/fusion/epilogues.fuse" mine.fuse
grep -oP "(?<=echo ').*(?=' >> mine.fuse)" "$source_dir/docs/fusion.md" >>mine.fuse
ok "$tessera" compare "${small_vit[@]}" "$models/fusion/epilogues.fuse" mine.fuse --rounds 1 --steps 1 --json
python3 - out <<'PY' || fail "the walk of docs/fusion.md does not lead there"
import json, sys
r = json.load(open(sys.argv[1]))
epilogues, mine = r["strategies"]
assert mine["bytes"] < epilogues["bytes"], (mine, epilogues)
score = [d for d in r["differ"] if d["class"] == "blocks.*.attn.e"][0]
assert score["places"][0].endswith(", in memory") and score["places"][1] == "inline", score
PY

# One that fails is named, and the others have their rows.
ends 1 "$tessera" compare "${small_vit[@]}" auto missing.fuse auto --rounds 1 --steps 1
says out "missing   failed: it does not build"
says err "missing.fuse: error: "
[ "$(grep -c '^auto  ' out)" = 2 ] || fail "not two rows of auto"
ends 1 "$tessera" compare "${small_vit[@]}" missing.fuse --rounds 1 --steps 1 --json
python3 - <<'PY' || fail "what is not known is not null"
import json
side = json.load(open("out"))["strategies"][0]
assert side.pop("strategy") == "missing.fuse" and side.pop("failed") and side.pop("seconds") == [], side
assert set(side.values()) == {None}, side
PY
empty

# What is wrong with the description or the page is said once, and at once.
ends 1 "$tessera" compare "${small_vit[@]}" auto auto -D img=15 --rounds 1
[ ! -s out ] || fail "a table of nothing"
[ "$(grep -c "error: .*the image's side" err)" = 1 ] || { cat err; fail "not said once"; }
ends 1 "$tessera" compare "${small_vit[@]}" auto --report missing/page.html
says err "missing/page.html: error: cannot write the file: No such file or directory"
[ ! -s out ] || fail "it was measured first"
empty

# Signals to the process alone, while it builds and while it runs. The shell has commands in the background ignore SIGINT.
for signal in INT TERM HUP; do
  for wait in 0.3 4; do
    env --default-signal=INT "$tessera" compare "${small_vit[@]}" auto auto --steps 100000 >out 2>err &
    pid=$!
    sleep $wait
    [ -n "$(ls -A tmp)" ] || fail "no folder after $wait s"
    kill -$signal $pid
    status=0
    wait $pid || status=$?
    [ $status -gt 128 ] || fail "exit status $status after SIG$signal"
    empty
    ! pgrep -f "$TMPDIR/tessera\." || fail "a program goes on"
  done
done

TMPDIR=$work/nowhere ends 1 "$tessera" compare "${small_vit[@]}" auto
says err "cannot make the folder"
ends 2 "$tessera" compare
says err "which description?"
ends 2 "$tessera" compare "${small_vit[@]}"
says err "which strategies?"
ends 2 "$tessera" compare "${small_vit[@]}" auto --fusion missing.fuse
says err "strategies follow the description, without --fusion"
ends 2 "$tessera" compare "${small_vit[@]}" auto --rounds 0
says err "--rounds wants a whole number of at least 1, found \"0\""
ends 2 "$tessera" compare "${small_vit[@]}" auto --rounds 100000
says err "--rounds is at most 1000"
