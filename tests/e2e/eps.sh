#!/bin/bash
# Every norm's eps apart. The norms' inputs have a variance near 1e-6, where 1e-6 and 1e-5 give results far apart.
# The reference file is made from a copy of the models in which each eps stands as ../shared/digpt.md has it; the
# models themselves must replay it, and a copy with any one of them changed must not.
. "$(dirname "$0")/lib.sh"

# set_eps FOLDER FILE NORM EPS: writes the eps of a norm's declaration.
set_eps() {
  local file=$1/$2.tess declared="^( *(let )?$3(:| =) layer_norm\([a-z_]+)(, [^)]*)?\)"
  [ "$(grep -cE "$declared" "$file")" = 1 ] || fail "$2.tess does not declare the norm $3 once"
  sed -i -E "s/$declared/\1, $4)/" "$file"
}

copy() {
  rm -rf "$1"
  cp -r "$models" "$1"
}

# check DESCRIPTION NORMS -- OPTIONS of make_replay. A norm is FILE:NAME:EPS.
check() {
  local description=$1 norms=() norm
  shift
  while [ "$1" != -- ]; do
    norms+=("$1")
    shift
  done
  shift
  copy reference
  for norm in "${norms[@]}"; do
    IFS=: read -r file name eps <<<"$norm"
    set_eps reference "$file" "$name" "$eps"
  done
  ok "$make_replay" reference/"$description".tess file.safetensors "$@"
  compile "$models/$description.tess" -D @file.safetensors -o program
  ok ./program replay file.safetensors
  says out '"ok":true'
  for norm in "${norms[@]}"; do
    IFS=: read -r file name eps <<<"$norm"
    copy changed
    set_eps changed "$file" "$name" "$([ "$eps" = 1e-5 ] && echo 1e-6 || echo 1e-5)"
    compile changed/"$description".tess -D @file.safetensors -o program
    ends 1 ./program replay file.safetensors
    says out '"ok":false'
    says err "is off by"
    printf '%s: another eps than %s of %s shows: %s\n' "$description" "$eps" "$name" "$(head -n 1 err)"
  done
}

stream=(--scale 'patch_embed.*=1e-3' --scale pos_embed=1e-3 --scale cls_token=2e-2 --scale 'blocks.*.proj.*=3e-3'
        --scale 'blocks.*.fc2.*=3e-3')

check vit_classify lib/vit:norm1:1e-6 lib/vit:norm2:1e-6 lib/vit:fc_norm:1e-6 -- \
  -D lr=1e-3 -D batch=2 -D classes=3 -D img=16 -D patch=4 -D embed_dim=16 -D depth=1 -D heads=2 "${stream[@]}"
check clip_visual lib/clip:ln_1:1e-5 lib/clip:ln_2:1e-5 lib/clip:ln_pre:1e-5 lib/clip:ln_post:1e-5 -- \
  -D batch=2 -D width=16 -D layers=1 -D patch=7 -D resolution=28 -D heads=2 -D output_dim=8 \
  --scale '*visual.conv1.*=1e-3' --scale '*visual.*_embedding=2e-3' --scale '*visual.ln_pre.*=1e-3' \
  --scale '*.out_proj.*=3e-3' --scale '*.c_proj.*=3e-3'
check digpt digpt:norm1:1e-6 digpt:norm2_1:1e-6 digpt:norm2_2:1e-6 digpt:norm2:1e-6 digpt:ar_shared:1e-5 \
  digpt:kd_shared:1e-5 digpt:ar_norm:1e-6 digpt:kd_norm:1e-6 lib/vit:norm1:1e-6 lib/vit:norm2:1e-6 -- \
  -D lr=1e-3 -D batch=2 -D img=16 -D patch=4 -D embed_dim=16 -D depth=1 -D heads=2 -D taps=1 -D decoder_dim=16 \
  -D decoder_depth=1 -D decoder_heads=2 -D teacher_grid=4 -D teacher_dim=8 "${stream[@]}" \
  --scale decoder_pos_embed=1e-3 --scale '??_token=2e-2' --scale '*_enc2dec.*=1e-3' \
  --scale '??_blocks.*.proj.*=3e-3' --scale '??_blocks.*.fc2.*=3e-3'
