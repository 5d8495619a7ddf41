#!/bin/sh
# The learning curve of a VAE on all of MNIST, here and in PyTorch, from the
# same weights over the same images and noise: within 1 % of each other.
#   sh tests/curves/run.sh MNIST_FOLDER [UPDATES]
# 3,000 updates of 20 images unless told, one epoch; half a minute, one thread.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../../build}
data=${1:?give the folder with the four files of MNIST}

who=curves
. "$here/../with_torch.sh"
"$build/orrery" "$here/iwae.lua" "$data" "$folder/written.npz" "${2:-3000}" \
  || exit 1
"$python" "$here/iwae.py" "$folder/written.npz"
