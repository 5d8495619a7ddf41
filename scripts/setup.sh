#!/bin/sh
# Installs what Orrery needs through the system's package manager, when it is
# missing; says what it does, and does nothing when nothing is missing.
#   sh scripts/setup.sh          to build and run
#   sh scripts/setup.sh tests    also what the tests and the lint use
#   sh scripts/setup.sh --env    only prints shell settings (for Homebrew)
set -u

# Homebrew keeps some libraries out of pkg-config's sight.
if [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then
  for keg in openblas libedit zlib lua@5.4; do
    PKG_CONFIG_PATH="$(brew --prefix)/opt/$keg/lib/pkgconfig:${PKG_CONFIG_PATH-}"
  done
  PATH="$(brew --prefix)/opt/lua@5.4/bin:$PATH"
  export PKG_CONFIG_PATH PATH
fi
if [ "${1-}" = --env ]; then
  [ -z "${PKG_CONFIG_PATH-}" ] || cat <<EOF
PKG_CONFIG_PATH='$PKG_CONFIG_PATH'; PATH='$PATH'; export PKG_CONFIG_PATH PATH
EOF
  exit 0
fi
groups="need want ${1-}"

# group, what to look for, then the package for apt, dnf, pacman and brew.
# need: cannot build without; want: a feature is off without; tests: tests.
# Alternatives are separated by /, a package that is not there is a dash.
table='
need  cmd:cc/gcc/clang           gcc libc6-dev    gcc          gcc     -
need  cmd:meson                  meson            meson        meson   meson
need  cmd:ninja/ninja-build      ninja-build      ninja-build  ninja   ninja
need  cmd:pkg-config/pkgconf     pkg-config       pkgconf      pkgconf pkgconf
need  pkg:openblas               libopenblas-dev  openblas-devel openblas openblas
need  pkg:lua5.4/lua-5.4/lua54/lua liblua5.4-dev  lua-devel    lua     lua@5.4
want  cmd:lua5.4/lua54/lua       lua5.4           lua          lua     lua@5.4
want  pkg:spng                   libspng-dev      libspng-devel libspng libspng
want  pkg:libturbojpeg           libturbojpeg0-dev turbojpeg-devel libjpeg-turbo jpeg-turbo
want  inc:gif_lib.h              libgif-dev       giflib-devel giflib  giflib
want  pkg:zlib                   zlib1g-dev       zlib-devel   zlib    zlib
want  pkg:libzip                 libzip-dev       libzip-devel libzip  libzip
want  pkg:jansson                libjansson-dev   jansson-devel jansson jansson
want  pkg:sqlite3                libsqlite3-dev   sqlite-devel sqlite  sqlite
want  pkg:libmicrohttpd          libmicrohttpd-dev libmicrohttpd-devel libmicrohttpd libmicrohttpd
want  pkg:libedit                libedit-dev      libedit-devel libedit libedit
want  pkg:md4c                   libmd4c-dev      md4c-devel   md4c    -
want  pkg:md4c-html              libmd4c-html0-dev md4c-devel  md4c    -
want  js:katex/katex.min.js      libjs-katex      -            -       -
want  cmd:gnuplot                gnuplot-nox      gnuplot      gnuplot gnuplot
want  cmd:chafa                  chafa            chafa        chafa   chafa
want  cmd:dot                    graphviz         graphviz     graphviz graphviz
want  js:dygraphs/dygraph.min.js libjs-dygraphs   -            -       -
tests pkg:cmocka                 libcmocka-dev    libcmocka-devel cmocka cmocka
tests lua:busted.core            lua-busted       luarocks     luarocks luarocks
tests lua:dkjson                 lua-dkjson       -            -       -
tests np:umath                   python3-numpy    python3-numpy python-numpy numpy
tests py:scipy.stats             python3-scipy    python3-scipy python-scipy scipy
tests py:ot                      python3-pot      -            -       -
tests py:sklearn.metrics       python3-sklearn  python3-scikit-learn python-scikit-learn -
tests data:fashion-mnist       dataset-fashion-mnist - -       -
tests py:nbformat              python3-nbformat python3-nbformat python-nbformat -
tests py:PIL                   python3-pil      python3-pillow python-pillow pillow
tests cmd:chromium/chromium-browser/google-chrome chromium chromium chromium -
tests cmd:node                   nodejs           nodejs       nodejs  node
tests cmd:npm                    npm              npm          npm     -
tests node:playwright-core       -                -            -       -
tests cmd:luacheck               lua-check        luarocks     luacheck luacheck
tests cmd:clang-format           clang-format     clang-tools-extra clang clang-format
'

lua_program() {
  for program in lua5.4 lua54 lua; do
    command -v $program >/dev/null || continue
    echo $program && return
  done
}

# has_tables: did NumPy bring the tables that its functions are tested with?
has_tables() {
  for tables in /usr/lib*/python3*/*-packages /opt/homebrew/lib/python3*/*; do
    for core in core _core; do
      [ -e "$tables/numpy/$core/tests/data/umath-validation-set-sin.csv" ] &&
        return 0
    done
  done
  return 1
}

# What npm brings is in the cache folder: nothing is written into the tree.
modules=${XDG_CACHE_HOME:-${HOME-}/.cache}/orrery

# has_python MODULE: the first python3, or the system's, imports it.
has_python() {
  for python in python3 /usr/bin/python3; do
    $python -c "import $1" 2>/dev/null && return 0
  done
  return 1
}

# has KIND:NAME[/NAME...]: is any of the names there?
has() {
  kind=${1%%:*} names=${1#*:}
  [ "$kind" = js ] && { [ -e "/usr/share/javascript/$names" ]; return; }
  [ "$kind" = node ] && { [ -e "$modules/node_modules/$names" ]; return; }
  [ "$kind" = data ] && { [ -e "/usr/share/datasets/$names" ]; return; }
  [ "$kind" = np ] && { has_tables; return; }
  [ "$kind" = py ] && { has_python "$names"; return; }
  old_ifs=$IFS IFS=/
  for name in $names; do
    case $kind in
    cmd) command -v "$name" ;;
    inc) echo "#include <$name>" | ${CC:-cc} -E - 2>/dev/null ;;
    pkg) pkg-config --exists "$name" 2>/dev/null ;;
    lua) $(lua_program) -e "require '$name'" 2>/dev/null ;;
    esac >/dev/null && { IFS=$old_ifs; return 0; }
  done
  IFS=$old_ifs
  return 1
}

