# Sourced by tests that draw: `seed` is TESSERA_SEED, or drawn, and printed; RANDOM follows from it.
# shellcheck shell=bash disable=SC2034 # the tests use what is set here
seed=${TESSERA_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
printf '%s: TESSERA_SEED=%s draws the same again\n' "$(basename "${1:-$0}")" "$seed"
RANDOM=$seed
