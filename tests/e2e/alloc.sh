#!/bin/bash
# Every allocation of a run fails in turn, and of a build each 101st from a random one on (FAIL_STRIDE=1: every one, ten
# minutes): the status is 0, or 1 with the reason; nothing crashes, nothing half-written stays, and a
# checkpoint is the old one or the whole new one, which no failure once the training runs may cost.
. "$(dirname "$0")/lib.sh"
[ "${SANITIZED:-0}" = 0 ] || skip "sanitizers have an allocator of their own"
stride=${FAIL_STRIDE:-101}
seed=${TESSERA_SEED:-$RANDOM}
echo "TESSERA_SEED=$seed draws the same again"
shim=$build_dir/tests/libfail_alloc.so
write_images train 64 8 4 1
write_images t10k 16 8 4 2
tiny=("$models/vit_classify.tess" -D batch=8 -D img=8 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D classes=4
      -D layer_decay=1 -D mean=0.3 -D std=0.3)
compile "${tiny[@]}" -o vit

# Files that were being written; a lock that is left behind blocks nobody, and goes with the next run.
unfinished() {
  find . -name '.*' -type f ! -name '.*.lock'
}

# fails_in_turn NAME CHECK COMMAND..: CHECK is called after each with the status.
fails_in_turn() {
  local name=$1 check=$2 n status
  shift 2
  FAIL_COUNT=count LD_PRELOAD=$shim "$@" >out 2>err || { cat err; fail "$name fails by itself"; }
  n=$(cut -d' ' -f1 count)
  for ((i = 1; i <= n; i++)); do
    status=0
    FAIL_AT=$i LD_PRELOAD=$shim "$@" >out 2>err || status=$?
    [ $status -le 1 ] || { cat err; fail "$name: allocation $i of $n fails: status $status"; }
    [ $status = 0 ] || grep -q . err || fail "$name: allocation $i of $n fails, and nothing is said"
    $check $status
    [ -z "$(unfinished)" ] || fail "$name: allocation $i of $n: $(unfinished) is left"
  done
  echo "$name: $n allocations"
}

train=(./vit train --data . --threads 1)
ok "${train[@]}" --steps 2 --checkpoint old
ok "${train[@]}" --steps 4 --resume old --checkpoint new

# The checkpoint is written at every update; the run goes on without the one that failed.
trained() {
  if [ -s log ] || [ "$1" = 0 ]; then
    cmp -s c new || fail "allocation $i: the run had begun, and its last checkpoint is not there"
  else
    cmp -s c old || fail "allocation $i: the run had not begun, and the checkpoint is another one"
  fi
  cp old c
  rm -f log
}
cp old c
fails_in_turn train trained "${train[@]}" --steps 4 --resume c --checkpoint c --every 1 --log log
nothing() { :; }
fails_in_turn eval nothing ./vit eval --data . --init new --threads 1
fails_in_turn bench nothing ./vit bench --steps 1 --threads 2 --profile-out profile
fails_in_turn info nothing ./vit info --json
ok "$make_replay" "$models/vit_classify.tess" golden "${tiny[@]:1}" -D lr=1e-3
fails_in_turn replay nothing ./vit replay golden --threads 1

# A build has too many for a process each: each goes on in a child from where it fails.
build_fails_in_turn() { # NAME STRIDE DESCRIPTION..
  local name=$1 n tried first=$((seed % $2 + 1))
  rm -rf folder folder.kept
  mkdir folder folder.kept
  FAIL_EACH=$first:$2 FAIL_FOLDER=folder FAIL_REPORT=$PWD/report FAIL_COUNT=$PWD/count LD_PRELOAD=$shim \
    "$tessera" build "${@:3}" -o "folder/$name" >out 2>err || { cat err; fail "$name: the build fails by itself"; }
  [ ! -s report ] || { head -20 report; fail "$name: a build whose allocations fail, each $2-th from $first on"; }
  compile "${@:3}" -o "$name"
  cmp "folder/$name" "$name" || fail "$name: the build is another one after its children"
  read -r n tried <count
  [ "$tried" -gt 0 ] || fail "$name: no allocation was tried"
  echo "build of $name: $tried of $n allocations"
}

cat >scale.tess <<'TESS'
import "lib/optim.tess"
module scale() {
  param w [3] = 1
  fn (x [B, 3]) = x * w
}
train t(batch = 2) {
  data x f32 [batch, 3] = given()
  model m = scale()
  minimise mean(m(x))
  optimizer sgd(lr = 0.1)
}
TESS
build_fails_in_turn scale "$stride" scale.tess
build_fails_in_turn vit $((stride * 200)) "${tiny[@]}"
