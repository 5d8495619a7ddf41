#!/bin/sh
# Carries networks from PyTorch to here and back: makes them there with a fresh
# seed, loads them here from both file formats, compares outputs and buffers in
# both precisions, saves them, and loads them there again, strictly.
#   sh tests/weights/run.sh [SEED]
# The build is in build/, or where ORRERY_BUILD_DIR says; PyTorch is that of
# the first python3 that has it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../../build}

python=
for candidate in python3 /usr/bin/python3; do
  "$candidate" -c 'import torch, numpy' 2>/dev/null || continue
  python=$candidate
  break
done
if [ -z "$python" ]; then
  echo "weights: no python3 here has PyTorch; install Debian's python3-torch," \
    "or pip's torch and numpy"
  exit 1
fi
if [ ! -x "$build/orrery" ]; then
  echo "weights: $build/orrery is not there; build first"
  exit 1
fi

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
export PYTHONDONTWRITEBYTECODE=1
"$python" "$here/generate.py" "$folder" "${1:-1}" || exit 1
"$build/orrery" "$here/nets.lua" "$folder" || exit 1
"$python" "$here/generate.py" "$folder" --back
