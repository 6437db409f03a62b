#!/bin/bash
# Training on any data: tensors of a safetensors file, IDX files of floats, images without labels. The same bits for
# any number of threads, from any file that holds the same, and after a resume within an epoch; every sample is
# counted once in evaluation.
. "$(dirname "$0")/lib.sh"
. "$source_dir/tests/seed.sh"

cat >fit.tess <<'TESS'
import "lib/nn.tess"
import "lib/loss.tess"
import "lib/optim.tess"

train fit(batch = 8, dim = 6, classes = 3, words = 5) {
  data point f32 [batch, dim] = tensor()
  data byte u8 [batch, 2] = tensor()
  data word i32 [batch, 3] = tensor(classes = words)
  data kind i32 [batch] = label(classes = classes)
  model net = linear(dim + 2 + words, classes)
  setting lr = 0.05 "step size"

  let bag = reduce(one_hot(rearrange(word, "b w -> (b w)"), words), "(b w) c -> b c", "sum", b = batch)
  let logits = net(concat((point, cast(byte, f32) / 255, bag), axis = 1))
  let loss = cross_entropy(logits, one_hot(kind, classes))
  minimise loss
  report loss
  optimizer adamw(lr = lr)
  evaluate { report loss, correct = accuracy(logits, kind) }
}
TESS

