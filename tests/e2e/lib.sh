# Sourced by the tests of this folder, which ctest calls as NAME.sh SOURCE_DIR BUILD_DIR. Each works in a folder of
# its own and ends at the first thing that does not hold.
# shellcheck shell=bash disable=SC2034 # the tests use what is set here
set -euo pipefail
export LC_ALL=C

source_dir=$1
build_dir=$2
models=$source_dir/models
golden=$source_dir/../shared/golden
tessera=$build_dir/tessera
make_replay=$build_dir/tests/make_replay
here=$source_dir/tests/e2e

work=$(mktemp -d "$build_dir/e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  printf 'FAILED: %s\n' "$*"
  exit 1
}

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

# Runs a command that must end well; what it says stays in `out` and `err`.
ok() {
  "$@" >out 2>err || { cat out err; fail "exit status $? of: $*"; }
}

# ends STATUS COMMAND..: runs a command that must end with this status.
ends() {
  local want=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  [ $status = "$want" ] || { cat out err; fail "exit status $status, expected $want, of: $*"; }
}

# says FILE TEXT: the text stands in `out` or `err`.
says() {
  grep -qF -- "$2" "$1" || { cat "$1"; fail "expected in what was printed: $2"; }
}

# silent FILE TEXT: the text does not stand there.
silent() {
  ! grep -qF -- "$2" "$1" || { cat "$1"; fail "not expected in what was printed: $2"; }
}

compile() {
  ok "$tessera" build "$@"
}

# write_images PREFIX COUNT SIDE CLASSES SEED: an IDX set of noise, with a bright square that tells the class.
write_images() {
  python3 - "$@" <<'PY'
import random, struct, sys
prefix, (count, side, classes, seed) = sys.argv[1], map(int, sys.argv[2:])
r = random.Random(seed)
labels = bytes(r.randrange(classes) for _ in range(count))
cells = max(1, int(classes ** 0.5 + 0.999))
edge = side // cells
def image(label):
    pixels = bytearray(r.randbytes(side * side))
    for k in range(side * side): pixels[k] >>= 2
    y0, x0 = label // cells * edge, label % cells * edge
    for y in range(y0, min(y0 + edge, side)):
        for x in range(x0, min(x0 + edge, side)): pixels[y * side + x] |= 192
    return bytes(pixels)
with open(prefix + "-images-idx3-ubyte", "wb") as f:
    f.write(struct.pack(">IIII", 0x803, count, side, side))
    for label in labels: f.write(image(label))
with open(prefix + "-labels-idx1-ubyte", "wb") as f: f.write(struct.pack(">II", 0x801, count) + labels)
PY
}

# patch FROM TO PYTHON: changes the bytes `raw` of a file; `head` is a safetensors header, `n` its length; one that
# with_head puts in its place has no checksum, as those of other programs.
patch() {
  python3 - "$@" <<'PY'
import json, struct, sys
raw = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n]) if n < len(raw) else None
def with_head(text):
    text = text.encode()
    return bytearray(struct.pack("<Q", len(text)) + text + raw[8 + n:])
exec(sys.argv[3])
open(sys.argv[2], "wb").write(raw)
PY
}

# A classifier that builds and trains within a second or two.
small_vit=("$models/vit_classify.tess" -D batch=16 -D img=16 -D patch=4 -D embed_dim=24 -D depth=2 -D heads=2
           -D classes=4 -D layer_decay=1 -D mean=0.3 -D std=0.3)
