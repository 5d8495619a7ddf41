#!/bin/sh
# How likely scripts/maf.lua finds digits it was not trained on, and how likely
# PyTorch does after the same training of the same model: the means over seeds
# within two standard errors of each other.
#   sh tests/curves/maf.sh [MODELS [SEEDS [UPDATES]]]
# maf, seeds 1..5 and 1,500 updates unless told: ten minutes, one thread.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../../build}

who=curves
. "$here/../with_torch.sh"
"$build/orrery" "$here/maf.lua" "$folder/digits.npz" || exit 1
"$build/orrery" "$here/../../scripts/maf.lua" model="${1:-maf}" \
  seed="${2:-1..5}" steps="${3:-1500}" marks=1 threads=1 out="$folder" || exit 1
"$python" "$here/maf.py" "$folder/digits.npz" "$folder/maf/summary.csv"