# make_data SEED: train.safetensors of 45 samples, val.safetensors of 21, with one point in IDX files.
make_data() {
  python3 - "$@" <<'PY'
import json, random, struct, sys
r = random.Random(int(sys.argv[1]))
def save(path, tensors):
    head, data = {}, b""
    for name, (kind, shape, raw) in tensors.items():
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
def sample():
    kind = r.randrange(3)
    return kind, [r.gauss(2 * kind if i == kind else 0, 1) for i in range(6)], r.randbytes(2), [r.randrange(5) for _ in range(3)]
for part, prefix, n in ("train", "train", 45), ("val", "t10k", 21):
    kind, point, byte, word = zip(*[sample() for _ in range(n)])
    flat = [x for p in point for x in p]
    save(part + ".safetensors", {
        "point": ("F32", [n, 6], struct.pack(f"<{6 * n}f", *flat)), "byte": ("U8", [n, 2], b"".join(byte)),
        "word": ("I16", [n, 3], struct.pack(f"<{3 * n}h", *[w for s in word for w in s])),
        "kind": ("I64", [n], struct.pack(f"<{n}q", *kind)), "unused": ("F16", [], b"\0\0")})
    open(prefix + "-point-idx2-float", "wb").write(struct.pack(">4B2I", 0, 0, 13, 2, n, 6) + struct.pack(f">{6 * n}f", *flat))
PY
}
make_data "$seed"
mkdir points folder
mv ./*-point-* points
cp ./*.safetensors folder
compile fit.tess -D batch=8 -o fit

train() { # CHECKPOINT OPTIONS: 12 epochs of 5 updates
  ok ./fit train --checkpoint "$1" --seed 5 "${@:2}"
}

train whole --data train.safetensors --epochs 12
for threads in 1 2 3; do
  train other --data train.safetensors --epochs 12 --threads $threads
  cmp whole other || fail "$threads threads give other bits"
done
train other --data folder --epochs 12
cmp whole other || fail "a folder gives other bits than its file"
gzip -k points/train-point-idx2-float
train other --data train.safetensors --data point=points/train-point-idx2-float.gz --epochs 12
cmp whole other || fail "the same points in an IDX file give other bits"

# A run that ends within its third epoch goes on as if it never had, also from a file that holds the same.
train part --data train.safetensors --steps 13
train other --data folder --data point=points --resume part --epochs 12
cmp whole other || fail "a resume in mid-epoch gives other bits"
patch train.safetensors changed 'raw[8 + n + 4 * 7] ^= 1'
ends 1 ./fit train --data changed --resume part --epochs 12
says err 'found a run whose "point" is F32 [45, 6] xxh64:'
says err 'expected that of changed: tensor "point", F32 [45, 6] xxh64:'
ends 1 ./fit train --data train.safetensors --resume part --epochs 12 --limit 40
patch part old 'raw = with_head(json.dumps(head).replace("tessera.data.", "tessera.date."))'
train other --data train.safetensors --resume old --epochs 12
says err 'old does not say what "kind" of its run held'
ends 1 ./fit train --data train.safetensors --resume old --epochs 12 --limit 40
says err 'found a run over 45 samples, the data has 40'

# A checkpoint may have the name of a folder's data, but for one that is read.
write_images train 24 16 3 1
cat >own.tess <<'TESS'
import "lib/nn.tess"
import "lib/optim.tess"
train own(batch = 4) {
  data pixels u8 [batch, 1, 16, 16] = image()
  model net = linear(256, 2)
  minimise mean(net(rearrange(cast(pixels, f32) / 255, "b c h w -> b (c h w)")) ^ 2)
  optimizer adamw(lr = 1e-3)
}
TESS
compile own.tess -o own
mkdir images
mv train-images-idx3-ubyte images
ok ./own train --data images --steps 3 --checkpoint images/train.safetensors
ok ./own train --data images --steps 5 --checkpoint images/train.safetensors --resume images/train.safetensors
ends 1 ./fit train --data folder --steps 3 --checkpoint folder/train.safetensors
says err 'folder/train.safetensors'

# A file that is cut under a run ends it with the last whole update, from which it goes on.
cp train.safetensors cut
./fit train --data cut --steps 1000000000 --print 1000 --checkpoint c --seed 5 >out 2>err &
run=$!
until grep -q '^step' out || ! kill -0 $run 2>/dev/null; do sleep 0.05; done
truncate -s 1000 cut
status=0
wait $run || status=$?
[ $status = 1 ] || { cat out err; fail "exit status $status of a run over a file that was cut"; }
says err 'found the end of the file'
patch c c 'print(int(head["__metadata__"]["tessera.step"]) + 7)' >steps
steps=$(cat steps)
ok ./fit train --data train.safetensors --resume c --steps "$steps" --checkpoint other
ok ./fit train --data train.safetensors --seed 5 --steps "$steps" --checkpoint unbroken
cmp unbroken other || fail "what is left of a run over a file that was cut is not its last update"

# Evaluation does not depend on the batch: 21 samples are 2 batches of 8 and a rest, 3 of 7, one of 21, or less than one.
for batch in 1 7 8 21 32; do
  compile fit.tess -D batch=$batch -o fit$batch
  for data in val.safetensors folder; do
    ok ./fit$batch eval --data $data --init whole --json
    python3 - out fit1.json <<'PY' || fail "batch $batch counts other samples"
import json, os, sys
got = json.load(open(sys.argv[1]))
if not os.path.exists(sys.argv[2]): json.dump(got, open(sys.argv[2], "w"))
one = json.load(open(sys.argv[2]))
same = abs(got["loss"] - one["loss"]) < 1e-6 * abs(one["loss"]) and abs(got["correct"] - one["correct"]) < 1e-6
sys.exit(not (same and got["images"] == 21 and got["correct"] > 0.6)) # sums of f32 in another order differ by 1e-7
PY
  done
done

# While training, what is evaluated is a folder's other part or --eval-data; the last numbers are those of eval.
compile fit.tess -D batch=8 -o fit
for data in "train.safetensors --eval-data val.safetensors" "train.safetensors --eval-data folder" folder; do
  # shellcheck disable=SC2086 # options
  train other --data $data --epochs 12 --validate 3epochs --log log.jsonl
  ok ./fit eval --data val.safetensors --init other --json
  python3 - out log.jsonl <<'PY' || fail "evaluation while training gives other numbers than eval"
import json, sys
eval, log = json.load(open(sys.argv[1])), [json.loads(line) for line in open(sys.argv[2])]
found = [line["validation"] for line in log if "validation" in line]
sys.exit(len(found) != 4 or any(found[-1][k] != eval[k] for k in ("images", "loss", "correct")))
PY
  rm log.jsonl
done
ends 1 ./fit train --data train.safetensors --epochs 2 --validate 1epoch
says err '--data train.safetensors: it is trained on: expected --eval-data PATH'
ends 1 ./fit train --data train.safetensors --epochs 2 --eval-data val.safetensors
says err '--eval-data needs --validate N'

# What is not a number is said, and ends the run when it is met.
patch train.safetensors nan.safetensors 'at = 8 + n + 4 * (6 * 17 + 2); raw[at:at + 4] = struct.pack("<f", float("nan"))'
ends 1 ./fit train --data nan.safetensors --epochs 1 --checkpoint new
says err 'nan.safetensors: tensor "point": sample 17, element 2: found nan; of 45 samples looked at 1 have'

# Nothing asks for labels that nothing reads.
write_images train 24 16 4 1
rm train-labels-idx1-ubyte
cat >bare.tess <<'TESS'
import "lib/nn.tess"
import "lib/optim.tess"
train bare(batch = 4, img = 16) {
  data pixels u8 [batch, 1, img, img] = image()
  data labels i32 [batch] = label(classes = 4)
  model net = linear(img * img, 8)
  let flat = rearrange(cast(pixels, f32) / 255, "b c h w -> b (c h w)")
  minimise mean((net(flat) - 1) ^ 2)
  optimizer adamw(lr = 1e-3)
  evaluate { report bias = mean(net(flat) - cast(labels, f32)[0]) }
}
TESS
compile bare.tess -o bare
ok ./bare train --data . --steps 3 --checkpoint c
write_images t10k 6 16 4 1
rm t10k-labels-idx1-ubyte
ends 1 ./bare eval --data . --init c
says err 'found no t10k-labels-idx*[.gz] for the program'\''s "labels", expected I32 [samples]'
