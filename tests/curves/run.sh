#!/bin/sh
# The learning curve of the importance-weighted autoencoder's one-layer VAE on
# all of MNIST, here and in PyTorch, each with random numbers of its own: within
# 1 % of each other at every mark.
#   sh tests/curves/run.sh MNIST_FOLDER [EPOCHS] [K] [SEED]
# 5 epochs unless told, of 3,000 updates of 20 images; 1 draw in the bound. One
# thread each, half a minute an epoch for the two.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../../build}
data=${1:?the folder with the four files of MNIST}
epochs=${2:-5} k=${3:-1} seed=${4:-1}

who=curves
. "$here/../with_torch.sh"
"$build/orrery" "$here/../../scripts/iwae.lua" data="$data" k="$k" \
  seed="$seed" steps=$((3000 * epochs)) marks="$epochs" threads=1 \
  out="$folder" >"$folder/said" || { cat "$folder/said"; exit 1; }
"$python" "$here/iwae.py" "$data" "$folder/theirs.csv" --k "$k" \
  --seed "$seed" --steps $((3000 * epochs)) --every 3000 || exit 1
"$python" "$here/compare.py" "$folder/theirs.csv" \
  "$folder"/iwae/*/metrics.csv