# missing COLUMN: the packages (column 0: the things) that are not there yet.
missing() {
  echo "$table" | sed 's/gcc libc6-dev/gcc+libc6-dev/' |
    while read -r group what apt dnf pacman brew; do
      case " $groups " in *" ${group:-none} "*) ;; *) continue ;; esac
      has "$what" && continue
      case $1 in
      0) echo "$group:${what#*:}" ;;
      1) echo "$apt" ;; 2) echo "$dnf" ;; 3) echo "$pacman" ;; 4) echo "$brew" ;;
      esac
    done | tr '+' ' ' | grep -v '^-$' | sort -u | tr '\n' ' '
}

gone=$(missing 0)
if [ -z "$gone" ]; then
  echo "setup: everything is here"
  exit 0
fi
echo "setup: missing: $gone"

as_root=
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then as_root=sudo; fi
# The optional packages differ most between systems: when all together fail,
# each is tried alone, and what stays missing is named at the end.
install_all() {
  "$@" $packages || for package in $packages; do "$@" "$package"; done
}
if command -v apt-get >/dev/null; then
  packages=$(missing 1)
  echo "setup: apt-get install $packages"
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get -q -o DPkg::Lock::Timeout=120 update
  install_all $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=120 install --no-install-recommends
elif command -v dnf >/dev/null; then
  packages=$(missing 2)
  echo "setup: dnf install $packages"
  install_all $as_root dnf -y install
elif command -v pacman >/dev/null; then
  packages=$(missing 3)
  echo "setup: pacman -S $packages"
  install_all $as_root pacman -S --noconfirm --needed
elif command -v brew >/dev/null; then
  packages=$(missing 4)
  echo "setup: brew install $packages"
  install_all brew install
else
  echo "setup: none of apt-get, dnf, pacman, brew is here;" \
    "install by hand what is named above, then run this again" >&2
  exit 1
fi
case " $groups " in *" tests "*)
  if ! has lua:busted.core && command -v luarocks >/dev/null; then
    echo "setup: luarocks install busted luacheck"
    for rock in busted luacheck; do
      has "cmd:$rock" || $as_root luarocks --lua-version=5.4 install $rock
    done
  fi
  # Drives the system's browser; brings none of its own.
  if ! has node:playwright-core && command -v npm >/dev/null; then
    echo "setup: npm install playwright-core"
    npm install --prefix "$modules" --no-audit --no-fund --silent \
      playwright-core@1.55.0
  fi ;;
esac

gone=$(missing 0)
case " $gone" in
*" need:"*)
  echo "setup: still missing: $gone; install what starts with need: by hand," \
    "then run this again" >&2
  exit 1 ;;
*?:*) echo "setup: still missing, its features are off: $gone" ;;
*) echo "setup: done" ;;
esac
