#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `kata-like exec`, and what looks into a running container: ps, stats, events, state. One machine.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

keeps_container=yes

a_container_runs_detached() {
	expect_output box "$kata" run --detach --name box --rootfs "$busybox" -- \
		sh -c 'echo first >/tmp/mark; exec sleep 1000'
	expect_status 0 "$kata" state box
	expect_match out '"status": ?"running"'
	expect_match out '"pid": ?[1-9]'
}

output_status_and_files_are_the_containers() {
	expect_status 9 "$kata" exec box -- sh -c 'cat /tmp/mark; echo err >&2; exit 9'
	expect_equal "$(cat "$work/out")" first
	expect_equal "$(cat "$work/err")" err
}

options_arrive() {
	expect_output "$(printf '%s\n' v /tmp 7:8)" "$kata" exec --env A=v --workdir /tmp --user 7:8 \
		box -- sh -c 'echo $A; pwd; echo $(id -u):$(id -g)'
}

capabilities_are_its_own() {
	cat >"$work/process.json" <<-'END'
		{"args": ["sh", "-c", "id -u; grep CapEff /proc/self/status"], "cwd": "/", "env": ["PATH=/bin"],
		 "user": {"uid": 0, "gid": 0}, "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"],
		 "permitted": ["CAP_KILL"]}}
	END
	expect_output "$(printf '0\nCapEff:\t0000000000000020')" "$kata" exec --process "$work/process.json" box
	expect_output "$(printf '0\nCapEff:\t0000000000001020')" \
		"$kata" exec --cap NET_ADMIN --process - box <"$work/process.json"
	expect_output "$(printf 'CapEff:\t0000000000001000')" \
		"$kata" exec --user 7 --cap NET_ADMIN box -- grep CapEff /proc/self/status
	expect_status 2 "$kata" exec --process "$work/process.json" box -- true
}

stdin_goes_in_and_ends() {
	printf 'a\nb\n' >"$work/in"
	expect_output "$(printf 'a\nb\nend')" "$kata" exec -i box -- sh -c 'cat; echo end' <"$work/in"
	expect_output "" "$kata" exec box -- cat <"$work/in"
}

many_run_at_once() {
	local i
	for i in $(seq 8); do
		"$kata" exec box -- sh -c "sleep 1; echo $i; exit $i" >"$work/many-$i" 2>&1 &
		eval "pid_$i=$!"
	done
	for i in $(seq 8); do
		local pid_name=pid_$i status=0
		wait "${!pid_name}" || status=$?
		expect_equal "$status" "$i"
		expect_equal "$(cat "$work/many-$i")" "$i"
	done
}

failures_have_their_status() {
	expect_status 127 "$kata" exec box -- no-such-command
	expect_match err no-such-command
	expect_status 126 "$kata" exec box -- /etc
	expect_status 125 "$kata" exec no-such-container -- true
	expect_match err 'no-such-container.*does not exist'
	expect_status 2 "$kata" exec box
	expect_status 125 "$kata" exec -ti box -- true </dev/null
	expect_match err 'not a TTY'
	expect_status 143 "$kata" exec box -- sh -c 'kill -TERM $$'
}

a_detached_one_goes_on() {
	expect_output "" "$kata" exec --detach box -- sh -c 'sleep 0.2; echo done >/tmp/detached'
	within 10 "$kata" exec box -- test -s /tmp/detached
}

a_signal_ends_it() {
	local pid status=0
	"$kata" exec box -- sleep 500 &
	pid=$!
	within 10 sh -c "'$kata' ps box | grep -q 'sleep 500'"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	expect_equal "$status" 143
	within 10 sh -c "! '$kata' ps box | grep -q 'sleep 500'"
}

ps_shows_processes() {
	expect_status 0 "$kata" ps box
	expect_match out '^UID +PID'
	expect_match out 'sleep 1000'
	expect_status 0 "$kata" ps --format json box
	expect_match out '^\[[0-9, ]+\]$'
}

stats_and_events_show_use() {
	expect_status 0 "$kata" stats box
	expect_match out '^cpu +[0-9]'
	expect_match out '^memory +[0-9.]+ [KMG]iB'
	expect_match out '^processes +[1-9]'
	expect_status 0 "$kata" events --stats box
	expect_match out '"type":"stats","id":"box","data":\{"cpu":\{"usage":\{"total":[1-9]'
}

deletion_takes_it_away() {
	keeps_container=
	expect_status 1 "$kata" delete box
	expect_match err 'running'
	expect_status 0 "$kata" delete --force box
	expect_status 1 "$kata" state box
}

check "run --detach prints the id and leaves the container running" a_container_runs_detached
check "a command's output and status come back, and it sees the container's files" \
	output_status_and_files_are_the_containers
check "environment, directory and user arrive" options_arrive
check "capabilities are its own, by option or a whole process object" capabilities_are_its_own
check "standard input goes in and ends; without -i there is none" stdin_goes_in_and_ends
check "eight commands run at once, each with its own output and status" many_run_at_once
check "failures end with 127, 126, 125 and 2, and say what failed" failures_have_their_status
check "a detached command goes on by itself" a_detached_one_goes_on
check "a signal goes to the command and ends it" a_signal_ends_it
check "ps shows the container's processes" ps_shows_processes
check "stats and events show what it uses" stats_and_events_show_use
check "delete refuses a running container, and --force takes all of it away" deletion_takes_it_away
finish
