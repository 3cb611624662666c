#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kills and stops the command line, the shim and the program in the VMM's place at every stage of a
# container's life, some milliseconds apart. Whoever is left ends in bounded time, and what is left can
# be removed, after which nothing is.
#
# Usage: deaths-sweep.sh KATA_LIKE SHIM FAKE_VMM
#	KATA_LIKE_DEATHS_STEP_MS	how far apart (3)
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

step=${KATA_LIKE_DEATHS_STEP_MS:-3}
# A life takes so long here, and some more.
last=90

# signal_all SIGNAL PROGRAM: those that run the program now.
signal_all() {
	local pid
	for pid in $(find /proc/[0-9]*/exe -maxdepth 0 -lname "$programs/$2" 2>/dev/null | cut -d/ -f3); do
		kill -"$1" "$pid" 2>/dev/null || true
	done
}

start_life() {
	"$kata" run --rm --name box --rootfs "$rootfs" -- sh -c 'sleep 0.02; exit 3' \
		>"$work/out" 2>"$work/err" &
	life=$!
}

# Within 20 s, whatever its status.
life_ends() {
	local i
	for ((i = 0; i < 400; i++)); do
		kill -0 "$life" 2>/dev/null || break
		sleep 0.05
	done
	[ "$i" -lt 400 ] || fail "the command line does not end: $(cat "$work/err")"
	status=0
	wait "$life" || status=$?
}

# killed PROGRAM DELAY_MS
killed() {
	start_life
	sleep "$(printf '0.%03d' "$2")"
	signal_all KILL "$1"
	life_ends
	[ "$status" = 3 ] || [ "$status" = 137 ] || [ -s "$work/err" ] || fail "status $status and no message"
	expect_status 0 timeout 30 "$kata" delete --force box
	nothing_left
}

# stopped PROGRAM DELAY_MS
stopped() {
	start_life
	sleep "$(printf '0.%03d' "$2")"
	signal_all STOP "$1"
	status=0
	timeout -s KILL 90 "$kata" delete --force box >"$work/out" 2>"$work/delete" || status=$?
	[ "$status" != 137 ] || fail "delete --force does not end"
	[ "$status" = 0 ] || [ -s "$work/delete" ] || fail "delete --force: status $status and no message"
	signal_all CONT "$1"
	life_ends
	expect_status 0 timeout 30 "$kata" delete --force box
	nothing_left
}

# sweep WHAT PROGRAM
sweep() {
	local delay
	for ((delay = 1 + RANDOM % step; delay < last; delay += step)); do
		(set -e; "$1" "$2" "$delay") || fail "$2 $1 after $delay ms"
	done
}

for program in kata-like containerd-shim-kata-like-v2 kata-like-vmm; do
	for what in killed stopped; do
		eval "${what}_$program() { sweep $what $program; }"
		check "$program is $what at any time: an end, and nothing left" "${what}_$program"
	done
done
finish
