#!/bin/bash
# `tessera fit`: what it prints is what a build of that batch announces, the next batch does not fit, and the least
# memory that it names builds.
. "$(dirname "$0")/lib.sh"

# A small network, apart from its batch; without code it is planned within a fraction of a second.
net=("$models/vit_classify.tess" -D img=16 -D patch=4 -D embed_dim=24 -D depth=1 -D heads=2 -D classes=4
     -D layer_decay=1 -D mean=0.3 -D std=0.3)

# announced OPTIONS..: the bytes that a build announces.
announced() {
  compile "${net[@]}" "$@" -o program
  grep -oE '[0-9]+ bytes in all' out | grep -oE '^[0-9]+'
}

# row FIELD: of the table's only row.
row() {
  tail -n 1 out | awk -v f="$1" '{ print $f }'
}

check_fit() { # MEMORY BYTES OPTIONS..
  local memory=$1 bytes=$2 batch found next
  shift 2
  ok "$tessera" fit "${net[@]}" --memory "$memory" "$@"
  cat out
  batch=$(row 1) found=$(row 2)
  row 0 | awk '{ exit !($6 > 0 && $7 > 0) }' || fail "no prediction"
  [ "$found" -le "$bytes" ] || fail "$found bytes do not fit into $bytes"
  [ "$(announced "$@" -D batch="$batch")" = "$found" ] || fail "a build with batch=$batch announces something else"
  next=$(announced "$@" -D batch=$((batch + 1)))
  [ "$next" -gt "$bytes" ] || fail "batch=$((batch + 1)) fits too: $next bytes"
}

check_fit 6MiB $((6 * 1048576)) --threads 2
check_fit 20MB 20000000 --threads 3
check_fit 9.5MiB 9961472 -D accumulate=2

# Not even one: the least is named, and is enough.
ends 1 "$tessera" fit "${net[@]}" --memory 100KiB --threads 2
says err "not even batch=1 fits into 102400 bytes: it takes "
least=$(grep -oE 'it takes [0-9]+' err | grep -oE '[0-9]+')
[ "$(announced -D batch=1 --threads 2)" = "$least" ] || fail "a build with batch=1 does not take $least bytes"
ok "$tessera" fit "${net[@]}" --memory "$least" --threads 2
[ "$(row 1) $(row 2)" = "1 $least" ] || fail "$least bytes are not what batch=1 takes"
ends 1 "$tessera" fit "${net[@]}" --memory $((least - 1)) --threads 2
says err "not even batch=1"

ends 2 "$tessera" fit "${net[@]}"
says err "--memory says into what"
ends 2 "$tessera" fit --memory 1GiB
says err "which description?"
for memory in 24Gib x -5MiB 0 GiB 1e30; do
  ends 2 "$tessera" fit "${net[@]}" --memory "$memory"
  says err "wants an amount of memory as in 24GiB, 800MB or 123456, found \"$memory\""
done
ends 2 "$tessera" fit "${net[@]}" --memory 1GiB -D batch=4
says err "batch is what fit looks for"
ends 1 "$tessera" fit "${net[@]}" --memory 1GiB -D img=17
says err "this was tried with -D batch=1"
ends 1 "$tessera" fit missing.tess --memory 1GiB
says err "missing.tess: error: cannot read the file"
