#!/bin/sh
# Every name of PyTorch's that the reference page claims, looked up in PyTorch.
#   sh tests/names.sh
# The build is in build/, or where ORRERY_BUILD_DIR says; PyTorch is that of
# the first python3 that has it. Names said to be of later versions are left out.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${ORRERY_BUILD_DIR:-$here/../build}

who=names
. "$here/with_torch.sh"
"$build/orrery" -e '
for _, section in ipairs(require("orrery.help_page").contents()) do
  for _, entry in ipairs(section[2]) do
    if entry.torch ~= "" then print(entry.path .. "\t" .. entry.torch) end
  end
end' >"$folder/names.txt" || exit 1
"$python" - "$folder/names.txt" <<'PYTHON'
import functools
import sys

import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.stateless
import torch.utils.checkpoint
import torch.utils.data

passed, failed = 0, 0
for line in open(sys.argv[1]):
    path, claim = line.rstrip("\n").split("\t")
    for part in claim.split(", "):
        name, _, since = part.partition(" (")
        if since and torch.__version__ < since:
            continue
        try:
            functools.reduce(getattr, name.split(".")[1:], torch)
            passed += 1
        except AttributeError:
            print(f"{path}: PyTorch has no {name}")
            failed += 1
print(f"names: {passed} passed, {failed} failed")
sys.exit(failed > 0)
PYTHON
