# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317 # sourced; called by name
# One container in the background, and what ctr does with it.

keeps_container=yes

it_starts() {
	run box -d -- sh -c 'trap "exit 3" TERM
		while :; do line=; read -t 1 line; [ -z "$line" ] || echo "got $line"; done'
	expect_status 0 ctr task ls
	expect_match out '^box +[1-9][0-9]* +RUNNING'
}

its_pid_is_a_process_in_the_pods_namespace_and_cgroup() {
	local pid vmm
	pid=$(ctr task ls | awk '$1 == "box" { print $2 }')
	vmm=$(pid_in box vmm.pid)
	[ "$(cat "/proc/$pid/comm")" = kata-like-task ] || fail "pid $pid is $(cat "/proc/$pid/comm")"
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] ||
		fail "it is in the host's network namespace"
	expect_equal "$(cat "/proc/$pid/cgroup")" 0::/default/box
	expect_equal "$(cat "/proc/$vmm/cgroup")" 0::/default/box
	[ "$(cat /sys/fs/cgroup/default/box/memory.current)" -gt 10000000 ] ||
		fail "the guest's memory is not counted in the pod's cgroup"
	echo "$pid" >"$work/pid"
}

# Whoever attached before has gone without a word.
its_streams_are_attached_to() {
	local name attached
	for name in one two; do
		mkfifo "$work/$name"
		ctr task attach box <"$work/$name" >"$work/$name.out" 2>&1 &
		attached=$!
		exec 9>"$work/$name"
		echo $name >&9
		within 20 grep -qx "got $name" "$work/$name.out"
		kill -KILL $attached
		exec 9>&-
	done
}

exec_runs_beside() {
	expect_status 9 ctr task exec --exec-id e1 box sh -c 'echo out; echo err >&2; exit 9'
	expect_equal "$(cat "$work/out")" out
	expect_equal "$(cat "$work/err")" err
	expect_equal "$(echo text | ctr task exec --exec-id e2 box cat)" text
	expect_status 1 ctr task exec --exec-id e3 box /no/such/command
	expect_match err 'no/such/command'
}

output_goes_to_a_file_or_a_program() {
	printf '#!/bin/sh\nexec 5>&-\ncat <&3 >%s/logged\n' "$work" >"$work/logger"
	chmod +x "$work/logger"
	ctr task exec --exec-id f1 --log-uri "file://$work/file.log" box echo to a file
	ctr task exec --exec-id f2 --log-uri "binary://$work/logger" box echo to a program
	expect_equal "$(cat "$work/file.log")" "to a file"
	within 10 grep -qx "to a program" "$work/logged"
}

# As containerd 2 has them for pods: it opens them before the process is there.
output_goes_over_the_shims_own_socket() {
	local address reader
	address=$(cat "$home/state/io.containerd.runtime.v2.task/default/box/address")
	"$(dirname "$0")/stream.py" "${address#unix://}" s1 >"$work/streamed" 2>"$work/reader" &
	reader=$!
	within 30 grep -q open "$work/reader"
	ctr task exec --exec-id s1 --log-uri "ttrpc+$address?streaming_id=s1" box \
		sh -c 'head -c 500000 /dev/zero; echo end'
	wait $reader
	expect_equal "$(tr -d '\0' <"$work/streamed")" end
	expect_equal "$(wc -c <"$work/streamed")" 500004
}

the_shims_log_is_in_containerds() {
	within 10 grep -q 'program=shim sandbox=box' "$home/log"
}

exec_has_a_terminal() {
	python3 "$(dirname "$0")/../terminal.py" --size 70x20 ctr task exec -t --exec-id t1 box sh -- \
		'expect:# ' 'send:stty size\n' 'expect:20 70' 'send:exit 4\n' status:4 sane
}

its_processes_are_listed() {
	local pid
	expect_status 0 ctr task ps box
	pid=$(awk 'NR == 2 { print $1 }' "$work/out")
	[ -d "/proc/$pid" ] || fail "ctr task ps names no process of this host: $(cat "$work/out")"
}

metrics_are_real() {
	expect_status 0 ctr task metrics box
	expect_match out 'memory.usage(_in_bytes)? +[1-9]'
	expect_match out 'cpu.usage_usec +[1-9]|cpuacct.usage +[1-9]'
}

# ctr has no such verb; both come to the shim's Update.
its_resources_are_updated() {
	"$kata" update --memory 50331648 box
	expect_status 0 ctr task metrics --format json box
	expect_match out '[^0-9]50331648[^0-9]'
}

it_is_paused_and_resumed() {
	ctr task pause box
	expect_status 0 ctr task ls
	expect_match out '^box .*PAUSED'
	ctr task resume box
	expect_status 0 ctr task ls
	expect_match out '^box .*RUNNING'
}

it_is_killed_and_deleted() {
	ctr task kill -s TERM box
	within 20 task_is box STOPPED
	[ ! -d "/proc/$(cat "$work/pid")" ] || fail "its pid outlives it"
	expect_status 1 ctr task kill box
	expect_match err 'not found|finished'
	expect_status 0 ctr task delete box
	expect_match err 'exit code 3'
	expect_status 1 ctr task delete box
	ctr container delete box
	nothing_left
}

events_came_in_order_and_once() {
	local -a ran=(exec-added exec-started exit)
	local -a wanted=(create start "${ran[@]}" "${ran[@]}" exec-added "${ran[@]}" "${ran[@]}"
		"${ran[@]}" "${ran[@]}" paused resumed exit delete)
	within 10 sh -c "grep -q '/tasks/delete' '$work/events'"
	expect_equal "$(topics_of box)" "${wanted[*]} "
	expect_equal "$(events_of box | grep '^exit' | tail -n 1 | grep -o '"id":"[a-z0-9]*"')" '"id":"box"'
	expect_equal "$(events_of box | grep '^exit' | head -n 1 | grep -o '"id":"[a-z0-9]*"')" '"id":"e1"'
	expect_equal "$(events_of box | grep -c '"pid":0')" 0
	unfollow
}

follow_events
check "ctr run -d starts a task" it_starts
check "its pid is a process of the host in the pod's namespace and cgroup, as is the VMM" \
	its_pid_is_a_process_in_the_pods_namespace_and_cgroup
check "ctr task attach has the task's streams, and so has the next one" its_streams_are_attached_to
check "ctr task exec has streams and a status of its own" exec_runs_beside
check "ctr task exec --log-uri hands output to a file, or to a program" \
	output_goes_to_a_file_or_a_program
check "output goes over the shim's own socket to whoever opened its stream" \
	output_goes_over_the_shims_own_socket
check "the shim's lines are in containerd's log, with the sandbox's id" \
	the_shims_log_is_in_containerds
check "ctr task exec -t has a terminal" exec_has_a_terminal
check "ctr task ps lists processes of this host" its_processes_are_listed
check "ctr task metrics shows real figures" metrics_are_real
check "a task's limits are updated" its_resources_are_updated
check "ctr task pause and resume" it_is_paused_and_resumed
check "ctr task kill ends it, task delete tells the status, and nothing is left" \
	it_is_killed_and_deleted
check "every event came, in order and once" events_came_in_order_and_once
keeps_container=
