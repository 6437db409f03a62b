#!/bin/bash
# run.sh FUZZER OPTION..: runs a libFuzzer program with the seed that tests/seed.sh chooses.
set -eu
. "$(dirname "$0")/../seed.sh" "$1"
exec "$1" -seed="$seed" "${@:2}"
