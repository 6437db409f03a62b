# Called by mutants.sh: draws changed files, gives each to what reads it, and counts how it ended.
import gzip, json, os, random, re, shutil, signal, struct, subprocess, sys, time

seed, count, tessera, source, *tiny = sys.argv[1:]
models, shipped = f"{source}/models", os.path.abspath("installed/share/tessera/models")
LIMIT = 60 if os.environ["SANITIZED"] == "0" else 300
FAULT = re.compile(r"internal fault|Sanitizer|runtime error:|[Aa]ssert")

# Descriptions at sizes that build within a second.
DESCRIPTIONS = [
    (f"{models}/vit_classify.tess", tiny),
    (f"{models}/digpt.tess", "-D batch=2 -D img=16 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D taps=1 -D decoder_dim=8 "
     "-D decoder_depth=1 -D decoder_heads=1 -D teacher_dim=8 -D teacher_grid=4".split()),
    (f"{models}/digpt.tess", "-D batch=2 -D img=16 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D taps=1 -D decoder_dim=8 "
     "-D decoder_depth=1 -D decoder_heads=1 -D teacher=vit -D teacher_dim=8 -D teacher_depth=1 -D teacher_heads=1 "
     "-D teacher_grid=4".split()),
    (f"{models}/rotary.tess", "-D batch=4 -D img=8 -D patch=4 -D dim=8 -D depth=1 -D heads=2 -D classes=4".split()),
    (f"{models}/clip_visual.tess", "-D batch=2 -D width=8 -D layers=1 -D patch=4 -D resolution=8 -D heads=1 "
     "-D output_dim=4".split()),
    (f"{source}/tests/e2e/states.tess", []), (f"{source}/tests/e2e/layers.tess", []),
    (f"{source}/tests/e2e/taken.tess", ["--block", "source"]),
]


def read(path):
    with open(path, "rb") as f: return f.read()


def write(path, data):
    with open(path, "wb") as f: f.write(data)


# What is changed. Texts: a token, a line or a byte.

TOKEN = re.compile(rb"#[^\n]*|\s+|\"[^\"\n]*\"|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e-?\d+)?|[^\w\s]")
NUMBERS = [b"0", b"-1", b"1e308", b"9223372036854775807", b"4294967296", b"100000", b"0.5", b"2.0000001", b"3"]


def change_text(r, text):
    if unchanged: return "nothing", text
    tokens = TOKEN.findall(text)
    real = [i for i, t in enumerate(tokens) if t.strip() and not t.startswith(b"#")]
    def of(pattern): return [i for i in real if re.match(pattern, tokens[i])] or real
    how = r.choice(["drop", "double", "swap", "number", "rename", "line", "byte"])
    i, k = r.choice(real), r.choice(real)
    if how == "drop": tokens[i] = b""
    elif how == "double": tokens[i] += b" " + tokens[i]
    elif how == "swap": tokens[i], tokens[k] = tokens[k], tokens[i]
    elif how == "number": tokens[r.choice(of(rb"\d"))] = r.choice(NUMBERS)
    elif how == "rename":
        names = of(rb"[A-Za-z_]")
        tokens[r.choice(names)] = r.choice([b"renamed", tokens[r.choice(names)]])
    text = b"".join(tokens)
    at = r.randrange(len(text))
    if how == "line":
        lines = text.splitlines(keepends=True)
        del lines[r.randrange(len(lines))]
        text = b"".join(lines)
    elif how == "byte": text = text[:at] + bytes([r.randrange(256)]) + text[at:]
    return how, text


def change_bytes(r, raw, head):
    """Half of the changes are in the first `head` bytes, which say what the others are."""
    if unchanged: return "nothing", raw
    how = r.choice(["bit", "byte", "insert", "cut", "double", "remove", "huge"])
    at, n = r.randrange(min(head, len(raw)) if r.random() < .5 else len(raw)), r.randrange(1, 20)
    if how == "bit": return how, raw[:at] + bytes([raw[at] ^ 1 << r.randrange(8)]) + raw[at + 1:]
    if how == "byte": return how, raw[:at] + bytes([r.randrange(256)]) + raw[at + 1:]
    if how == "insert": return how, raw[:at] + r.randbytes(n) + raw[at:]
    if how == "cut": return how, raw[:at]
    if how == "double": return how, raw[:at + n] + raw[at:]
    if how == "remove": return how, raw[:at] + raw[at + n:]
    return how, raw[:at] + b"\xff\xff\xff\x7f"[::r.choice((1, -1))] + raw[at + 4:]


def change_safetensors(r, raw):
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    if unchanged or r.random() < .5: return change_bytes(r, raw, start)
    how, text = change_text(r, raw[8:start])
    return "header " + how, struct.pack("<Q", len(text)) + text + raw[start:]


