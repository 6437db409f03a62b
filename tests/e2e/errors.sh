#!/bin/bash
# What users do wrong: each case ends with its exit status and, byte for byte, the messages of errors/NAME.err, and
# leaves no file behind. With UPDATE_GOLDEN set in the environment those files are written anew.
. "$(dirname "$0")/lib.sh"

# refused NAME STATUS COMMAND..: in the folder `case`, whose files must be the same afterwards.
refused() {
  local name=$1 want=$2 status=0 golden_file=$here/errors/$1.err
  shift 2
  (cd case && find . -type f -exec sha256sum {} + | sort -k 2) >before
  (cd case && "$@") >out 2>err || status=$?
  (cd case && find . -type f -exec sha256sum {} + | sort -k 2) >after
  sed -e "s|$models|MODELS|g" -e "s|$here|E2E|g" err >said
  [ -z "${UPDATE_GOLDEN:-}" ] || cp said "$golden_file"
  [ $status = "$want" ] || { cat out err; fail "$name: exit status $status, expected $want"; }
  diff -u "$golden_file" said || fail "$name: other messages"
  diff -u before after || fail "$name: files were left or changed"
  seen+=("$name.err")
}
seen=()

mkdir case
cd case
write_images train 64 16 4 1
write_images t10k 20 16 4 2
compile "${small_vit[@]}" -D batch=4 -D depth=1 -o ../vit
compile "$models/digpt.tess" -D batch=2 -D img=16 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D taps=1 \
  -D decoder_dim=8 -D decoder_heads=1 -D decoder_depth=1 -D teacher=vit -D teacher_dim=24 -D teacher_depth=1 \
  -D teacher_heads=2 -D teacher_grid=4 -D mean=0.3 -D std=0.3 -o ../digpt
ok ../vit train --data . --steps 3 --checkpoint good
ok "$make_replay" "$models/vit_classify.tess" replay "${small_vit[@]:1}" -D batch=4 -D depth=1 -D lr=1e-3
rm out err
# The messages give places in the header, which names the machine that the program was built for.
patch good good 'del head["__metadata__"]["tessera.build"]; raw = with_head(json.dumps(head))'
train=(../vit train --data . --steps 3)

# Descriptions. The language's own errors are tests/lang's; here is what becomes of them.
cat >wrong.tess <<'TESS'
import "lib/nn.tess"
train t(batch = 4, dim = 8) {
  data x f32 [batch, dim] = given()
  frozen a = linear(dim, output = 3)
  frozen b = linear(dim + 1, 3)
  let y = b(x)
  let z = rearrange(x, "b (h d) -> b d", h = 2)
  let w = soft_max(x)
  report y, z, w
}
TESS
printf 'import "lib/nnn.tess"\ntrain t(batch = 4) { data x f32 [batch] = given()\n report x }\n' >import.tess
printf 'train t(batch = 4) {\n  data x f32 [batch, = given()\n' >cut.tess
cd ..
refused description 1 "$tessera" build wrong.tess -o program
refused description_import 1 "$tessera" build import.tess -o program
refused description_cut 1 "$tessera" build cut.tess -o program
refused description_missing 1 "$tessera" build missing.tess -o program
refused description_folder 1 "$tessera" build . -o program
refused description_check 1 "$tessera" build "$models/digpt.tess" -D img=27 -D tapz=3 -o program
refused define_file 1 "$tessera" build "$models/digpt.tess" -D @missing.safetensors -o program
refused define_idx 1 "$tessera" build "$models/digpt.tess" -D @train-images-idx3-ubyte -o program
refused output_folder 1 "$tessera" build "$models/vit_classify.tess" -D depth=1 -D img=14 -o missing/program

# Command lines.
refused tessera_verb 2 "$tessera" biuld
refused tessera_flag 2 "$tessera" build "$models/vit_classify.tess" -o program --emmit=graph stages
refused program_verb 1 ../vit trian
refused program_flags 1 "${train[@]}" --epcohs 3 --lr much --seed -1 --tolerance 2
refused program_nothing 1 ../vit train
refused program_value 1 "${train[@]}" --checkpoint
refused program_forward 1 ../digpt replay

# Safetensors files.
head -c 100 case/good >case/cut_header
head -c 20000 case/good >case/cut_data
head -c 5 case/good >case/cut_length
: >case/empty
patch case/good case/long_header 'raw[:8] = struct.pack("<Q", 1 << 60)'
patch case/good case/no_json 'raw[8] = ord("x")'
patch case/good case/beyond 'head["head.bias"]["data_offsets"][1] += 1 << 40; raw = with_head(json.dumps(head))'
patch case/good case/overlap 'head["head.bias"]["data_offsets"] = head["cls_token"]["data_offsets"]
raw = with_head(json.dumps(head))'
patch case/good case/shape 'head["head.bias"]["shape"] = [5]; raw = with_head(json.dumps(head))'
patch case/good case/type 'head["head.bias"]["dtype"] = "F31"; raw = with_head(json.dumps(head))'
patch case/good case/turned 'head["head.weight"]["shape"].reverse(); raw = with_head(json.dumps(head))'
patch case/good case/renamed 'raw = with_head(json.dumps(head).replace("\"cls_token\"", "\"cls_tokens\""))'
patch case/good case/twice 'raw = with_head(json.dumps(head).replace("\"cls_token\"", "\"head.bias\""))'
patch case/replay case/replay_steps 'raw = with_head(json.dumps(head).replace("step0.", "step1."))'
patch case/replay case/replay_shape 'head["step0.labels"]["shape"] = [2, 2]; raw = with_head(json.dumps(head))'
patch case/replay case/replay_lost 'raw = with_head(json.dumps(head).replace("\"losses\"", "\"loses\""))'
for file in cut_header cut_data cut_length empty long_header no_json beyond overlap shape type twice; do
  refused init_$file 1 "${train[@]}" --init $file --checkpoint new
