#!/bin/bash
# Texts and data that were changed: descriptions, library files, strategies, kernels, profiles, data sets, replays and logs,
# each with one drawn change (mutants.py has which). Whatever reads it ends with status 0 or 1, in time and without a
# fault; an error names the file, and in a text the line; nothing half-written stays; what still builds runs a
# step. MUTANTS=1000 makes it a campaign (docs/limits.md), MUTANT=N tries the N-th alone.
. "$(dirname "$0")/lib.sh"
. "$here/../seed.sh" "$0"

cmake --install "$build_dir" --prefix "$work/installed" >out || fail "the compiler cannot be installed"
installed=$work/installed/bin/tessera
tiny=(-D batch=8 -D img=8 -D patch=4 -D embed_dim=8 -D depth=1 -D heads=1 -D classes=4 -D layer_decay=1 -D mean=0.3 -D std=0.3)
mkdir start
cd start
write_images train 32 8 4 "$seed"
write_images t10k 16 8 4 "$((seed + 1))"
ok "$installed" build "$models/vit_classify.tess" "${tiny[@]}" -o ../vit
ok "$make_replay" "$models/vit_classify.tess" replay "${tiny[@]}" -D lr=1e-3
ok ../vit bench --steps 1 --threads 1 --profile-out profile
ok "$installed" explain "$models/vit_classify.tess" "${tiny[@]}" --write written.fuse
ok "$installed" build "$models/digpt.tess" -D batch=8 -D patch=7 -D embed_dim=64 -D depth=1 -D heads=1 -D taps=1 \
  -D decoder_dim=64 -D decoder_depth=1 -D decoder_heads=1 --emit=kernels . -o ../digpt
grep -q "cpu chain" digpt.kern || fail "the kernels have no chain"
ok ../vit train --data . --threads 1 --steps 2 --checkpoint resumed --log log
rm out err
cd ..

export SANITIZED=${SANITIZED:-0}
[ "$SANITIZED" = 1 ] || ulimit -v $((16 << 20)) # sizes that are huge
python3 "$here/mutants.py" "$seed" "${MUTANTS:-40}" "$installed" "$source_dir" "${tiny[@]}" || fail "a file that was changed"
