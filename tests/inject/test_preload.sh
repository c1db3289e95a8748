#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_preload.sh - MCSAFE_INJECT and LD_PRELOAD, for a program that knows nothing of them
#
# test_preload.sh PROGRAM libmcsafe-inject.so
set -eu
program=$1 library=$2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

die() {
	echo "test_preload.sh: $*" >&2
	exit 1
}

# expect STATUS OUTPUT [NAME=VALUE ...]
expect() {
	status=$1 output=$2
	shift 2
	got_status=0
	got=$(env -u MCSAFE_INJECT -u MCSAFE_INJECT_LOG "$@" "$program" 2>&1) || got_status=$?
	[ "$got_status" -eq "$status" ] || die "$*: status $got_status, should be $status: $got"
	# shellcheck disable=SC2254 # it is a pattern
	case $got in
	$output) ;;
	*) die "$*: says: $got" ;;
	esac
}

# The variable has no effect without the library, and the library has none without the variable.
expect 0 "" MCSAFE_INJECT=copy:1
expect 0 "" LD_PRELOAD="$library"
expect 0 "" LD_PRELOAD="$library" MCSAFE_INJECT=

# logged SPEC: run the program, with its failures in the log. $status and $pid are the program's.
logged() {
	: >"$log"
	LD_PRELOAD=$library MCSAFE_INJECT=$1 MCSAFE_INJECT_LOG=$log "$program" >/dev/null &
	pid=$!
	wait "$pid" && status=0 || status=$?
}

# Each copy fails in its turn. When a run writes nothing to the log, the walk ends.
n=1
for function in memcpy_mcsafe mcsafe_memcpy mcsafe_memcpy_flushcache mcsafe_memset none; do
	logged copy:$n
	[ -s "$log" ] || break
	[ "$status" -eq 1 ] || die "copy:$n: status $status"
	[ "$(cat "$log")" = "$pid $function n=100 failed at 50" ] ||
		die "copy:$n: process $pid logs: $(cat "$log")"
	expect 1 "copy $n: 50 left" LD_PRELOAD="$library" MCSAFE_INJECT=copy:$n
	n=$((n + 1))
done
[ "$n" -eq 5 ] || die "the walk ended at copy:$n"
[ "$status" -eq 0 ] || die "nothing failed, status $status"
expect 1 "copy 3: 93 left
copy 4: 93 left" LD_PRELOAD="$library" MCSAFE_INJECT=copy:3+@7
logged copy:3+@7
[ "$(cat "$log")" = "$pid mcsafe_memcpy_flushcache n=100 failed at 7
$pid mcsafe_memset n=100 failed at 7" ] || die "copy:3+@7: process $pid logs: $(cat "$log")"

# A trace names the program, the copy, its first caller with the file that it is in, and the end.
: >"$log"
LD_PRELOAD=$library MCSAFE_INJECT=copy:3 MCSAFE_INJECT_TRACE=$log "$program" >/dev/null || :
# Of the callers only the first is compared: without libunwind there are no others.
[ "$(sed -E 's/^[0-9]+ //; s/^begin [a-z]+ /begin KIND /; s/ 0x[0-9a-f]+ / ADDRESS /' "$log" |
	awk '$1 != "frame" || !frames++')" = \
"begin KIND $(readlink -f "$program")
copy 3 mcsafe_memcpy_flushcache n=100 failed at 50
frame 3 ADDRESS $(readlink -f "$program")
end copies=4" ] || die "the trace: $(cat "$log")"

# A bad variable prints what is accepted. A log that cannot be written ends the program.
expect 2 "*MCSAFE_INJECT=copy:0: accepted are \"copy:N\"*" LD_PRELOAD="$library" \
  MCSAFE_INJECT=copy:0
expect 2 "*MCSAFE_INJECT=17: accepted are *" LD_PRELOAD="$library" MCSAFE_INJECT=17
expect 2 "*cannot write MCSAFE_INJECT_LOG*" LD_PRELOAD="$library" MCSAFE_INJECT=copy:1 \
	MCSAFE_INJECT_LOG=/nonexistent/log
expect 2 "*cannot write MCSAFE_INJECT_LOG*" LD_PRELOAD="$library" MCSAFE_INJECT=copy:1 \
	MCSAFE_INJECT_LOG=/dev/full
expect 2 "*cannot write MCSAFE_INJECT_TRACE*" LD_PRELOAD="$library" MCSAFE_INJECT=copy:1 \
	MCSAFE_INJECT_TRACE=/nonexistent/trace
# An empty name is none.
expect 1 "copy 1: 50 left" LD_PRELOAD="$library" MCSAFE_INJECT=copy:1 MCSAFE_INJECT_LOG= \
	MCSAFE_INJECT_TRACE=
