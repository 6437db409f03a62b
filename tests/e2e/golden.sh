#!/bin/bash
# The reference data of ../shared/golden, within the bounds of its README (the exit status of replay says so), by
# programs as they are and by programs that poison the memory that the plan calls dead.
. "$(dirname "$0")/lib.sh"

[ -d "$golden" ] || skip "there is no reference data in $golden"

replays() { # DESCRIPTION FILE [OPTIONS]
  local file=$golden/$2.safetensors
  compile "$models/$1.tess" -D "@$file" "${@:3}" -o program
  ok ./program replay "$file"
  says out '"missing":[]'
  says out '"ok":true'
  printf '%s %s: %s\n' "$2" "${*:3}" "$(grep -o '"worst":{[^}]*}' out)"
}

for poison in "" --debug-poison; do
  replays digpt digpt_tiny_a ${poison:+$poison}
  replays clip_visual clip_visual_tiny_a ${poison:+$poison}
  replays vit_classify finetune_tiny_a ${poison:+$poison}
done
