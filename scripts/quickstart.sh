#!/bin/sh
# From a fresh clone to the first result: set-up, build, then a beta sweep of
# a variational autoencoder on the digits that come with Orrery.
#   sh scripts/quickstart.sh [key=value ...]
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
eval "$(sh scripts/setup.sh --env)"
if [ -e build/build.ninja ]; then meson setup --reconfigure build
else meson setup build; fi >/dev/null || {
  echo "quickstart: meson could not set the build up;" \
    "see build/meson-logs/meson-log.txt" >&2
  exit 1
}
ninja -C build
[ $# -gt 0 ] || set -- beta=0.5,1,4,10
exec build/orrery scripts/beta_sweep.lua "$@"
