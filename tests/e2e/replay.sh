#!/bin/bash
# Replays of descriptions against numbers computed here in double precision: gradients that are zero but for rounding,
# values that the file gives in place of the program's, frozen modules alone, data that is missing.
. "$(dirname "$0")/lib.sh"

cat >write.py <<'PY'
# Sourced by what writes a reference: seeded numbers, and safetensors files of f32.
import json, os, random, struct
seed = int(os.environ.get("TESSERA_SEED") or random.randrange(1 << 32))
print("TESSERA_SEED=%d draws the same again" % seed)
r = random.Random(seed)
f32 = lambda v: struct.unpack("<f", struct.pack("<f", v))[0]
def draw(*shape, scale=1):
    return [draw(*shape[1:], scale=scale) for _ in range(shape[0])] if shape else f32(r.gauss(0, scale))
def flat(v): return [x for row in v for x in flat(row)] if isinstance(v, list) else [v]
def shape(v): return [len(v)] + shape(v[0]) if isinstance(v, list) else []
def save(path, tensors):
    head, body = {}, b""
    for name, v in tensors.items():
        data = struct.pack("<%df" % len(flat(v)), *flat(v))
        head[name] = {"dtype": "F32", "shape": shape(v), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(head)) + head + body)
PY

result() { # EXPRESSION: holds of the JSON object that is all of standard output
  python3 -c 'import json, sys
r = json.load(open("out"))
sys.exit(not eval(sys.argv[1]))' "$1" || { cat out err; fail "the result is not as expected: $1"; }
}

# The gradient of b, which the mean takes away, is rounding noise on both sides, and AdamW moves b by its sign.
cat >zero.tess <<'TESS'
import "lib/optim.tess"
module net() {
  param w [3] = ones
  param b [3] = zeros
  fn (x [B, 3]) {
    let y = x * w + b
    return y - mean(y, 0)
  }
}
train t(batch = 16) {
  data x f32 [batch, 3] = given()
  data want f32 [batch, 3] = given()
  model m = net()
  minimise mean((m(x) - want) ^ 2)
  optimizer adamw(lr = 0.01)
}
TESS
cat >>zero.tess <<'TESS'
let zeros = 0
let ones = 1
TESS
compile zero.tess -o zero
reference() { # NAME GRAD_W FINAL_B: factors of what is written
  python3 - "$@" <<'PY'
exec(open("write.py").read())
import sys
name, grad_w, final_b = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
B, K = 16, 3
x, t, w, b = draw(B, K), draw(B, K), draw(K), draw(K)
y = [[x[i][k] * w[k] + b[k] for k in range(K)] for i in range(B)]
m = [sum(row[k] for row in y) / B for k in range(K)]
e = [[y[i][k] - m[k] - t[i][k] for k in range(K)] for i in range(B)]
g = [[2 * v / (B * K) for v in row] for row in e]
gm = [sum(row[k] for row in g) / B for k in range(K)]
c = [[g[i][k] - gm[k] for k in range(K)] for i in range(B)]
gw, gb = [sum(c[i][k] * x[i][k] for i in range(B)) for k in range(K)], [sum(row[k] for row in c) for k in range(K)]
step = lambda p, d: [v - 0.01 * s / (abs(s) + 1e-8) for v, s in zip(p, d)]
save(name, {"step0.x": x, "step0.want": t, "losses": [[sum(v * v for v in flat(e)) / (B * K)]], "param.w": w,
            "param.b": b, "grad.w": [grad_w * v for v in gw], "grad.b": gb, "final.w": step(w, gw),
            "final.b": [v + (final_b - 1) for v in step(b, gb)]})
PY
}
reference right 1 1
ok ./zero replay right
result 'r["ok"] and r["zero_gradients"] == ["b"] and r["left_out"] == 3 and set(r["worst"]) == {"losses", "grad", "final"}'
reference wrong 1.001 1 # another gradient that is off is found
ends 1 ./zero replay wrong
result 'not r["ok"] and r["tensor"]["grad"] == "grad.w"'
# What the program moved is measured by others' pace, not by what the file says of b.
reference moved 1 1.5
ok ./zero replay moved
result 'r["zero_gradients"] == ["b"]'

