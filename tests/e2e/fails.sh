#!/bin/bash
# Calls that fail: of a run and of a build, each call that opens, writes, flushes, names, locks or closes a file fails
# once, and once the process is killed there. Nothing is lost: the run's checkpoint is that of an update it made, and
# going on from it gives the bits of an unbroken run; the program is the old one or the new one. The status is 0 only
# if all was written, and else an error says what was not. FAILS=0 takes all calls, not only some that are drawn
# (docs/running.md).
. "$(dirname "$0")/lib.sh"
. "$here/../seed.sh" "$0"
[ "${SANITIZED:-0}" = 0 ] || skip "a sanitizer takes these calls itself"

write_images train 64 16 4 1
write_images t10k 16 16 4 2
compile "${small_vit[@]}" -o program
run=(./program train --data . --threads 1 --steps 8 --every 2 --keep 1 --validate 4 --print 1 --checkpoint c --log log)
mkdir case
cp -r ./*ubyte program case
(cd case && "${run[@]}" --steps 3 >../out) || fail "the first run failed"
cp -r case want
(cd want && "${run[@]}" --resume c >../out) || fail "the unbroken run failed"
cp -r case start
cat >tiny.tess <<'TESS'
module net(n) {
  param weight [n] = 1
  fn (x [.., n]) = sum(x * weight, -1)
}
optimizer sgd(lr) { update (p, g) { p = p - lr * g } }
train tiny(batch = 4, lr = 1e-3) {
  data x f32 [batch, 8] = given()
  model net = net(8)
  minimise sum(net(x))
  optimizer sgd(lr = lr)
}
TESS
build=("$tessera" build ../tiny.tess -o p --emit=kernels out)
mkdir built && (cd built && "${build[@]}" >../out) || fail "the build failed: $(cat out)"

cat >fails.py <<'PY'
import filecmp, os, random, shutil, struct, subprocess, sys, time
seed, most, library = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
kind, command = sys.argv[4], sys.argv[5:]
r, faults, ends = random.Random(seed), 0, {}

def go(extra=(), **env):
    return subprocess.run([*command, *extra], cwd="case", capture_output=True, text=True, errors="replace",
                          env={**os.environ, **env})

def fresh(): # what is there before
    shutil.rmtree("case")
    os.mkdir("case") if kind == "build" else shutil.copytree("start", "case")
    if kind == "build": open("case/p", "w").write("the old one")

def same(name, other):
    return os.path.exists(f"case/{name}") and filecmp.cmp(f"case/{name}", f"{other}/{name}", shallow=False)

def tensors(path): # a header says what else was kept
    raw = open(path, "rb").read()
    return raw[8 + struct.unpack("<Q", raw[:8])[0]:]

def trained(name):
    return os.path.exists("case/" + name) and tensors("case/" + name) == tensors("want/" + name)

def left():
    return [f for f in os.listdir("case") if f.startswith(".")]

def check_run(status, killed):
    """What does not hold after a run that met a failure."""
    if status == 0 and not all(map(trained, ("c", "c.8", "c.best"))): return "status 0 without all checkpoints"
    if status not in (0, 1) and not killed: return f"status {status}"
    if not killed and left(): return f"left behind: {left()}"
    again = go(("--resume", "c"))
    if again.returncode: return "going on fails: " + again.stderr
    if not trained("c"): return "going on gives other bits"
    steps = [l.split(",")[0] for l in open("case/log") if "validation" not in l]
    if not killed and status == 0 and len(steps) != 8: return "the log has gaps, and the status was 0"
    return "left behind: %s" % left() if left() else None

def check_build(status, killed):
    done = same("p", "built")
    if not done and open("case/p").read() != "the old one": return "the old program is gone"
    if status == 0 and not (done and same("out/p.kern", "built")): return "status 0 without what was built"
    if status not in (0, 1) and not killed: return f"status {status}"
    return "left behind: %s" % left() if left() and not killed else None

fresh()
resume = () if kind == "build" else ("--resume", "c")
go(resume, LD_PRELOAD=library, FAIL_COUNT=os.path.abspath("count"))
calls, began, tried = int(open("count").read()), time.time(), 0
chosen = sorted(r.sample(range(1, calls + 1), min(most, calls))) if most else range(1, calls + 1)
for n in chosen:
    for killed in (False, True):
        fresh()
        env = {"FAIL_KILL": "1"} if killed else {}
        end = go(resume, LD_PRELOAD=library, FAIL_CALL=str(n), **env)
        what = (check_build if kind == "build" else check_run)(end.returncode, killed)
        if not what and end.returncode == 1 and "error: " not in end.stderr: what = "status 1 without an error"
        if what: print(f"{kind}: call {n}{', killed' if killed else ''}: {what}\n{end.stderr}", flush=True)
        faults, tried = faults + bool(what), tried + 1
        ends[end.returncode] = ends.get(end.returncode, 0) + 1
print(f"{kind}: {tried} failures at {len(chosen)} of {calls} calls, {time.time() - began:.0f} s, "
      f"ends by status: {ends}; {faults} wrong")
sys.exit(faults > 0)
PY
library=$build_dir/tests/libfail_call.so
python3 fails.py "$seed" "${FAILS:-12}" "$library" run "${run[@]}" || fail "a run that met a failure"
python3 fails.py "$seed" "${FAILS:-12}" "$library" build "${build[@]}" || fail "a build that met a failure"
