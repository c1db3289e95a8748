# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what the tests of the package share
#
# CTest sets MCSAFE_SOURCE_DIR, WORK, CMAKE, PYTHON, CC, and CXX if there is a C++ compiler.
set -euo pipefail

# Nothing in the user's environment must influence what is built here.
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH LIBRARY_PATH C_INCLUDE_PATH CPATH \
  CMAKE_PREFIX_PATH PKG_CONFIG_PATH DESTDIR

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# The blank is part of the test.
# shellcheck disable=SC2034 # used by those who read this file
prefix="$WORK/moved prefix"

say() { printf '%s\n' "$*"; }

die() {
  say "FAILED: $*" >&2
  exit 1
}

skip() {
  say "SKIP: $*"
  [ "${MCSAFE_NO_SKIP:-}" = 1 ] && exit 1
  exit 77
}

# run COMMAND ARGS... - show the command, and its output only if it fails
run() {
  local said
  say "+ $*"
  said=$("$@" 2>&1) || { say "$said"; die "$1 has failed"; }
}

# build_package SOURCE-SETTINGS... - configure, build and install as a packager does
build_package() {
  local build=$1 into=$2
  shift 2
  rm -rf "$build" "$into"
  run "$CMAKE" -S "$MCSAFE_SOURCE_DIR" -B "$build" -G Ninja "-DCMAKE_C_COMPILER=$CC" \
    -DCMAKE_BUILD_TYPE=Release -DMCSAFE_BUILD_TESTS=OFF -DMCSAFE_BUILD_EXAMPLES=OFF \
    "-DCMAKE_INSTALL_PREFIX=$into" "$@"
  run "$CMAKE" --build "$build"
  run "$CMAKE" --install "$build"
}

# links_shared PROGRAM - whether it needs the shared library to run
links_shared() {
  readelf -d "$1" | grep 'NEEDED.*libmcsafe\.so' >/dev/null
}

# use_language c|cxx - set $compiler and $source_file, with the oldest standard that users may use
use_language() {
  case $1 in
    c) compiler=("$CC" -std=gnu11) source_file="$here/consumer/consumer.c" ;;
    cxx)
      [ -n "$CXX" ] || skip "no C++ compiler"
      # shellcheck disable=SC2034
      compiler=("$CXX" -std=c++11 -pedantic-errors) source_file="$here/consumer/consumer.cpp"
      ;;
    *) die "no such language: $1" ;;
  esac
}

need_pkg_config() {
  command -v pkg-config >/dev/null || skip "pkg-config is not installed"
}

# pkg_config DIRECTORY ARGS... - ask about mcsafe, without any package of this machine
pkg_config() {
  PKG_CONFIG_LIBDIR="$1/pkgconfig" pkg-config "${@:2}" mcsafe
}

# files_of PART VERSION LIBDIR DOCDIR BUILD-TYPE - the files of a part of an installation, below its
# prefix: library, inject, command, development or python. LIBDIR of the last is the directory that
# Python searches. The fixture's build has the manual pages.
files_of() {
  local version=$2 lib=$3 doc=$4 type=$5 name
  case $1 in
    library) printf "$lib/libmcsafe.so.%s\n" "${version%%.*}" "$version" ;;
    inject) printf "$lib/libmcsafe-inject.so.%s\n" "${version%%.*}" "$version" ;;
    command)
      printf '%s\n' bin/mcsafe "$lib/mcsafe/libmcsafe-run.so" share/bash-completion/completions/mcsafe
      (cd "$WORK/build" && find man -path 'man/man1/*') | sed 's,^,share/,'
      ;;
    development)
      (cd "$MCSAFE_SOURCE_DIR" && find include -type f)
      (cd "$MCSAFE_SOURCE_DIR" && find examples -type f ! -name '.*') | sed "s,^,$doc/,"
      (cd "$WORK/build" && find man -path 'man/man[37]/*') | sed 's,^,share/,'
      printf "$doc/%s\n" CHANGELOG.md LICENSE README.md inject.md sanitizers.md valgrind.supp
      for name in config config-version targets "targets-$type" inject-targets \
        "inject-targets-$type"; do
        printf '%s\n' "$lib/cmake/mcsafe/mcsafe-$name.cmake"
      done
      for name in libmcsafe libmcsafe-inject; do
        printf "$lib/$name.%s\n" a so
      done
      printf "$lib/pkgconfig/%s.pc\n" mcsafe mcsafe-inject
      # Only a library that was built with libunwind installs the module that finds libunwind.
      if grep -q '^Libs.private: -lunwind' "$WORK/build/mcsafe.pc"; then
        printf '%s\n' "$lib/cmake/mcsafe/FindLibunwind.cmake"
      fi
      ;;
    python)
      (cd "$MCSAFE_SOURCE_DIR/bindings/python" && find mcsafe -name '*.py' -o -name '*.pyi') |
        sed "s,^,$lib/,"
      printf "$lib/mcsafe/%s\n" _mcsafe.abi3.so inject.abi3.so py.typed
      printf '%s\n' "$lib/mcsafe-$version.dist-info/METADATA" "$doc/README.md"
      ;;
    *) die "no such part: $1" ;;
  esac
}

# all_files VERSION LIBDIR DOCDIR BUILD-TYPE - those of all parts. The command needs json-c.
all_files() {
  files_of library "$@"
  files_of inject "$@"
  files_of development "$@"
  [ ! -e "$WORK/build/tools/mcsafe" ] || files_of command "$@"
}

# same_files WHAT EXPECTED FOUND - the two lists must have the same lines
same_files() {
  [ "$(wc -l <<<"$2")" -ge 2 ] || die "$1: only $2 is expected"
  diff -u <(sort -u <<<"$2") <(sort <<<"$3") ||
    die "$1: expected (-) and installed (+) files differ"
  say "$1: $(wc -l <<<"$3") files"
}
