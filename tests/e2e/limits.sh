#!/bin/bash
# Where there is less than usual: control groups, no /proc, no environment, no /tmp, files that may not grow; what is not
# a number, no samples, and names that are no UTF-8. It works, or says what is wrong.
. "$(dirname "$0")/lib.sh"

tiny=("$models/vit_classify.tess" -D batch=8 -D img=8 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D classes=4
      -D layer_decay=1 -D mean=0.3)
compile "${tiny[@]}" -D std=0.3 -o vit
write_images train 64 8 4 1
write_images t10k 16 8 4 2
train=(./vit train --data . --steps 2 --threads 1)

# An empty environment.
ok env -i "$tessera" build "${tiny[@]}" -D std=0.3 -o bare
cmp bare vit || fail "another program without an environment"
ok env -i "${train[@]}" --checkpoint bare.safetensors

# A file that may not grow ends a build in an error, and leaves nothing.
mkdir small
(cd small && ulimit -f 8 && ! "$tessera" build "${tiny[@]}" -D std=0.3 -o vit >out 2>err) || fail "a build without room"
grep -q 'error: ' small/err || fail "nothing was said of a file that could not grow"
[ "$(ls -A small)" = "$(printf 'err\nout')" ] || fail "left behind: $(ls -A small)"

# Ranges of options.
for option in --steps --epochs --limit --threads --print --every; do
  ends 1 ./vit train --data . $option 0 --checkpoint c
  says err "$option: found \"0\", expected "
done
ends 1 ./vit replay none --tolerance 0
says err '--tolerance: found "0", expected a positive number'

# Evaluation of nothing, and of what is no number: the error names the line.
mkdir empty
(cd empty && write_images t10k 0 8 4 1)
ok "${train[@]}" --checkpoint good
ends 1 ./vit eval --data empty --init good
says err "found no samples"
python3 - <<'PY'
import json, struct
raw = bytearray(open("good", "rb").read())
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
body = raw[8 + n:]
at = head["head.bias"]["data_offsets"][0]
body[at:at + 4] = struct.pack("<f", float("nan"))
head = json.dumps({"head.bias": head["head.bias"]} | {k: v for k, v in head.items() if k != "__metadata__"}).encode()
open("bad", "wb").write(struct.pack("<Q", len(head)) + head + body)
PY
ends 1 ./vit eval --data . --init bad
says err "error: loss is not finite in batch 0, samples 0 to 7"
says err '"head.bias" isn'
grep -qE 'vit_classify.tess:[0-9]+: step 0, batch 0: kernel |vit.tess:[0-9]+: step 0, batch 0: kernel ' err ||
  fail "no line: $(cat err)"
[ ! -s out ] || fail "a number was printed: $(cat out)"

# Names that are no UTF-8, from descriptions, paths and metadata, are valid JSON all the same.
odd=$(printf 'odd\xff\xc3')
python3 - <<'PY'
open(b"odd\xff\xc3.tess", "wb").write(b'train t(batch = 2, tag = "a") {\n  data x f32 [batch] = given()\n'
                                       b'  setting s = 1 "help \xff\xe2\x82"\n  let y = x * s\n  report y\n}\n')
PY
compile "$odd.tess" -D "tag=$(printf 'b\xff')" -o oddly
for command in "./oddly info --json" "$tessera inspect oddly --json" "./oddly bench --steps 1 --threads 1" \
               "$tessera explain $odd.tess --json"; do
  ok $command
  python3 -c 'import json; json.loads(open("out", "rb").read().decode("utf-8"))' || fail "no JSON: $command"
done

[ "$(id -u)" = 0 ] || { echo "the rest needs root"; exit 0; }

# A temporary folder that cannot be written.
if unshare -m true 2>/dev/null; then
  mkdir tmp
  ok unshare -m bash -c 'mount -t tmpfs -o ro tmpfs /tmp && exec "$@"' sh "$tessera" build "${tiny[@]}" -D std=0.3 -o bare
  ok unshare -m bash -c 'mount -t tmpfs -o ro tmpfs /tmp && exec "$@"' sh env TMPDIR="$PWD/tmp" "$tessera" build \
    "${tiny[@]}" -D std=0.3 -o bare
fi
# No /proc: the processor is asked itself. (A leak sanitizer needs /proc, and reads its options there.)
if [ "${SANITIZED:-0}" = 0 ] && unshare -m true 2>/dev/null; then
  without=(unshare -m bash -c 'mount -t tmpfs tmpfs /proc && exec "$@"' sh)
  ok "${without[@]}" "$tessera" build "${tiny[@]}" -D std=0.3 -o bare
  cmp bare vit || fail "another program without /proc"
  ok "${without[@]}" "${train[@]}" --checkpoint bare.safetensors
  cmp bare.safetensors good || fail "other weights without /proc"
fi

# Control groups of version 1: the program's threads and its memory.
grown() { # FOLDER COMMAND..: runs in the group
  bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"
}
groups=/sys/fs/cgroup
if [ -w $groups/cpu/cgroup.procs ] && [ "$(nproc)" -ge 2 ]; then
  cpu=$groups/cpu/tessera_test.$$
  mkdir -p "$cpu/inner"
  trap 'rmdir "$cpu/inner" "$cpu" "${memory:-}" 2>/dev/null; rm -rf "$work"' EXIT
  echo 100000 | tee "$cpu/cpu.cfs_period_us" >"$cpu/cpu.cfs_quota_us"
  ok grown "$cpu/inner" ./vit bench --steps 1 # the quota of the group around it
  says out '"threads":1,'
fi
if [ -w $groups/memory/cgroup.procs ]; then
  memory=$groups/memory/tessera_test.$$
  mkdir "$memory"
  trap 'rmdir "${cpu:-/nowhere}/inner" "${cpu:-/nowhere}" "$memory" 2>/dev/null; rm -rf "$work"' EXIT
  echo 100M >"$memory/memory.limit_in_bytes"
  compile "${tiny[@]}" -D std=0.3 -D batch=100000 -o large
  ends 1 grown "$memory" ./large bench --steps 1 --threads 1
  says err "out of memory: the program needs "
  says err "MiB can be had by the control group's limit of 100.0 MiB ($memory/memory.limit_in_bytes)"
  ok grown "$memory" ./vit bench --steps 1 --threads 1
fi
