#!/bin/bash
# Kills: a run that checkpoints, evaluates, keeps and logs is killed at drawn moments and resumed after each, until it
# ends with the bits of a run that nobody killed, and begins anew. No checkpoint is lost or behind an earlier one,
# whatever was kept is whole, and nothing stays behind. KILLS=1000 makes it a campaign (docs/running.md).
. "$(dirname "$0")/lib.sh"
. "$here/../seed.sh" "$0"

write_images train 64 16 4 1
write_images t10k 16 16 4 2
compile "${small_vit[@]}" -o program
cat >kills.py <<'PY'
import filecmp, json, os, random, re, shutil, struct, subprocess, sys, time
seed, most = int(sys.argv[1]), int(sys.argv[2])
train = ["../program", "train", "--data", "..", "--threads", "2", "--checkpoint", "c", "--every", "3", "--keep", "2",
         "--validate", "10", "--log", "log"]
r, STEPS = random.Random(seed), "400"

def finish(folder):
    os.makedirs(folder, exist_ok=True)
    began = time.time()
    subprocess.run([*train, "--steps", STEPS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.time() - began

def step_of(path):
    """The updates that a checkpoint has; the file must be whole."""
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    meta = head.pop("__metadata__")
    assert len(raw) == 8 + n + max(t["data_offsets"][1] for t in head.values()), f"{path} is cut"
    return int(meta["tessera.step"])

def look(before):
    """Everything of a killed run is whole, and no older than what was there."""
    kept = [f for f in os.listdir("killed") if re.fullmatch(r"c(\.best|\.\d+)?", f)]
    steps = {f: step_of("killed/" + f) for f in kept}
    for f, step in steps.items():
        assert f in ("c", "c.best") or f == f"c.{step}", f"{f} has update {step}"
    assert steps.get("c", 0) >= before, f"the checkpoint went back from {before} to {steps.get('c')}"
    return steps.get("c", 0)

took = finish("whole")
kills, rounds, at, began = 0, 0, 0, time.time()
os.makedirs("killed")
while kills < most or at:
    command = [*train, "--resume", "c"] if os.path.exists("killed/c") else [*train, "--steps", STEPS]
    if "--steps" in command and os.path.exists("killed/log"): os.unlink("killed/log") # of a run that begins anew
    run = subprocess.Popen(command, cwd="killed", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if kills < most:
        try: run.wait(r.uniform(0, took / 15))
        except subprocess.TimeoutExpired: run.kill()
    said = run.communicate()[1]
    assert run.returncode in (0, -9), f"status {run.returncode}: {said}"
    kills += run.returncode == -9
    at = look(at)
    if run.returncode == 0:
        names = sorted(os.listdir("killed"))
        assert names == sorted(os.listdir("whole")), f"found {names}, expected {sorted(os.listdir('whole'))}"
        for f in names: assert f == "log" or filecmp.cmp("killed/" + f, "whole/" + f, shallow=False), f"{f}: other bits"
        lines = [json.loads(l) for l in open("killed/log")]
        assert [l["step"] for l in lines if "validation" not in l] == list(range(1, int(STEPS) + 1)), "gaps in the log"
        assert len(lines) == int(STEPS) + int(STEPS) // 10, "evaluations lost or logged twice"
        shutil.rmtree("killed")
        os.makedirs("killed")
        rounds, at = rounds + 1, 0
print(f"{kills} kills of runs of {took:.1f} s, {rounds} runs brought to their end, {time.time() - began:.0f} s: nothing lost")
PY
python3 kills.py "$seed" "${KILLS:-25}" || fail "a killed run lost something"
