#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs killed and interrupted at each stage: a message, a status, and nothing left.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

# start_box ARG…: `run` in the background; "$pid" is the command line's.
start_box() {
	"$kata" run --rm --name box --rootfs "$busybox" "$@" >"$work/out" 2>"$work/err" &
	pid=$!
}

# ended: waits for it; $status.
ended() {
	status=0
	wait "$pid" || status=$?
}

expect_ended() {
	ended
	[ "$status" = "$1" ] || fail "status $status instead of $1: $(cat "$work/out" "$work/err")"
}

running() {
	start_box -- sh -c 'echo ready; exec sleep 1000'
	within 150 grep -q ready "$work/out"
}

the_vmm_is_killed_while_it_runs() {
	running
	kill -KILL "$(pid_in box vmm.pid)"
	expect_ended 137
	grep -q box "$work/err" || fail "no message: $(cat "$work/err")"
}

# From a template it might be over before it is killed.
booting() {
	printf '[vm]\ntemplate = false\n' >"$work/boot.ini"
	KATA_LIKE_CONFIG=$work/boot.ini start_box -- true
	find_pid box vmm.pid
}

the_vmm_is_killed_while_it_boots() {
	booting
	kill -KILL "$found"
	expect_ended 125
	[ -s "$work/err" ] || fail "no message"
}

the_shim_is_killed_while_it_runs() {
	running
	kill -KILL "$(pid_in box shim.pid)"
	expect_ended 125
	grep -q 'daemon' "$work/err" || fail "no message: $(cat "$work/err")"
}

the_shim_is_killed_while_it_boots() {
	booting
	kill -KILL "$(pid_in box shim.pid)"
	expect_ended 125
	[ -s "$work/err" ] || fail "no message"
}

the_command_line_is_killed() {
	running
	kill -KILL "$pid"
	ended
	"$kata" list | grep -Eq '^box +[0-9]+ +running' || fail "the container is gone: $("$kata" list)"
	"$kata" delete --force box
}

both_shim_and_command_line_are_killed() {
	running
	kill -KILL "$pid" "$(pid_in box shim.pid)"
	ended
	"$kata" list | grep -Eq '^box +0 +dead' || fail "not dead: $("$kata" list)"
	expect_status 125 "$kata" exec box -- true
	expect_match err 'delete'
	"$kata" delete box
}

the_guest_panics() {
	mkdir "$work/bundle"
	ln -s "$busybox" "$work/bundle/rootfs"
	"$kata" spec --bundle "$work/bundle"
	# A container that may write to /proc/sys tells the kernel to panic when memory runs out.
	sed -i -e 's/"terminal": *true/"terminal": false/' -e 's/"\/proc\/sys"/"\/proc\/no-such"/' \
		"$work/bundle/config.json"
	expect_status 255 timeout 100 "$kata" run --rm --memory 128M --bundle "$work/bundle" -- sh -c '
		echo 2 >/proc/sys/vm/panic_on_oom && awk "BEGIN { s = \"x\"; while (1) s = s s }"'
	expect_match err 'panic'
}

# A container's first process ignores an interrupt that it does not handle, so this one does.
# One that comes before it does so is lost, and then it takes another.
interrupted_after() {
	local again
	start_box -- sh -c 'trap "exit 130" INT; while :; do sleep 0.1; done'
	sleep "$1"
	kill -INT "$pid"
	{ sleep 5 && kill -INT "$pid"; } 2>/dev/null &
	again=$!
	ended
	kill "$again" 2>/dev/null || true
	[ "$status" = 130 ] || fail "after $1 s: status $status: $(cat "$work/out" "$work/err")"
	nothing_left
}

# Before the shim, while the image is looked for, in the boot, in the run.
an_interrupt_at_any_stage() {
	local delay
	for delay in 0.05 0.2 0.4 0.7 1 1.5 2.2 3 5; do
		interrupted_after "$delay"
	done
}

check "the VMM is killed while the container runs: 137 and a message" the_vmm_is_killed_while_it_runs
check "the VMM is killed while it boots: 125 and a message" the_vmm_is_killed_while_it_boots
check "the shim is killed while the container runs: 125 and a message" \
	the_shim_is_killed_while_it_runs
check "the shim is killed while the machine boots: 125 and a message" \
	the_shim_is_killed_while_it_boots
check "the command line is killed: the container goes on until delete --force" \
	the_command_line_is_killed
check "shim and command line are killed: the container is dead until delete" \
	both_shim_and_command_line_are_killed
check "the guest's kernel panics: 255 and the reason" the_guest_panics
check "Ctrl-C at any stage ends with 130 and leaves nothing" an_interrupt_at_any_stage
finish