done
refused init_missing 1 "${train[@]}" --init missing --checkpoint new
refused init_turned 1 "${train[@]}" --init turned --checkpoint new
refused resume_renamed 1 "${train[@]}" --resume renamed --checkpoint new
refused resume_cut 1 "${train[@]}" --resume cut_data --checkpoint new
refused resume_init 1 "${train[@]}" --resume init --init good
refused eval_renamed 1 ../vit eval --data . --init renamed
refused frozen_none 1 ../digpt train --data . --steps 3
refused frozen_cut 1 ../digpt train --data . --steps 3 --frozen teacher=cut_data
refused frozen_name 1 ../digpt train --data . --steps 3 --frozen taecher=good
refused frozen_shape 1 ../digpt train --data . --steps 3 --frozen teacher=replay
refused frozen_form 1 ../digpt train --data . --steps 3 --frozen teacher
refused replay_missing 1 ../vit replay missing
refused replay_cut 1 ../vit replay cut_data
refused replay_steps 1 ../vit replay replay_steps
refused replay_shape 1 ../vit replay replay_shape
refused replay_lost 1 ../vit replay replay_lost

# Data.
set_data() { # FOLDER: a copy of the good data, to be spoilt
  rm -rf "case/$1"
  mkdir "case/$1"
  cp case/t*-ubyte "case/$1"
}
images=train-images-idx3-ubyte
zip() { # FOLDER: its images in gzip, not compressed: the same bytes wherever the test runs
  python3 -c 'import gzip, sys
raw = open(sys.argv[1], "rb").read()
open(sys.argv[1] + ".gz", "wb").write(gzip.compress(raw, 0, mtime=0))' "case/$1/$images"
  rm "case/$1/$images"
}
set_data cut && truncate -s 5000 case/cut/$images
set_data longer && printf x >>case/longer/$images
set_data kind && printf '\0\0\x0a\3' | dd of=case/kind/$images conv=notrunc status=none
set_data lying && printf '\xff\xff\xff\xff' | dd of=case/lying/$images bs=1 seek=4 conv=notrunc status=none
set_data cut_labels && head -c 40 case/train-labels-idx1-ubyte >case/cut_labels/train-labels-idx1-ubyte
set_data label && printf '\x09' | dd of=case/label/train-labels-idx1-ubyte bs=1 seek=20 conv=notrunc status=none
set_data zipped && zip zipped && truncate -s 3000 case/zipped/$images.gz
set_data damaged && zip damaged && printf 'zzzz' |
  dd of=case/damaged/$images.gz bs=1 seek=4000 conv=notrunc status=none
set_data size && (cd case/size && write_images train 64 20 4 1)
for data in cut longer kind lying cut_labels label zipped damaged size missing; do
  refused data_$data 1 ../vit train --data $data --steps 3 --checkpoint new
done
set_data double && cp case/double/$images case/double/train-images.idx3
refused data_double 1 ../vit train --data double --steps 3 --checkpoint new
set_data empty && python3 - <<'PY'
open("case/empty/t10k-images-idx3-ubyte", "wb").write(bytes([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 16]))
open("case/empty/t10k-labels-idx1-ubyte", "wb").write(bytes([0, 0, 8, 1, 0, 0, 0, 0]))
PY
refused data_empty 1 ../vit eval --data empty --init good
set_data other && printf '\xff' | dd of=case/other/$images bs=1 seek=100 conv=notrunc status=none
refused resume_other 1 ../vit train --data other --resume good --checkpoint new --steps 6
refused data_tensor 1 ../vit train --data good --steps 3 --checkpoint new
refused data_datum 1 ../vit train --data label=train-labels-idx1-ubyte --data . --steps 3 --checkpoint new
refused data_few 1 ../vit train --data . --steps 3 --limit 3
refused data_none 1 ../vit eval --init good

# Checkpoints that cannot be written: the last good one stays, a stale temporary file goes.
full() { # BLOCKS OPTIONS
  ulimit -f "$1"
  ../vit train --data . --steps 6 "${@:2}"
}
cp case/good case/c
refused full_disk 1 full 16 --resume c --checkpoint c --every 1
refused no_folder 1 "${train[@]}" --checkpoint missing/c
mkfifo case/pipe
refused profile_pipe 1 ../vit bench --steps 1 --profile-out pipe
refused profile_folder 1 ../vit bench --steps 1 --profile-out missing/profile
refused checkpoint_pipe 1 "${train[@]}" --checkpoint pipe
[ -p case/pipe ] || fail "the pipe has become a file"
rm case/pipe
printf mine >case/c.tmp
ok env -C case ../vit train --data . --steps 6 --resume c --checkpoint c
[ "$(cat case/c.tmp)" = mine ] || fail "somebody's c.tmp was taken for a temporary file"

# Every golden file has its case.
printf '%s\n' "${seen[@]}" | sort >names
diff -u names <(cd "$here/errors" && ls | sort) || fail "messages that no case gives, or cases without messages"
