#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails each call in turn that may fail for want of memory, descriptors, processes or space, in the
# command line, the shim and the program in the VMM's place (tests/unit/shim/fake-vmm.c), through the
# life of a container. It works, or the error says why not; nothing crashes, hangs or is left behind.
#
# Usage: sweep.sh KATA_LIKE SHIM FAKE_VMM FAILING_LIBRARY
#	KATA_LIKE_FAULT_STRIDE	only each so-manieth call (1: all)
#	KATA_LIKE_FAULT_ONLY	the program whose calls fail (all three)
#	KATA_LIKE_FAULT_SCENARIOS	what is done meanwhile (all of a_run, a_first_run, a_life)
#	KATA_LIKE_FAULT_FROM	the first call that fails
# shellcheck disable=SC2016,SC2317 # the container's shell expands; cases are called by name
set -u

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
library=$(realpath "$4")

if grep -q __asan_init "$programs/kata-like"; then
	echo "SKIP: a sanitizer has its own allocator, so none can be put before it"
	exit 77
fi

stride=${KATA_LIKE_FAULT_STRIDE:-1}

# faulty COMMAND…: in $program call number $at fails. Bounded; $status; out and err in $work.
faulty() {
	status=0
	KATA_LIKE_FAULT_PROGRAM=$program KATA_LIKE_FAULT_AT=$at KATA_LIKE_FAULT_COUNT=$work/count \
		KATA_LIKE_FAULT_REPORT=$work/report LD_PRELOAD=$library \
		timeout -k 1 30 "$@" >"$work/out" 2>"$work/err" || status=$?
	case $status in
	124) fail "$(printf '%q ' "$@"): no end" ;;
	255) [ -s "$work/err" ] || fail "$(printf '%q ' "$@"): lost, and no message" ;;
	1[3-9][0-9] | 2*) fail "$(printf '%q ' "$@"): status $status: $(cat "$work/err")" ;;
	esac
	# The stand-in may, as a test's program; what counts is what the shim makes of it.
	[ "$program" = kata-like-vmm ] || ! grep -a '^CRASHED' "$work/report" || fail "$(printf '%q ' "$@"): crashed"
}

# Status $1, or the reason why not.
or_says_why() {
	[ "$status" = "$1" ] || [ -s "$work/err" ] || fail "status $status and no message"
}

# Status $1 and the output $2, or the reason why not.
or_says_why_not() {
	or_says_why "$1"
	[ "$status" != "$1" ] || [ "$(cat "$work/out")" = "$2" ] || [ -s "$work/err" ] ||
		fail "\"$(cat "$work/out")\" is not \"$2\", and no message"
}

# An unfinished template is taken over by whoever makes the next one.
no_temporary_files() {
	local strange
	strange=$(find "$work/cache" -type f ! -name '*.erofs' ! -name '*lock*' ! -path '*/templates/*.new' \
		2>/dev/null)
	[ -z "$strange" ] || fail "left in the cache: $strange"
}

a_run() {
	faulty "$kata" run --rm --name box --rootfs "$rootfs" -- sh -c 'echo hi; exit 3'
	or_says_why_not 3 hi
}

# Without an image in the cache: one is made.
a_first_run() {
	rm -rf "$work/cache"
	a_run
	no_temporary_files
}

a_life() {
	faulty "$kata" run --detach --name box --rootfs "$rootfs" -- sleep 100
	or_says_why 0
	if [ "$status" = 0 ]; then
		faulty "$kata" exec box -- sh -c 'echo of box; exit 5'
		or_says_why_not 5 "of box"
		faulty "$kata" stats box
		or_says_why 0
		faulty "$kata" kill box KILL
		or_says_why 0
		[ "$status" = 0 ] || "$kata" kill box KILL 2>/dev/null || true
		faulty "$kata" wait box
		or_says_why 0
		faulty "$kata" delete box
		or_says_why 0
	else
		at=0
	fi
	expect_status 0 timeout 30 "$kata" delete --force box
}

sources() {
	local word
	read -ra words <"$work/report"
	for word in "${words[@]}"; do
		case $word in
		"$programs"/*+*) addr2line -sfe "${word%+*}" "${word#*+}" 2>/dev/null | tr '\n' ' ' ;;
		*) printf '%s ' "${word##*/}" ;;
		esac
	done
}

# sweep PROGRAM SCENARIO
sweep() {
	local program=$1 first=${KATA_LIKE_FAULT_FROM:-$((1 + RANDOM % stride))} n=0 bad=0 at
	for ((at = first; ; at += stride)); do
		truncate -s 0 "$work/count" && truncate -s 4096 "$work/count"
		: >"$work/report"
		if ! (set -e; "$2"; nothing_left) >"$work/iteration" 2>&1; then
			bad=$((bad + 1))
			echo "call $at: $(sources)"
			cat "$work/iteration"
			grep -a CRASHED "$work/report"
			clean_up
		fi
		[ -s "$work/report" ] || break
		n=$((n + 1))
	done
	[ "$n" -gt 0 ] || fail "no call failed"
	[ "$bad" = 0 ] || fail "$bad of $n failed calls of $program are not taken well"
}

for program in ${KATA_LIKE_FAULT_ONLY:-kata-like containerd-shim-kata-like-v2 kata-like-vmm}; do
	for scenario in ${KATA_LIKE_FAULT_SCENARIOS:-a_run a_first_run a_life}; do
		eval "${scenario}_of_$program() { sweep $program $scenario; }"
		check "$program, each call that may fail: ${scenario//_/ } works or says why not" \
			"${scenario}_of_$program"
	done
done
finish
