#!/bin/bash
# What a program consists of: it needs the C library and its mathematics alone, every kernel is a function that
# profilers can name, and the line tables lead to the description and its modules.
. "$(dirname "$0")/lib.sh"

compile "${small_vit[@]}" -o program

if [ "${SANITIZED:-0}" = 0 ]; then
  readelf -d program | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >needed
  ! grep -vE '^(libc|libm|libpthread)\.so\.[0-9]+$' needed || fail "the program needs more than libc, libm and pthread"
  [ -s needed ] || fail "the program has no dynamic section"
fi

# Kernels with their places by the manifest, functions by the symbol table.
ok "$tessera" inspect program --json
python3 -c 'import json, sys
for k in json.load(open("out"))["kernels"]: print(k["name"], k["source"])' >kernels
[ "$(wc -l <kernels)" -gt 50 ] || fail "the manifest has $(wc -l <kernels) kernels"
readelf -sW program | awk '$4 == "FUNC" && $3 > 0 { print $8, $2 }' | sort >functions

# Each kernel's own place by addr2line; and those of the functions that kernels call, named after them.
while read -r kernel place; do
  grep -E "^$kernel(\.tile[^ ]*)? " functions | awk '{ print $2 }' >at
  [ -s at ] || fail "$kernel is no function of the program"
  addr2line -e program $(cat at) >lines
  [ "$(head -n 1 lines)" = "$place" ] || fail "$kernel: found the place $(head -n 1 lines), expected $place"
  ! grep -vE '^[a-z_/]+\.tess:[1-9][0-9]*( |$)' lines || fail "$kernel: a place outside the description"
  file=$models/${place%:*}
  [ -f "$file" ] && [ "$(wc -l <"$file")" -ge "${place##*:}" ] || fail "$kernel: there is no place $place"
done <kernels
! grep -q '^/' <(addr2line -e program $(awk '{ print $2 }' functions) | grep tess) || fail "a place is an absolute path"

# As a debugger shows it.
if command -v gdb >/dev/null; then
  kernel=$(awk '/ lib\/nn.tess/ { print $1; exit }' kernels)
  gdb -batch -ex "info line $kernel" program >out 2>err
  says out "of \"lib/nn.tess\" starts at address"
  says out "<$kernel>"
else
  echo "gdb is not installed: its view was not looked at"
fi
