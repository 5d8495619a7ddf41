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

who=vectors
. "$here/../with_torch.sh"
"$build/orrery" "$here/compare.lua" --names >"$folder/names.txt" || exit 1
families=
for family in "$@"; do families="$families --family $family"; done
[ "$cases" = 0 ] || families="$families --cases $cases"
echo "vectors: seed $seed, $("$python" -c \
  'import torch; print("PyTorch", torch.__version__)')"
# shellcheck disable=SC2086
"$python" "$here/generate.py" "$folder" \
  --seed "$seed" --names "$folder/names.txt" $families
generated=$?
"$build/orrery" "$here/compare.lua" "$folder" "$@" || exit 1
exit $generated
