# Sourced by what compares with PyTorch, with $who and $build set: finds a
# python3 that has it ($python), checks that the build is there, and makes a
# folder that goes when the script ends ($folder).
python=
for candidate in python3 /usr/bin/python3; do
  "$candidate" -c 'import torch, numpy' 2>/dev/null || continue
  python=$candidate
  break
done
if [ -z "$python" ]; then
  echo "$who: no python3 here has PyTorch; install Debian's python3-torch," \
    "or pip's torch and numpy"
  exit 1
fi
if [ ! -x "$build/orrery" ]; then
  echo "$who: $build/orrery is not there; build first"
  exit 1
fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
export PYTHONDONTWRITEBYTECODE=1
