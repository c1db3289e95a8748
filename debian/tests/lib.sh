# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what the tests of the installed packages share
set -euo pipefail

# shellcheck disable=SC2034 # used by those who read this file
tree=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck disable=SC2034
version=$(sed -n 's/^libmcsafe (\([^-]*\)-.*/\1/p;q' debian/changelog)

say() { printf '%s\n' "$*"; }

die() {
  say "FAILED: $*" >&2
  exit 1
}

# run COMMAND... - show the command, then run it
run() {
  say "+ $*"
  "$@" || die "status $?: $*"
}

# expect STATUS COMMAND... - show the command, and run it; it must end with this status
expect() {
  local wanted=$1 status=0
  shift
  say "+ $*"
  "$@" || status=$?
  [ "$status" -eq "$wanted" ] || die "status $status, not $wanted: $*"
}

# prints PATTERN COMMAND... - run the command, whose output must have a line like the pattern
prints() {
  local pattern=$1 output
  shift
  say "+ $*"
  output=$("$@" 2>&1) || die "status $?: $* printed: $output"
  grep -q -e "$pattern" <<<"$output" || die "no line like $pattern: $output"
}
