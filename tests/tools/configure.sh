# Without Check everything but the tests is configured, which is said; asking for the tests is an error then:
# configure.sh SOURCE FOLDER
set -euo pipefail
source=$1 folder=$2

configure() { cmake -G Ninja -S "$source" -B "$folder/build" "$@" >"$folder/log" 2>&1; }
said() { grep -q "$1" "$folder/log"; }
fail() { echo "$1"; cat "$folder/log"; exit 1; }

rm -rf "$folder"
mkdir -p "$folder/empty"
export PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$folder/empty

configure || fail "it does not configure without Check"
said '^-- Tests are off, Check is not installed: "tools/packages test"' || fail "it does not say that tests are off"
[ ! -e "$folder/build/tests" ] || fail "there are tests"
! configure -DTESSERA_TESTS=ON || fail "TESSERA_TESTS=ON is no error"
said 'TESSERA_TESTS is ON, but Check is not installed' || fail "the error does not say why"
rm -rf "$folder"
