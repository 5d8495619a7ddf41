#!/bin/sh
# Compares every op with PyTorch on random cases: generates them, runs ours on
# them, prints what passed.
#   sh tests/vectors/run.sh [SEED [CASES [FAMILY...]]]
# The build is in build/, or where ORRERY_BUILD_DIR says; PyTorch is that of
# the first python3 that has it. CASES is per op; 0 is what the specs say.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../../build}
seed=${1:-1} cases=${2:-0}
[ $# -ge 2 ] && shift 2 || shift $#

python=
for candidate in python3 /usr/bin/python3; do
  "$candidate" -c 'import torch, numpy' 2>/dev/null || continue
  python=$candidate
  break
done
if [ -z "$python" ]; then
  echo "vectors: no python3 here has PyTorch; install Debian's python3-torch," \
    "or pip's torch and numpy"
  exit 1
fi
if [ ! -x "$build/orrery" ]; then
  echo "vectors: $build/orrery is not there; build first"
  exit 1
fi

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
"$build/orrery" "$here/compare.lua" --names >"$folder/names.txt" || exit 1
families=
for family in "$@"; do families="$families --family $family"; done
[ "$cases" = 0 ] || families="$families --cases $cases"
echo "vectors: seed $seed, $("$python" -c \
  'import torch; print("PyTorch", torch.__version__)')"
# shellcheck disable=SC2086
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/generate.py" "$folder" \
  --seed "$seed" --names "$folder/names.txt" $families
generated=$?
"$build/orrery" "$here/compare.lua" "$folder" "$@" || exit 1
exit $generated