# What a file is to Python: the truth of those that are accepted.

def idx(raw):
    kinds = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}
    shape = struct.unpack(f">{raw[3]}I", raw[4:4 + 4 * raw[3]])
    size = kinds[raw[2]]
    for n in shape: size *= n
    return raw[:2] == b"\0\0" and len(raw) == 4 + 4 * raw[3] + size


def safetensors(raw):
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:start])
    ranges = sorted(v["data_offsets"] for k, v in head.items() if k != "__metadata__")
    return all(0 <= a <= b <= len(raw) - start for a, b in ranges)


def valid(test, raw):
    try: return test(raw)
    except Exception: return False


# How a command ends.

def files():
    return sorted(os.path.join(d, f) for d, _, names in os.walk(".") for f in names)


class Fault(Exception): pass


def run(command, place, limit=LIMIT):
    """The status; None: no end within the limit. A Fault is what does not hold; with status 1 `place` must be in an error."""
    before = files()
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                         env={**os.environ, "TMPDIR": os.path.abspath("tmp")})
    try: out, err = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        return None, b""
    said = err.decode(errors="replace")
    if p.returncode not in (0, 1) or FAULT.search(said): raise Fault(f"status {p.returncode}: {said}")
    if p.returncode == 1:
        if not re.search(place, said, re.M) and "out of memory" not in said: raise Fault(f"status 1, and no place: {said}")
        if files() != before: raise Fault(f"status 1, and {sorted(set(files()) - set(before))} is left: {said}")
    if any(f.rpartition("/")[2].startswith(".") for f in files() if f not in before) or os.listdir("tmp"):
        raise Fault(f"temporary files stay: {files()} {os.listdir('tmp')}")
    return p.returncode, out


def build(arguments, place):
    """Builds, and takes a step with what was built."""
    status, _ = run([tessera, "build", *arguments, "-o", "p"], place)
    if status is None: raise Fault(f"no end within {LIMIT} s")
    if status: return "refused"
    status, _ = run(["./p", "bench", "--steps", "1", "--threads", "1"], "error: ")
    return {0: "ran", 1: "did not run", None: "ran on"}[status]


def taken(command, raw, test, place):
    status, out = run(command, place)
    if status is None: raise Fault(f"no end within {LIMIT} s")
    if status == 0 and not valid(test, raw): raise Fault("it was taken, and is not valid")
    return ("ran", "refused")[status], out


# The sorts: each changes a file in the folder, gives it to its reader and says what was changed, and how it ended.

# What is not there at all has no line.
LINE = r"^\S.*:\d+:\d+: error: |^\S+: error: (the file has no train block|there is no (train block|kernel)|rule F1: found no row)"


def imported(path):
    names = [m for m in re.findall(r'^import "(.*)"', read(path).decode(), re.M)]
    base = os.path.dirname(path) if path.startswith(shipped) else shipped
    here = [os.path.normpath(f"{base}/{n}") for n in names]
    return sorted({f for p in here for f in [p, *imported(p)]})


def description(r):
    path, options = r.choice(DESCRIPTIONS)
    shutil.copy(path, "d.tess")
    how, text = change_text(r, read("d.tess"))
    write("d.tess", text)
    yield f"{os.path.basename(path)}: {how}"
    yield build(["d.tess", *options], LINE)


def library(r):
    path, options = r.choice(DESCRIPTIONS)
    shutil.copy(path, "d.tess")
    changed = r.choice(imported(path))
    good = read(changed)
    how, text = change_text(r, good)
    write("changed", text)
    yield f"{os.path.basename(changed)} of {os.path.basename(path)}: {how}"
    try:
        write(changed, text)
        yield build(["d.tess", *options], LINE)
    finally: write(changed, good)


def strategy(r):
    name = r.choice(["written.fuse"] * 3 + [f"{models}/fusion/{f}" for f in os.listdir(f"{models}/fusion")])
    how, text = change_text(r, read(name))
    write("changed.fuse", text)
    yield f"{os.path.basename(name)}: {how}"
    yield build([f"{models}/vit_classify.tess", *tiny, "--fusion", "changed.fuse"], LINE)


def kernels(r):
    kernel = r.choice(re.findall(rb"^compute .*?^}\nplan .*?^}\n", read("digpt.kern"), re.M | re.S))
    how, text = change_text(r, kernel)
    write("changed.kern", text)
    yield f"{kernel.split()[1].decode()}: {how}"
    yield taken([tessera, "kernel", "changed.kern", "--seconds", "0"], text, bool, LINE)[0]


