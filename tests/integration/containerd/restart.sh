# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317 # sourced; called by name
# containerd dies and comes back.

keeps_container=yes

a_task_goes_on() {
	run box -d -- sh -c 'echo $$ >/mark; exec sleep 1000'
	run short -d -- sh -c 'until [ -e /end ]; do sleep 0.2; done; exit 5'
	stop_containerd -KILL
	start_containerd
	task_is box RUNNING || fail "$(ctr task ls)"
	expect_equal "$(ctr task exec --exec-id e1 box cat /mark)" 1
}

# That its event is sent again until it is taken, and once, is the publisher's unit test: who follows
# events here may come too late for it.
an_exit_meanwhile_is_known() {
	ctr task exec -d --exec-id end short sh -c 'sleep 4; : >/end'
	stop_containerd
	# The processes that stand for the task and its exec end.
	within 30 sh -c "! grep -q . /sys/fs/cgroup/default/short/cgroup.procs ||
		! grep -lx kata-like-task \$(sed 's,.*,/proc/&/comm,' /sys/fs/cgroup/default/short/cgroup.procs)"
	start_containerd
	task_is short STOPPED || fail "$(ctr task ls)"
	expect_status 0 ctr task delete short
	expect_match err 'exit code 5'
	ctr container delete short
}

it_ends_as_ever() {
	ctr task kill -s KILL box
	within 20 task_is box STOPPED
	ctr task delete box || :
	ctr container delete box
	nothing_left
}

check "a task goes on while containerd is killed, and is found again" a_task_goes_on
check "an exit while containerd is away is known when it is back" an_exit_meanwhile_is_known
check "a task that outlived its containerd is killed and deleted as ever" it_ends_as_ever
keeps_container=
