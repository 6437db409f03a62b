#!/bin/bash
# Files that were damaged: bits of a checkpoint are flipped, each time one, drawn from the header or from the data, and
# the file is resumed, evaluated and taken for the sizes of a build. Nothing is accepted, nothing crashes, and the
# error names the file, and the tensor where the bit is a tensor's. FLIPS=1000 makes it a campaign (docs/files.md).
. "$(dirname "$0")/lib.sh"
. "$here/../seed.sh" "$0"

write_images train 64 16 4 1
write_images t10k 16 16 4 2
compile "${small_vit[@]}" -o program
ok ./program train --data . --threads 1 --steps 2 --checkpoint good

python3 - "$seed" "${FLIPS:-60}" "$tessera" "${small_vit[0]}" <<'PY' || fail "a damaged file was taken"
import json, os, random, struct, subprocess, sys, time
seed, flips, tessera, description = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
r = random.Random(seed)
good = open("good", "rb").read()
start = 8 + struct.unpack("<Q", good[:8])[0]
tensors = sorted((v["data_offsets"], k) for k, v in json.loads(good[8:start]).items() if k != "__metadata__")
resume = ["./program", "train", "--data", ".", "--threads", "1", "--steps", "3", "--resume", "bad"]
evaluate = ["./program", "eval", "--data", ".", "--threads", "1", "--init", "bad"]
build = [tessera, "build", description, "-D", "@bad", "-o", "other"]
faults = 0

def check(command, at, bit):
    """Status 1 and an error about the file, which names the tensor at a byte of the data."""
    end = subprocess.run(command, capture_output=True, text=True)
    names = [k for (a, b), k in tensors if a <= at - start < b]
    good = end.returncode == 1 and "bad" in end.stderr and "error" in end.stderr
    good = good and all('tensor "%s" is damaged' % k in end.stderr for k in names)
    if not good: print("byte %d, bit %d: status %d of %s: %s" % (at, bit, end.returncode, " ".join(command), end.stderr))
    return not good

for where, (first, last) in {"header": (0, start), "data": (start, len(good))}.items():
    began, commands = time.time(), 0
    for i in range(flips):
        at, bit = r.randrange(first, last), r.randrange(8)
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        open("bad", "wb").write(bad)
        wanted = [resume, evaluate] + ([build] if where == "header" else [])
        faults += sum(check(c, at, bit) for c in wanted)
        commands += len(wanted)
    print("%s: %d flips, %d commands, %.0f s, %d accepted or unclear so far" %
          (where, flips, commands, time.time() - began, faults))
sys.exit(faults > 0 or os.path.exists("other"))
PY
ok ./program train --data . --threads 1 --steps 3 --resume good
