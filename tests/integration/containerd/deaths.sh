# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317 # sourced; called by name
# The shim and the VMM are killed.

# A task in the background whose `ctr run` waits for its end.
attended() {
	run box --rm -- sh -c 'echo ready; exec sleep 1000' >"$work/attended" 2>&1 &
	run_pid=$!
	within 60 grep -q ready "$work/attended"
}

ended_with() {
	local status=0
	wait "$run_pid" || status=$?
	expect_equal "$status" "$1"
	expect_equal "$(ctr container ls -q)" ""
}

the_vmm_dies() {
	follow_events
	attended
	kill -KILL "$(pid_in box vmm.pid)"
	ended_with 137
	within 10 sh -c "grep -q /tasks/delete '$work/events'"
	expect_equal "$(topics_of box)" "create start exit delete "
	unfollow
}

the_shim_dies() {
	follow_events
	attended
	kill -KILL "$(pid_in box shim.pid)"
	# containerd cannot ask it for the status any more, so ctr has an error to show; the exit is told.
	ended_with 1
	within 10 sh -c "grep -q /tasks/exit '$work/events'"
	expect_equal "$(events_of box | grep '^exit ' | grep -c '"exit_status":137')" 1
	unfollow
}

the_file_server_dies() {
	attended
	kill -KILL "$(pid_in box virtiofsd.pid)"
	ended_with 255
}

the_pid_is_killed() {
	attended
	kill -KILL "$(ctr task ls | awk '$1 == "box" { print $2 }')"
	ended_with 137
}

the_shim_dies_while_it_boots() {
	run box --rm -- true >"$work/attended" 2>&1 &
	run_pid=$!
	within 60 test -s "$KATA_LIKE_STATE/default/box/vmm.pid"
	kill -KILL "$(pid_in box shim.pid)"
	! wait "$run_pid" || fail "ctr run says that all is well"
	ctr container delete box 2>/dev/null || :
}

the_vmm_dies_while_it_boots() {
	run box --rm -- true >"$work/attended" 2>&1 &
	run_pid=$!
	within 60 test -s "$KATA_LIKE_STATE/default/box/vmm.pid"
	kill -KILL "$(pid_in box vmm.pid)"
	! wait "$run_pid" || fail "ctr run says that all is well"
	grep -q 'VM' "$work/attended" || fail "no reason: $(cat "$work/attended")"
}

check "the VMM is killed: Wait returns, one exit of 137 is told" the_vmm_dies
check "the shim is killed: the task ends with 137, and its VM is gone" the_shim_dies
check "the file server is killed: the task, which has lost its files, ends with 255" the_file_server_dies
check "the pid that stands for the task is killed: the task ends with 137" the_pid_is_killed
check "the shim is killed while the VM boots: ctr run fails" the_shim_dies_while_it_boots
check "the VMM is killed while it boots: ctr run fails and says why" the_vmm_dies_while_it_boots
