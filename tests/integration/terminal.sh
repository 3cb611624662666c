#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A terminal: size, resizing, Ctrl-C, the exit status, and settings that are put back.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

person=$(dirname "$0")/terminal.py
command -v python3 >/dev/null || {
	echo "SKIP: needs python3, to play a person at a terminal"
	exit 77
}

a_shell_is_usable() {
	python3 "$person" --size 99x33 "$kata" run --rm -it --rootfs "$busybox" -- sh -- \
		'expect:# ' 'send:stty size; tty; echo T=$TERM\n' 'expect:33 99' 'expect:/dev/' \
		resize:111x44 'send:sleep 1; stty size\n' 'expect:44 111' \
		'send:echo g""o; sleep 500\n' 'expect:go' 'send:\x03' 'expect:# ' \
		'send:exit 6\n' status:6 sane
}

a_killed_one_leaves_the_terminal_sane() {
	python3 "$person" "$kata" run --rm --name box -it --rootfs "$busybox" -- \
		sh -c 'trap "exit 1" HUP; echo rea""dy; while :; do sleep 0.1; done' -- expect:ready
	# The person has left: the terminal hangs up, and the container goes with it.
	within 30 sh -c "! '$kata' state box"
}

exec_has_one_too() {
	expect_output box "$kata" run --detach --name box --rootfs "$busybox" -- sleep 1000
	python3 "$person" --size 70x20 "$kata" exec -it box -- sh -- \
		'expect:# ' 'send:stty size\n' 'expect:20 70' resize:60x10 'send:sleep 1; stty size\n' \
		'expect:10 60' 'expect:# ' 'send:\x04' status:0 sane
	python3 "$person" "$kata" exec -it box -- sh -c 'echo g""o; exec sleep 500' -- \
		expect:go 'send:\x03' status:130 sane
	"$kata" delete --force box
}

without_a_terminal_it_is_refused_or_plain() {
	expect_status 125 "$kata" run --rm -it --rootfs "$busybox" -- true </dev/null
	expect_match err 'not a TTY'
	expect_status 5 "$kata" run --rm -t --rootfs "$busybox" -- sh -c 'tty; exit 5' </dev/null
	expect_match out '^/dev/'
}

check "a shell has a prompt, the size, resizing, Ctrl-C and its status, and the terminal is put back" \
	a_shell_is_usable
check "a terminal that hangs up ends the container" a_killed_one_leaves_the_terminal_sane
check "exec -t has a terminal of its own" exec_has_one_too
check "-it without a terminal is refused; -t alone works" without_a_terminal_it_is_refused_or_plain
finish
