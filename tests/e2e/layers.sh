#!/bin/bash
# The library's layers and orders: as PyTorch has them (layers.safetensors, which layers.py wrote), and at drawn sizes
# and of drawn layers beside the graph interpreter in f64. Ties of maxima and sorts are in PyTorch's file.
. "$(dirname "$0")/lib.sh"
. "$source_dir/tests/seed.sh"

replays() { # FILE [OPTIONS]
  compile "$here/layers.tess" -D "@$1" "${@:2}" -o program
  ok ./program replay "$1"
  says out '"missing":[],"ignored":[],"ok":true'
  printf '%s: %s\n' "$*" "$(grep -o '"worst":{[^}]*}' out)"
}

replays "$here/layers.safetensors"
replays "$here/layers.safetensors" --debug-poison --fusion "$models/fusion/none.fuse"
for round in 1 2; do
  sizes=(-D batch=$((1 + RANDOM % 5)) -D side=$((6 + RANDOM % 12)) -D width=$((4 * (1 + RANDOM % 5))))
  echo "round $round: ${sizes[*]}"
  ok "$make_replay" "$here/layers.tess" drawn.safetensors "${sizes[@]}" --seed "$RANDOM" --steps 2 --raw
  replays drawn.safetensors
done

for case in 0 1 2 3 4 5; do
  python3 "$here/drawn_layers.py" $((seed + case)) >drawn.tess
  echo "seed $((seed + case)): $(grep 'fn ()' drawn.tess)"
  ok "$make_replay" drawn.tess drawn.safetensors --seed $((seed + case)) --raw
  compile drawn.tess -o program
  ok ./program replay drawn.safetensors
  says out '"missing":[],"ignored":[],"ok":true'
done
