#!/bin/bash
# Files say what they are: sizes of a build come from them, and what differs between the program that wrote one and
# the program that reads it is said, or refused where the file is of another architecture.
. "$(dirname "$0")/lib.sh"

write_images train 64 16 4 1
write_images t10k 32 16 4 2
vit=("${small_vit[@]}" -D depth=1)
train=(train --data . --threads 2)
compile "${vit[@]}" -o vit
ok ./vit "${train[@]}" --steps 4 --checkpoint net

# The sizes of a build, which then is the same program.
compile "$models/vit_classify.tess" -D @net -o same
[ ! -s err ] || fail "taking sizes from a file notes: $(cat err)"
ok ./same eval --data . --init net --json
cp out same.json
[ ! -s err ] || fail "the same program notes: $(cat err)"
ok ./vit eval --data . --init net --json
python3 - <<'PY' || fail "the program that was built from the file gives other numbers"
import json
a, b = (json.load(open(f)) for f in ("same.json", "out"))
raise SystemExit(any(a[k] != b[k] for k in ("loss", "correct")))
PY
ok "$make_replay" "$models/vit_classify.tess" reference "${vit[@]:1}"
compile "$models/rotary.tess" -D @reference -o rotary
patch net foreign 'head["__metadata__"] = {"format": "pt"}; raw = with_head(json.dumps(head))'
compile "$models/vit_classify.tess" -D @foreign -o default
says err 'foreign: note: its metadata names no parameter of train block "classify": it sets nothing'

# What no shape shows: heads, the pixels' mean, a text with another eps; but not a comment, nor what only training has.
compile "${vit[@]}" -D heads=4 -D mean=0.5 -o other
ok ./other eval --data . --init net
says err "note: net: written by a program with: heads = 2 (here 4), mean = (0.3) (here (0.5))"
cp -r "$models" changed
lib=changed/lib
sed -i "s/1e-6/1e-5/" "$lib/vit.tess"
compile changed/vit_classify.tess "${vit[@]:1}" -o other
ok ./other eval --data . --init net
says err "note: net: written by a program with: another text of module vit ("
cp -r "$models"/lib changed
sed -i "s/^/  /; s/\$/ # said/" "$lib/vit.tess"
compile changed/vit_classify.tess "${vit[@]:1}" -o other
ok ./other eval --data . --init net
[ ! -s err ] || fail "layout and comments are noted: $(cat err)"

# A frozen module by its arguments, whatever the block calls them; further blocks are another architecture.
digpt=("$models/digpt.tess" -D batch=4 -D img=16 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D taps=1 -D decoder_dim=8
       -D decoder_heads=1 -D decoder_depth=1 -D teacher=vit -D teacher_dim=24 -D teacher_depth=1 -D teacher_grid=4
       -D mean=0.3 -D std=0.3)
compile "${digpt[@]}" -D teacher_heads=4 -o digpt
ok ./digpt "${train[@]}" --steps 1 --frozen teacher=net --checkpoint student
says err "note: net: unused: fc_norm.bias, fc_norm.weight, head.bias, head.weight"
says err "note: net: written by a program with: heads = 2 (here 4), classes = 4 (here 0), drop_path = 0.1 (here 0)"
compile "${small_vit[@]}" -D depth=3 -o deep
ok ./deep "${train[@]}" --steps 1 --checkpoint deep3
ends 1 ./digpt "${train[@]}" --steps 1 --frozen teacher=deep3
says err "error: deep3: further items of lists that the program has (--skip leaves names out): blocks.1.attn.proj.bias, "
ok ./digpt "${train[@]}" --steps 1 --frozen teacher=deep3 --skip 'blocks.[12]'
ends 1 ./vit "${train[@]}" --steps 1 --init deep3
says err "error: deep3: further items of lists"
ends 1 ./vit "${train[@]}" --steps 6 --resume deep3
says err "error: deep3: not in this program: blocks.1.attn.proj.bias, "

# A run that goes on in another build: the bits stay with the kernels, for any limit of threads.
ok ./vit "${train[@]}" --steps 8 --resume net --checkpoint again
silent err unbroken
compile "${vit[@]}" --threads 1 -o few
ok ./few train --data . --steps 8 --resume net --checkpoint few8
says err "note: net: written by a program for at most 64 threads, this is one for 1: the bits stay those of an unbroken run"
compile "${vit[@]}" --target cpu:x86-64-v3 -o elsewhere
ok ./elsewhere "${train[@]}" --steps 8 --resume net --checkpoint elsewhere8
says err "the bits can differ from an unbroken run's"
compile "${vit[@]}" --fusion "$models/fusion/none.fuse" -o unfused
ok ./unfused "${train[@]}" --steps 8 --resume net --checkpoint unfused8
says err "note: net: written by a program with other kernels (hash "
python3 - <<'PY' || fail "the bits are not those that were said"
import json, struct
def tensors(path):
    raw = open(path, "rb").read()
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    return {k: raw[start + v["data_offsets"][0]:start + v["data_offsets"][1]]
            for k, v in json.loads(raw[8:start]).items() if k != "__metadata__"}
raise SystemExit(tensors("again") != tensors("few8"))
PY