def profile(r):
    how, text = change_text(r, read("profile"))
    write("changed", text)
    yield how
    yield taken([tessera, "explain", f"{models}/vit_classify.tess", *tiny, "--profile", "changed"], text, json.loads, "changed.*error: ")[0]


def train(name, test, *more):
    return taken(["../vit", "train", "--data", ".", "--threads", "1", "--steps", "3", "--checkpoint", "c", *more], read(name), test,
                 f"error: .*{re.escape(name)}")[0]


def images(r):
    name = f"train-{r.choice(['images-idx3', 'labels-idx1'])}-ubyte"
    how, raw = change_bytes(r, read(name), 16)
    write(name, raw)
    yield f"{name}: {how}"
    yield train(name, idx)


def zipped(r):
    name = f"train-{r.choice(['images-idx3', 'labels-idx1'])}-ubyte"
    how, raw = change_bytes(r, gzip.compress(read(name), mtime=0), 16)
    os.remove(name)
    write(name + ".gz", raw)
    yield f"{name}.gz: {how}"
    yield train(name + ".gz", lambda raw: idx(gzip.decompress(raw)))


def tensors(r):
    image, label = (f"train-{f}-ubyte" for f in ("images-idx3", "labels-idx1"))
    x, y = read(image)[16:], read(label)[8:]
    head = json.dumps({"pixels": {"dtype": "U8", "shape": [32, 1, 8, 8], "data_offsets": [0, len(x)]},
                       "labels": {"dtype": "U8", "shape": [32], "data_offsets": [len(x), len(x) + len(y)]}}).encode()
    os.remove(image)
    os.remove(label)
    how, raw = change_safetensors(r, struct.pack("<Q", len(head)) + head + x + y)
    write("train.safetensors", raw)
    yield how
    yield train("train.safetensors", safetensors)


def replay(r):
    how, raw = change_safetensors(r, read("replay"))
    write("changed", raw)
    yield how
    end, out = taken(["../vit", "replay", "changed", "--threads", "1"], raw, safetensors, "error: .*changed|")
    if json.loads(out)["ok"] != (end == "ran"): raise Fault(f"the result is not that of the status: {out}")
    yield end


def sizes(r):
    how, raw = change_safetensors(r, read("replay"))
    write("changed", raw)
    yield how
    yield build([f"{models}/vit_classify.tess", "-D", "@changed"], "error: ")


def log(r):
    text = read("log")
    how, raw = r.choice((lambda: change_text(r, text), lambda: change_bytes(r, text, 40)))()
    write("log", raw)
    resume = r.choice(([], ["--resume", "resumed"]))
    yield f"{how}{', resumed' if resume else ''}"
    end = train("log", lambda raw: True, "--log", "log", *resume)
    after, whole = read("log"), raw[:raw.rfind(b"\n") + 1]
    if not resume and not after.startswith(whole): raise Fault("whole lines of the log are lost")
    if end == "refused" and after != raw: raise Fault("a log that is refused is another one")
    yield end


SORTS = [description] * 6 + [library] * 6 + [strategy] * 3 + [kernels] * 3 + [profile, sizes, images, zipped, tensors, replay, log]
ended, faults, unchanged, began = {}, 0, True, time.time()


def attempt(name, sort, r):
    """How one file ended, in a fresh folder; a fault is printed."""
    shutil.rmtree("case", ignore_errors=True)
    shutil.copytree("start", "case")
    os.mkdir("case/tmp")
    os.chdir("case")
    steps, what = sort(r), ""
    try:
        what = next(steps)
        return next(steps)
    except Fault as fault:
        print(f"{name} ({sort.__name__}, {what}): {fault}", flush=True)
        return "faults"
    finally: os.chdir("..")


for sort in dict.fromkeys(SORTS): # what is not changed is taken
    end = attempt("unchanged", sort, random.Random(seed))
    if end != "ran":
        print(f"{sort.__name__}, unchanged: {end}")
        faults += 1
unchanged = False
for n in [int(os.environ["MUTANT"])] if "MUTANT" in os.environ else range(int(count)):
    r = random.Random(f"{seed}.{n}")
    sort = r.choice(SORTS)
    end = attempt(f"mutant {n}", sort, r)
    counts = ended.setdefault(sort.__name__, {})
    counts[end] = counts.get(end, 0) + 1
    faults += end == "faults"
for sort, counts in sorted(ended.items()):
    print(f"{sort}: {sum(counts.values())}:", ", ".join(f"{n} {end}" for end, n in sorted(counts.items())))
print(f"{sum(sum(c.values()) for c in ended.values())} mutants, {time.time() - began:.0f} s, {faults} faults")
sys.exit(faults > 0)
