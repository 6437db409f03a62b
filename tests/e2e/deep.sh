#!/bin/bash
# Graphs that are deep build, in time by their length: a chain of 100,000 operations with its backward pass, which is half a
# million nodes, one of gathers, and a recurrent net over many steps. Nobody's stack grows with them.
. "$(dirname "$0")/lib.sh"

length=100000
[ "$SANITIZED" = 0 ] || length=10000
ulimit -t 240

compile "$source_dir/bench/tanh.tess" -D length=$length -o program
ok ./program bench --steps 1
compile "$source_dir/bench/gather.tess" -D length=$((length / 10)) -o program
compile "$source_dir/bench/gru.tess" -D steps=112 -o program
ok ./program bench --steps 1
