#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container's life by single commands: create, start, list, state, logs, pause, wait, delete; pods.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

status_is() {
	"$kata" list | grep -Eq "^$1 +[0-9]+ +$2"
}

a_foreground_one_leaves_a_record() {
	expect_status 3 "$kata" run --name box --console --cmdline loglevel=7 --rootfs "$busybox" -- \
		sh -c 'exit 3'
	expect_status 0 "$kata" list
	expect_match out '^box +0 +stopped \(3\)'
	expect_output 3 "$kata" wait box
	expect_status 0 "$kata" logs box
	expect_match out 'Linux version'
	expect_status 125 "$kata" run --name box --rootfs "$busybox" -- true
	expect_match err 'exists already'
	expect_status 125 "$kata" exec box -- true
	expect_match err 'not running'
	expect_status 1 "$kata" kill box
	[ -z "$(our_processes)" ] || fail "a stopped container has processes"
	expect_status 0 "$kata" delete box
}

a_detached_one_is_watched_to_its_end() {
	expect_output box "$kata" run --detach --name box --rootfs "$busybox" -- \
		sh -c 'echo line; sleep 3; echo last; exit 4'
	status_is box running || fail "not running: $("$kata" list)"
	expect_status 1 "$kata" delete box
	expect_output 4 "$kata" wait box
	within 20 status_is box 'stopped \(4\)'
	expect_output "$(printf 'line\nlast')" "$kata" logs box
	expect_status 1 "$kata" logs --console box
	expect_match err '--console'
	expect_status 0 "$kata" delete box
}

pause_stops_and_resume_goes_on() {
	local first second
	expect_output box "$kata" run --detach --rm --name box --rootfs "$busybox" -- \
		sh -c 'while :; do echo x; sleep 0.2; done'
	within 20 sh -c "'$kata' logs box | grep -q x"
	expect_status 0 "$kata" pause box
	status_is box paused || fail "not paused: $("$kata" list)"
	first=$("$kata" logs box | wc -l)
	sleep 1.5
	second=$("$kata" logs box | wc -l)
	[ $((second - first)) -le 1 ] || fail "it went on while paused: $first, $second"
	expect_status 0 "$kata" resume box
	within 20 sh -c "[ \$('$kata' logs box | wc -l) -gt $((second + 2)) ]"
	expect_status 0 "$kata" kill box KILL
}

create_and_start_are_two_steps() {
	mkdir "$work/bundle"
	ln -s "$busybox" "$work/bundle/rootfs"
	"$kata" spec --bundle "$work/bundle"
	sed -i -e 's/"terminal": *true/"terminal": false/' \
		-e 's/"sh"/"sh", "-c", "echo started; exit 8"/' "$work/bundle/config.json"
	expect_status 0 "$kata" create --bundle "$work/bundle" box
	status_is box created || fail "not created: $("$kata" list)"
	expect_status 0 "$kata" start box
	expect_output 8 "$kata" wait box
	within 20 status_is box 'stopped \(8\)'
	expect_output started "$kata" logs box
	expect_status 0 "$kata" delete box
}

a_pod_shares_one_machine() {
	expect_output pod "$kata" run --detach --name pod --rootfs "$busybox" -- sleep 1000
	expect_status 6 "$kata" run --rm --pod pod --name member --rootfs "$busybox" -- \
		sh -c 'cat /proc/sys/kernel/random/boot_id; exit 6'
	expect_equal "$(cat "$work/out")" \
		"$("$kata" exec pod -- cat /proc/sys/kernel/random/boot_id)"
	expect_status 1 "$kata" state member
	status_is pod running || fail "the pod ended with its member"
	expect_status 0 "$kata" delete --force pod
}

two_do_not_meet() {
	expect_output a "$kata" run --detach --name a --rootfs "$busybox" -- sleep 1000
	expect_output a "$kata" --namespace other run --detach --name a --rootfs "$busybox" -- sleep 1000
	"$kata" --namespace other list -q | grep -q '^a$' || fail "not in its namespace"
	[ "$("$kata" exec a -- cat /proc/sys/kernel/random/boot_id)" != \
		"$("$kata" --namespace other exec a -- cat /proc/sys/kernel/random/boot_id)" ] ||
		fail "one machine for two"
	"$kata" delete --force a
	"$kata" --namespace other exec a -- true
	"$kata" --namespace other delete --force a
}

check "a foreground container leaves a record with its status and console, and no process" \
	a_foreground_one_leaves_a_record
check "a detached container is listed, waited for, and its output kept" \
	a_detached_one_is_watched_to_its_end
check "pause stops it and resume lets it go on" pause_stops_and_resume_goes_on
check "create and start are two steps" create_and_start_are_two_steps
check "a pod's members share one machine, which outlives them" a_pod_shares_one_machine
check "the same name in two namespaces is two machines" two_do_not_meet
finish
