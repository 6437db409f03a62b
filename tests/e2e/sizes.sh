#!/bin/bash
# Sizes, channel counts, odd batches and modules that no reference file has: programs against the graph interpreter
# in f64, on random parameters and data, by files that make_replay writes.
. "$(dirname "$0")/lib.sh"

replays() { # DESCRIPTION [OPTIONS of make_replay]; POISON may be set
  local description=$models/$1.tess
  ok "$make_replay" "$description" file.safetensors "${@:2}"
  compile "$description" -D @file.safetensors ${POISON:+--debug-poison} -o program
  ok ./program replay file.safetensors
  says out '"missing":[],"ignored":[],"ok":true'
  printf '%s: %s\n' "$*" "$(grep -o '"worst":{[^}]*}' out)"
}

digpt=(-D lr=1e-3 -D img=28 -D patch=7 -D decoder_dim=16 -D decoder_heads=2 -D teacher_grid=4)

replays digpt "${digpt[@]}" -D batch=3 -D chans=3 -D embed_dim=24 -D depth=5 -D heads=3 -D taps=2,3,5 \
  -D teacher_dim=20 --steps 2 --seed 1
replays digpt "${digpt[@]}" -D batch=5 -D chans=1 -D embed_dim=32 -D depth=2 -D heads=2 -D taps=1,2 \
  -D decoder_depth=1 -D teacher_dim=12 -D accumulate=2 --steps 2 --seed 2 --raw
replays digpt "${digpt[@]}" -D batch=1 -D img=24 -D patch=4 -D embed_dim=16 -D depth=3 -D heads=1 -D taps=3 \
  -D decoder_dim=24 -D decoder_heads=3 -D decoder_depth=3 -D teacher_grid=6 -D teacher_dim=5 --seed 3 --raw
replays digpt "${digpt[@]}" -D batch=2 -D embed_dim=16 -D depth=1 -D heads=2 -D taps=1 -D teacher=vit \
  -D teacher_dim=20 -D teacher_depth=2 -D teacher_heads=2 --seed 4 --raw
POISON=1 replays digpt "${digpt[@]}" -D batch=3 -D chans=2 -D embed_dim=16 -D depth=2 -D heads=2 -D taps=2,1 \
  -D teacher=clip -D teacher_dim=20 -D teacher_depth=1 -D teacher_heads=3 -D teacher_width=24 \
  -D teacher_quick_gelu=true --steps 2 --seed 5 --raw
replays clip_visual -D batch=5 -D width=24 -D layers=3 -D patch=7 -D resolution=28 -D heads=3 -D output_dim=10 \
  --seed 6
replays clip_visual -D batch=1 -D width=20 -D layers=1 -D patch=7 -D resolution=21 -D heads=5 -D output_dim=33 \
  -D chans=1 -D quick_gelu=true --seed 7 --raw
replays vit_classify -D lr=1e-3 -D batch=7 -D classes=101 -D img=42 -D patch=14 -D chans=3 -D embed_dim=36 \
  -D depth=3 -D heads=3 -D drop_path=0.4 -D label_smoothing=0.1 -D accumulate=3 --steps 3 --seed 8 --raw
POISON=1 replays vit_classify -D lr=1e-3 -D batch=13 -D classes=3 -D img=20 -D patch=2 -D embed_dim=20 -D depth=2 \
  -D heads=5 -D layer_decay=0.5 --steps 2 --seed 9
# Sums over 16,448 tokens, of which those of an image give equal terms.
replays vit_classify -D lr=1e-3 -D batch=64 -D classes=3 -D img=32 -D patch=2 -D embed_dim=8 -D depth=1 -D heads=1 \
  --seed 11 --raw
replays rotary -D lr=1e-3 -D batch=9 -D img=30 -D patch=6 -D chans=3 -D dim=16 -D depth=2 -D heads=2 -D classes=11 \
  --seed 10

# The comparison can fail: heads cut otherwise have the same shapes.
compile "$models/rotary.tess" -D @file.safetensors -D heads=1 -o program
ends 1 ./program replay file.safetensors
says err "is off by"

# What bench/build_time builds.
for small in "gru.tess -D steps=3" "tanh.tess -D length=9"; do
  read -ra words <<<"$small"
  compile "$source_dir/bench/${words[0]}" "${words[@]:1}" -o program
  ok ./program bench --steps 1
done
