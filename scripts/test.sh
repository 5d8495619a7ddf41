#!/bin/sh
# Everything that is checked: set-up, build without a warning, all tests, then
# all again under the address and undefined-behaviour sanitizers.
#   sh scripts/test.sh           ends with "N passed, N failed"
#   sh scripts/test.sh fast      leaves the sanitizers out
set -u
cd "$(dirname "$0")/.." || exit 2

# give_up WHY: the closing line when there is nothing to count.
give_up() {
  echo "test: $1"
  echo "0 passed, 1 failed"
  exit 1
}

# check DIR OPTION...: configures, builds and runs the tests in DIR. What
# failed is in DIR/meson-logs, for the summary below.
check() {
  dir=$1
  shift
  again=
  [ -e "$dir/build.ninja" ] && again=--reconfigure
  meson setup $again "$dir" -Dwerror=true "$@" >"$dir.log" 2>&1 || {
    tail -n 20 "$dir.log"
    give_up "meson could not set up $dir"
  }
  ninja -C "$dir" >"$dir.log" 2>&1 || {
    grep -A 12 -e 'error:' -e FAILED: "$dir.log" | head -n 60
    give_up "$dir does not build; the whole output is in $dir.log"
  }
  rm -f "$dir/meson-logs/testlog.json"
  meson test -C "$dir" --no-rebuild --num-processes 2 >"$dir.log" 2>&1
}

sh scripts/setup.sh tests || give_up "set-up failed"
eval "$(sh scripts/setup.sh --env)"
lua=$(command -v lua5.4 || command -v lua54 || command -v lua)
echo "test: build and test in build/"
check build
dirs=build
if [ "${1-}" != fast ]; then
  echo "test: once more under the sanitizers in build-asan/"
  # Optimised for size of the wait: -O1 is three times quicker than -O0 here.
  check build-asan -Db_sanitize=address,undefined -Db_lundef=false \
    -Doptimization=1
  dirs="$dirs build-asan"
fi
exec "$lua" tests/summary.lua $dirs
