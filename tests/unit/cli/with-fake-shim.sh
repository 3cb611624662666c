#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole command line against a stand-in for the shim, whose containers are processes of this
# machine: what it does with streams, statuses, signals and records, without a virtual machine.
# Usage: with-fake-shim.sh KATA_LIKE FAKE_SHIM
# shellcheck disable=SC2016,SC2317 # the container's shell expands; cases are called by name
set -u

programs=$(mktemp -d /tmp/kata-like-fake.XXXXXX)
cp "$1" "$programs/kata-like"
cp "$2" "$programs/containerd-shim-kata-like-v2"
KATA_LIKE_BUILD=$programs
. "$(dirname "$0")/../../integration/lib.sh"
trap 'clean_up; rm -rf "$work" "$programs"' EXIT

[ -w /dev/kvm ] || {
	echo "SKIP: /dev/kvm cannot be opened, so run refuses before it reaches the shim"
	exit 77
}

# The files of this machine are its root filesystem.
run=("$kata" run --rm --name box --rootfs /)

status_and_output_are_the_commands() {
	expect_status 7 "${run[@]}" -- sh -c 'echo out; echo err >&2; exit 7'
	expect_equal "$(cat "$work/out")" out
	expect_equal "$(cat "$work/err")" err
	expect_status 137 "${run[@]}" -- sh -c 'kill -KILL $$'
	expect_status 127 "${run[@]}" -- no-such-command
	expect_status 126 "${run[@]}" -- /etc
}

streams_are_whole() {
	seq 1 3000000 >"$work/in"
	"${run[@]}" -i -- cat <"$work/in" >"$work/copy"
	cmp "$work/in" "$work/copy"
	"${run[@]}" -i -- sh -c 'cat; echo end' <"$work/in" | { sleep 1; tail -n 1; } >"$work/last"
	expect_equal "$(cat "$work/last")" end
	expect_output "" "${run[@]}" -- cat <"$work/in"
}

a_record_is_kept_and_deleted() {
	expect_status 3 "$kata" run --name box --rootfs / -- sh -c 'exit 3'
	expect_status 0 "$kata" list
	expect_match out '^box +0 +stopped \(3\)'
	expect_status 0 "$kata" list --json
	expect_match out '"id":"box".*"status":"stopped".*"exitStatus":3'
	expect_status 0 "$kata" state box
	expect_match out '"status": ?"stopped"'
	expect_output 3 "$kata" wait box
	expect_status 125 "$kata" run --name box --rootfs / -- true
	expect_match err 'kata-like delete box'
	expect_status 0 "$kata" delete box
	expect_status 1 "$kata" delete box
	expect_status 0 "$kata" delete --force box
}

a_detached_one_ends_by_itself() {
	expect_output box "$kata" run --detach --name box --rootfs / -- \
		sh -c 'echo line; sleep 1; exit 4'
	expect_status 1 "$kata" delete box
	expect_status 9 "$kata" exec box -- sh -c 'exit 9'
	expect_output 4 "$kata" wait box
	within 5 sh -c "'$kata' list | grep -q 'stopped (4)'"
	expect_output line "$kata" logs box
	expect_status 0 "$kata" delete box
	expect_output box "${run[@]}" --detach -- sleep 0.5
}

two_may_end_it_at_once() {
	local i
	for i in $(seq 8); do
		expect_output box "$kata" run --detach --name box --rootfs / -- sleep "0.$i"
		expect_output 0 "$kata" wait box
		expect_status 0 "$kata" delete box
		expect_output box "$kata" run --detach --name box --rootfs / -- sleep 100
		expect_status 0 "$kata" delete --force box
	done
}

a_signal_in_the_boot_undoes_all() {
	local pid status=0
	FAKE_SHIM_BOOT_S=1 "${run[@]}" -- sleep 100 2>"$work/err" &
	pid=$!
	within 5 test -S "$KATA_LIKE_STATE/default/box/shim.sock"
	kill -INT "$pid"
	wait "$pid" || status=$?
	expect_equal "$status" 130
	expect_match err 'nothing is left'
}

a_shim_that_fails_gives_the_error() {
	FAKE_SHIM_FAIL='no room for the machine' expect_status 125 "${run[@]}" -- true
	expect_match err '^kata-like: no room for the machine$'
}

what_was_lost_is_told() {
	export FAKE_SHIM_LOST='stdout is lost: no room'
	expect_status 125 "${run[@]}" -- sh -c 'exit 3'
	expect_match err '^kata-like: container box: stdout is lost: no room$'
	expect_match err 'status that came for its command is 3$'
	expect_output box "$kata" run --detach --name box --rootfs / -- sleep 1
	expect_status 125 "$kata" exec box -- sh -c 'exit 4'
	expect_match err '^kata-like: stdout is lost: no room; the status that came for the command is 4$'
	expect_output 0 "$kata" wait box
	within 20 sh -c "'$kata' list | grep -q 'stopped (0)'"
	expect_status 0 "$kata" logs box
	expect_match err '^kata-like: container box: stdout is lost: no room$'
	expect_status 0 "$kata" delete box
}

a_shim_that_dies_ends_the_run() {
	local pid status=0
	"${run[@]}" -- sleep 2 2>"$work/err" &
	pid=$!
	within 5 sh -c "'$kata' list | grep -q running"
	kill -KILL "$(cut -d' ' -f1 "$KATA_LIKE_STATE/default/box/shim.pid")"
	wait "$pid" || status=$?
	expect_equal "$status" 125
	expect_match err 'daemon of container box died'
}

a_terminal_is_passed_on_and_put_back() {
	local person
	person=$(dirname "$0")/../../integration/terminal.py
	python3 "$person" --size 99x33 "${run[@]}" -it --env PS1='# ' -- sh -- \
		'expect:# ' 'send:stty size\n' 'expect:33 99' resize:111x44 \
		'send:sleep 0.5; stty size\n' 'expect:44 111' \
		'send:echo g""o; sleep 50\n' 'expect:go' 'send:\x03' 'expect:# ' 'send:exit 6\n' status:6 sane
	expect_status 125 "${run[@]}" -it -- true </dev/null
	expect_match err 'not a TTY'
}

errors_can_be_json() {
	expect_status 1 "$kata" --log "$work/log" --log-format json state nothing
	grep -Eq '^\{"level":"error","msg":"container \\"nothing\\" does not exist.*"time":"2' "$work/log" ||
		fail "$(cat "$work/log")"
	expect_match err 'does not exist'
}

check "status and output are the command's" status_and_output_are_the_commands
check "streams are whole in both directions" streams_are_whole
check "a record is kept with its status until it is deleted" a_record_is_kept_and_deleted
check "a detached container is watched to its end" a_detached_one_ends_by_itself
check "who deletes a container just when it ends finds it once" two_may_end_it_at_once
check "a signal in the boot undoes all of it" a_signal_in_the_boot_undoes_all
check "what a failing shim says is the error" a_shim_that_fails_gives_the_error
check "what was lost of a process is told, with a status of our own" what_was_lost_is_told
check "a shim that dies ends the run" a_shim_that_dies_ends_the_run
if command -v python3 >/dev/null; then
	check "a terminal is passed on, resized and put back" a_terminal_is_passed_on_and_put_back
fi
check "errors can be JSON lines in a file" errors_can_be_json
finish
