#!/bin/sh
# Checks the layout of C and Lua files; changes nothing. scripts/lint.sh
set -u
cd "$(dirname "$0")/.." || exit 2
status=0
if command -v clang-format >/dev/null; then
  git ls-files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror || status=1
else
  echo "lint: clang-format is missing; install it with scripts/setup.sh"
  status=1
fi
if command -v luacheck >/dev/null; then
  luacheck -q . || status=1
else
  echo "lint: luacheck is missing; install it with scripts/setup.sh"
  status=1
fi
exit $status
