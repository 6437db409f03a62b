#!/bin/bash
# An installed compiler finds its library and its runtime from where it lies: the prefix can be moved, and neither the
# source tree nor the build folder is needed any more.
. "$(dirname "$0")/lib.sh"

prefix=$(mktemp -d)
trap 'rm -rf "$work" "$prefix"' EXIT
ok cmake --install "$build_dir" --prefix "$prefix/first"
mv "$prefix/first" "$prefix/second"
installed=$prefix/second/bin/tessera
cp "$models/vit_classify.tess" "$prefix"
small_vit[0]=$prefix/vit_classify.tess

compile "${small_vit[@]}" -o here
ok "$installed" build "${small_vit[@]}" -o "$prefix/program"
cmp here "$prefix/program" || fail "the installed compiler makes another program"
ok "$prefix/program" info
[ -f "$prefix/second/lib/tessera/libtessera_rt_cuda.a" ] || fail "the runtime for GPUs is not installed"

# With the tree hidden, where that is allowed.
if unshare -rm mount -t tmpfs none "$source_dir" 2>/dev/null; then
  ok unshare -rm sh -c 'cd / && mount -t tmpfs none "$1" && shift && exec "$@"' sh "$source_dir" \
    "$installed" build "${small_vit[@]}" -o "$prefix/hidden"
  cmp here "$prefix/hidden" || fail "without the source tree it makes another program"
else
  echo "mounts are not allowed here: the source tree was not hidden"
fi

# What is missing in the prefix is missed, not taken from elsewhere.
mv "$prefix/second/share/tessera/models/lib/nn.tess" "$prefix/nn.tess"
ends 1 "$installed" build "${small_vit[@]}" -o program
says err "lib/nn.tess"
mv "$prefix/nn.tess" "$prefix/second/share/tessera/models/lib/"
rm "$prefix/second/lib/tessera/libtessera_rt.a"
ends 1 "$installed" build "${small_vit[@]}" -o program
says err "libtessera_rt.a"
[ ! -e program ] || fail "a program was left"
