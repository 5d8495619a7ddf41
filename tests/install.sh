#!/bin/sh
# What is installed works away from the source: the module in a stock Lua, the
# program moved to another place. sh tests/install.sh MESON BUILD_FOLDER LUA
set -u
meson=$1 build=$2 lua=$3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
echo 1..5

n=0
# report NAME: by the status of the command before.
report() {
  status=$?
  n=$((n + 1))
  [ $status = 0 ] && echo "ok $n - $1" && return
  echo "not ok $n - $1"
  sed 's/^/# /' "$root/log"
}

"$meson" install -C "$build" --no-rebuild --destdir "$root" >"$root/log" 2>&1
report "meson install succeeds"

here=$(find "$root" -type d -path '*/share/lua/5.4' | head -n 1)
prefix=${here%/share/lua/5.4}
mv "$prefix" "$root/moved"
prefix=$root/moved
cd / || exit 1
unset ORRERY_SOURCE_DIR ORRERY_BUILD_DIR

LUA_PATH="$prefix/share/lua/5.4/?.lua;$prefix/share/lua/5.4/?/init.lua" \
LUA_CPATH="$prefix/lib/lua/5.4/?.so" "$lua" -e '
  local orrery = require "orrery"
  assert(orrery.zeros(2, 3):shape_str() == "[2, 3]")
' >"$root/log" 2>&1
report "a stock lua5.4 loads the installed module"

unset LUA_PATH LUA_CPATH
"$prefix/bin/orrery" -e '
  local path = package.searchpath("orrery", package.path)
  assert(path and path:find("moved", 1, true), path)
  assert(require("orrery").ones(2):sum():item() == 2)
' >"$root/log" 2>&1
report "the program finds its Lua files after a move"

"$prefix/bin/orrery" -e '
  local orrery = require "orrery"
  if not orrery.io.features.gzip then os.exit(77) end
  local digits = orrery.data.mnist {}
  assert(digits.train.images:size(1) == 8000)
  local emoji = orrery.io.features.png and assert(orrery.data.emoji {})
  assert(not emoji or #emoji.names == 732)
' >"$root/log" 2>&1
status=$?
if [ $status = 77 ]; then
  n=$((n + 1))
  echo "ok $n - digits and emoji are installed with it # SKIP built without zlib"
else
  (exit $status)
  report "digits and emoji are installed with it"
fi

lib=$(dirname "$(find "$prefix" -name liborrery.a)")
cat >"$root/use.c" <<'EOF'
#include <orrery.h>
int main(void) {
  orr_tensor *t = orr_zeros(ORR_F32, 1, (int64_t[]){3});
  int wrong = !t || orr_count(t) != 3;
  orr_release(t);
  return wrong;
}
EOF
{
  ${CC:-cc} "$root/use.c" -I"$prefix/include" -L"$lib" -lorrery \
    -o "$root/use" && LD_LIBRARY_PATH=$lib "$root/use"
} >"$root/log" 2>&1
report "a C program builds against the installed library"
