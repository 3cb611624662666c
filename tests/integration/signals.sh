#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signals, to the command line and by `kata-like kill`.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

# start SCRIPT: runs it in the background until it has said "ready"; "$pid" is the command line's.
start() {
	"$kata" run --rm --name box --rootfs "$busybox" -- sh -c "$1" >"$work/out" 2>"$work/err" &
	pid=$!
	within 150 grep -q ready "$work/out"
}

finished_with() {
	local status=0
	wait "$pid" || status=$?
	[ "$status" = "$1" ] || fail "status $status instead of $1: $(cat "$work/out" "$work/err")"
}

each_signal_arrives() {
	local signal
	# shellcheck disable=SC2016
	start 'for s in HUP INT QUIT USR1 USR2 TERM; do trap "echo got $s" $s; done
		trap "echo got TERM; exit 40" TERM
		echo ready; while :; do sleep 0.1; done'
	for signal in HUP INT QUIT USR1 USR2; do
		kill -"$signal" "$pid"
		within 10 grep -q "got $signal" "$work/out"
	done
	kill -TERM "$pid"
	finished_with 40
}

three_interrupts_kill_it() {
	start 'trap "" INT; echo ready; while :; do sleep 0.1; done'
	kill -INT "$pid"
	sleep 0.5
	kill -INT "$pid"
	sleep 0.5
	kill -0 "$pid" || fail "it ended after two interrupts"
	kill -INT "$pid"
	finished_with 137
	grep -q 'after 3 interrupts' "$work/err" || fail "it does not say why"
}

kill_sends_signals() {
	start 'trap "echo got USR1" USR1; echo ready; while :; do sleep 0.1; done'
	"$kata" kill box USR1
	within 10 grep -q 'got USR1' "$work/out"
	expect_status 1 "$kata" kill box NOSUCH
	expect_match err 'not a signal'
	"$kata" kill box SIGKILL
	finished_with 137
}

check "HUP, INT, QUIT, USR1, USR2 and TERM arrive, and the exit status is the command's" \
	each_signal_arrives
check "a command that ignores interrupts is killed by the third" three_interrupts_kill_it
check "kill sends signals by name, and a killed command ends with 137" kill_sends_signals
finish