# A let is given by its own name, also where its value is reported by another, and that one is compared; a draw that is
# reported by its own name is given, anything else compared.
cat >given.tess <<'TESS'
train other(batch = 4) {
  data x f32 [batch, 3] = given()
  let draw = uniform((batch, 3))
  let y = x + draw
  report y, seen = draw
}
train own(batch = 4) {
  data x f32 [batch, 3] = given()
  let draw = uniform((batch, 3))
  let y = x + draw
  report y, draw
}
train read(batch = 4) {
  data x f32 [batch, 3] = given()
  data w f32 [batch, 3] = given()
  let double = x * 2
  let y = double + 1
  report y, z = w
}
TESS
python3 - <<'PY'
exec(open("write.py").read())
x, d = draw(4, 3), draw(4, 3)
y = [[a + b for a, b in zip(p, q)] for p, q in zip(x, d)]
off = [[v + 1 for v in row] for row in d]
save("draw", {"step0.x": x, "step0.draw": d, "step0.y": y})
save("seen", {"step0.x": x, "step0.draw": d, "step0.y": y, "step0.seen": d})
save("wrong_seen", {"step0.x": x, "step0.draw": d, "step0.y": y, "step0.seen": off})
save("no_draw", {"step0.x": x, "step0.y": y})
z = [[2 * v + 1 for v in row] for row in x]
two = [[2 * v for v in row] for row in x]
save("all", {"step0.x": x, "step0.w": d, "step0.y": z})
save("no_x", {"step0.w": d, "step0.double": two, "step0.y": z})
save("neither", {"step0.w": d, "step0.y": z})
save("no_w", {"step0.x": x, "step0.y": z})
save("computed", {"step0.x": x, "step0.w": d, "step0.y": off})
PY
for block in other own read; do compile given.tess --block $block -o $block; done
ok ./other replay draw
result 'r["ok"] and set(r["supplied"]) == {"x", "draw"} and set(r["worst"]) == {"y"}'
ok ./other replay seen
result 'r["ok"] and set(r["worst"]) == {"y", "seen"}'
ends 1 ./other replay wrong_seen
result 'r["tensor"]["seen"] == "step0.seen"'
ends 1 ./other replay no_draw
result '"x" in r["supplied"] and r["worst"]["y"] > 0.1'
ok ./own replay draw
result 'set(r["supplied"]) == {"x", "draw"} and set(r["worst"]) == {"y"}'
ok ./read replay all
result 'set(r["supplied"]) == {"x", "w"}'
ok ./read replay no_x
result 'set(r["supplied"]) == {"double", "w"}'
for lost in neither:x no_w:w; do
  ends 1 ./read replay ${lost%:*}
  result 'not r["ok"]'
  says err "${lost%:*}: found no step0.${lost#*:}, which the program reads"
done
ends 1 ./read replay computed
result 'r["tensor"]["y"] == "step0.y"'

# Frozen modules alone: their weights are in the file of the other system, or in one of their own.
cat >frozen.tess <<'TESS'
module scale() {
  param w [3] = 1
  fn (x [B, 3]) = x * w
}
train t(batch = 4) {
  data x f32 [batch, 3] = given()
  frozen m = scale()
  let y = m(x)
  report y
}
TESS
compile frozen.tess -o frozen
python3 - <<'PY'
exec(open("write.py").read())
x, w = draw(4, 3), draw(3)
y = [[a * b for a, b in zip(row, w)] for row in x]
save("both", {"step0.x": x, "step0.y": y, "param.w": w})
save("data", {"step0.x": x, "step0.y": y})
save("weights", {"w": w})
PY
ok ./frozen replay both
result 'r["ok"] and set(r["worst"]) == {"y"}'
ok ./frozen replay data --frozen m=weights
result 'r["ok"] and r["missing"] == []'
ends 1 ./frozen replay data
result 'r["missing"] == ["param"]'
ends 1 ./frozen replay none
result 'not r["ok"] and r["steps"] == 0'
