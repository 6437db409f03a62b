#!/bin/bash
# Files with weights alone: their names and shapes are those that timm's and OpenCLIP's modules have, which load
# strictly. They are written out here from those projects' sources; where timm itself is installed ($TIMM_PYTHON, or
# python3), it loads the file and must give the same logits.
. "$(dirname "$0")/lib.sh"

write_images train 64 16 4 1
write_images t10k 32 16 4 2
compile "${small_vit[@]}" -o vit
ok ./vit train --data . --threads 2 --steps 4 --checkpoint net --weights trained
ok ./vit eval --data . --init net --weights exported --json
cp out with_checkpoint.json

# names FILE: "name [shape]" of each tensor, sorted; every one is F32.
names() {
  python3 - "$1" <<'PY'
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
head = json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])
assert head.pop("__metadata__")["format"] == "pt"
for name in sorted(head):
    assert head[name]["dtype"] == "F32", name
    print(name, head[name]["shape"])
PY
}

# VisionTransformer(img_size=16, patch_size=4, in_chans=1, embed_dim=24, depth=2, num_heads=2, num_classes=4,
# global_pool="avg").state_dict()
python3 - >timm.names <<'PY'
dim, tokens, classes = 24, 17, 4
pair = lambda name, *weight: {name + ".weight": list(weight), name + ".bias": [weight[0]]}
want = {"cls_token": [1, 1, dim], "pos_embed": [1, tokens, dim]} | pair("patch_embed.proj", dim, 1, 4, 4)
for i in range(2):
    b = f"blocks.{i}."
    want |= pair(b + "norm1", dim) | pair(b + "attn.qkv", 3 * dim, dim) | pair(b + "attn.proj", dim, dim)
    want |= pair(b + "norm2", dim) | pair(b + "mlp.fc1", 4 * dim, dim) | pair(b + "mlp.fc2", dim, 4 * dim)
want |= pair("fc_norm", dim) | pair("head", classes, dim)
for name in sorted(want): print(name, want[name])
PY
names trained >trained.names
diff -u timm.names trained.names || fail "the names or shapes are not timm's"
cmp trained exported || fail "train and eval write other weights"
ok ./vit eval --data . --init exported --json
[ ! -s err ] || fail "loading the weights notes: $(cat err)"
python3 - <<'PY' || fail "the weights give other numbers than the checkpoint"
import json
a, b = (json.load(open(f)) for f in ("out", "with_checkpoint.json"))
raise SystemExit(any(a[k] != b[k] for k in ("loss", "correct")))
PY
compile "$models/vit_classify.tess" -D @exported -o same

# What else a run has: a model that follows, and the optimizer's slots; each under the plain names.
ok ./vit train --data . --threads 2 --steps 4 --weights m=moments --weights student=named
names moments >moments.names
diff -u timm.names moments.names || fail "a slot's names are not those of the weights"
cmp named trained || fail "the model's weights by name are others"
python3 - <<'PY' || fail "the file of the slot m does not hold the checkpoint's slot.m"
import json, struct
def tensors(path):
    raw = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    return {k: raw[start + v["data_offsets"][0]:start + v["data_offsets"][1]]
            for k, v in json.loads(raw[8:start]).items() if k != "__metadata__"}
net, moments = tensors("net"), tensors("moments")
trained = [k for k in net if "slot.m." + k in net]
raise SystemExit(not trained or any(moments[k] != net["slot.m." + k] for k in trained))
PY
sed 's/^  setting lr/  state average = vit(img, patch, chans, embed_dim, depth, heads, classes) from student\n  update average = 0.5 * average + 0.5 * student\n&/' \
  "$models/vit_classify.tess" >followed.tess
cp -r "$models/lib" .
compile followed.tess "${small_vit[@]:1}" -o followed
ok ./followed train --data . --threads 2 --steps 4 --checkpoint both --weights average=average --weights own
names average | diff -u timm.names - || fail "a following model's names are not timm's"
ok ./vit eval --data . --init average
silent err unused
! cmp -s own average || fail "the average is the model itself"
python3 - <<'PY' || fail "the file of the model that follows does not hold what the checkpoint has"
import json, struct
def tensors(path):
    raw = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    return {k: raw[start + v["data_offsets"][0]:start + v["data_offsets"][1]]
            for k, v in json.loads(raw[8:start]).items() if k != "__metadata__"}
both, average, own = tensors("both"), tensors("average"), tensors("own")
raise SystemExit(any(average[k] != both["average/" + k] or own[k] != both[k] for k in own))
PY
ends 1 ./vit train --data . --steps 1 --weights studnet=x
says err 'error: --weights studnet=..: the program has no model and no slot of that name; did you mean student?'
ends 1 ./vit train --data . --steps 1 --checkpoint c --weights ./c
says err "error: --weights ./c: it is the file of --checkpoint too"
ends 1 ./vit train --data . --steps 1 --weights c --weights c
says err "error: --weights c: it is the file of another --weights too"
cp trained before
ends 1 ./vit eval --data . --init trained --weights trained
cmp trained before || fail "an input was replaced"
ends 1 ./vit train --data . --steps 1 --weights nowhere/c
[ ! -e c ] || fail "a file was left by a run that was refused"

