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

who=weights
. "$here/../with_torch.sh"
"$python" "$here/generate.py" "$folder" "${1:-1}" || exit 1
"$build/orrery" "$here/nets.lua" "$folder" || exit 1
"$python" "$here/generate.py" "$folder" --back