# OpenCLIP's visual tower, here with random weights: VisionTransformer(image_size=16, patch_size=4, width=24, layers=2,
# heads=2, mlp_ratio=4, output_dim=12).state_dict() behind "visual.", as in the whole model.
python3 - >clip.names <<'PY'
dim, out = 24, 12
pair = lambda name, *weight: {name + ".weight": list(weight), name + ".bias": [weight[0]]}
want = {"class_embedding": [dim], "positional_embedding": [17, dim], "proj": [dim, out], "conv1.weight": [dim, 3, 4, 4]}
want |= pair("ln_pre", dim) | pair("ln_post", dim)
for i in range(2):
    b = f"transformer.resblocks.{i}."
    want |= pair(b + "ln_1", dim) | {b + "attn.in_proj_weight": [3 * dim, dim], b + "attn.in_proj_bias": [3 * dim]}
    want |= pair(b + "attn.out_proj", dim, dim) | pair(b + "ln_2", dim)
    want |= pair(b + "mlp.c_fc", 4 * dim, dim) | pair(b + "mlp.c_proj", dim, 4 * dim)
for name in sorted(want): print("visual." + name, want[name])
PY
cat >tower.tess <<'TESS'
import "lib/clip.tess"
import "lib/loss.tess"
import "lib/optim.tess"

train tower(batch = 16, lr = 1e-3) {
  data pixels u8 [batch, 3, 16, 16] = image()
  model clip = clip_visual(24, 2, 4, 16, 2, 12)
  let features = clip(normalise(pixels, usual_clip_mean(3), usual_clip_std(3)))
  minimise mean(features ^ 2)
  optimizer adamw(lr = lr)
  evaluate { report first = mean(features[:, 0]) }
}

train frozen_tower(batch = 16) {
  data pixels u8 [batch, 3, 16, 16] = image()
  frozen clip = clip_visual(24, 2, 4, 16, 2, 12)
  report feature = mean(clip(normalise(pixels, usual_clip_mean(3), usual_clip_std(3))))
}
TESS
python3 - <<'PY'
import random, struct
for part in "train", "t10k":
    open(part + "-images-idx4-ubyte", "wb").write(struct.pack(">5I", 0x804, 32, 3, 16, 16) + random.Random(1).randbytes(32 * 768))
PY
mkdir colour && mv ./*-idx4-ubyte colour
compile tower.tess --block tower -o tower
ok ./tower train --data colour --steps 2 --weights clip
names clip >tower.names
ok ./tower eval --data colour --init clip --json
cp out clip.json
diff -u clip.names tower.names || fail "the names or shapes are not OpenCLIP's"
compile tower.tess --block frozen_tower -o frozen_tower
ok ./frozen_tower eval --data colour --frozen clip=clip --weights again
names again | diff -u clip.names - || fail "a frozen tower's names are not OpenCLIP's"

# timm and OpenCLIP themselves.
python=${TIMM_PYTHON:-python3}
if ! "$python" -c 'import timm' 2>err; then
  echo "timm is not installed: names and shapes were compared, nothing was loaded ($(tail -n 1 err))"
  exit 0
fi
"$python" - trained with_checkpoint.json <<'PY' || fail "timm does not load the weights, or gives other numbers"
import json, struct, sys
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
net = VisionTransformer(img_size=16, patch_size=4, in_chans=1, embed_dim=24, depth=2, num_heads=2, num_classes=4, global_pool="avg")
net.load_state_dict(load_file(sys.argv[1]), strict=True)
net.eval()
raw = open("t10k-images-idx3-ubyte", "rb").read()[16:]
labels = torch.tensor(list(open("t10k-labels-idx1-ubyte", "rb").read()[8:]))
x = (torch.tensor(list(raw), dtype=torch.float32).reshape(-1, 1, 16, 16) / 255 - 0.3) / 0.3
with torch.no_grad(): loss = torch.nn.functional.cross_entropy(net(x), labels).item()
want = json.load(open(sys.argv[2]))["loss"]
print("timm's loss", loss, "ours", want)
sys.exit(abs(loss - want) > 1e-5 * want) # f32 sums of another order: 1e-7 was seen
PY
if ! "$python" -c 'import open_clip' 2>err; then
  echo "OpenCLIP is not installed: names and shapes were compared, nothing was loaded ($(tail -n 1 err))"
  exit 0
fi
"$python" - clip clip.json <<'PY' || fail "OpenCLIP does not load the weights, or gives other numbers"
import json, sys
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.transformer import VisionTransformer
from safetensors.torch import load_file
net = VisionTransformer(image_size=16, patch_size=4, width=24, layers=2, heads=2, mlp_ratio=4.0, output_dim=12)
net.load_state_dict({k.removeprefix("visual."): v for k, v in load_file(sys.argv[1]).items()}, strict=True)
net.eval()
raw = open("colour/t10k-images-idx4-ubyte", "rb").read()[20:]
mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
with torch.no_grad(): first = net((torch.tensor(list(raw), dtype=torch.float32).reshape(-1, 3, 16, 16) / 255 - mean) / std).mean().item()
want = json.load(open(sys.argv[2]))["first"]
print("OpenCLIP's mean feature", first, "ours", want)
sys.exit(abs(first - want) > 1e-5 * abs(want)) # as above
PY
