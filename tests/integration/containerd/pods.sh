# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317 # sourced; called by name
# Containers that the annotations of CRI group into a pod.

keeps_container=yes
cri=io.kubernetes.cri

member() {
	local name=$1
	shift
	run "$name" --annotation $cri.container-type=container --annotation $cri.sandbox-id=pod "$@"
}

boot_id() {
	ctr task exec --exec-id "boot-$1" "$1" cat /proc/sys/kernel/random/boot_id
}

members_share_a_machine() {
	run pod -d --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=pod -- \
		sleep 1000
	ctr task ls | awk '$1 == "pod" { print $2 }' >"$work/pid"
	member one -d --with-ns "pid:/proc/$(cat "$work/pid")/ns/pid" -- sleep 1001
	expect_equal "$(boot_id one)" "$(boot_id pod)"
	expect_equal "$(pgrep -c kata-like-vmm)" 1
	expect_equal "$(find "$KATA_LIKE_STATE/default" -mindepth 1 -maxdepth 1)" \
		"$KATA_LIKE_STATE/default/pod"
}

a_pid_namespace_can_be_shared() {
	expect_status 0 ctr task exec --exec-id ps one ps
	expect_match out 'sleep 1000'
	expect_match out 'sleep 1001'
}

# What it leaves behind holds its output open, and no pid namespace ends with it.
a_member_comes_and_goes() {
	expect_output hello member two --rm --with-ns "pid:/proc/$(cat "$work/pid")/ns/pid" -- \
		sh -c 'sleep 1002 & echo hello'
	! ctr task exec --exec-id ps2 one ps | grep -q 'sleep 1002' || fail "it left a process"
	task_is pod RUNNING || fail "the pod went with a member: $(ctr task ls)"
	task_is one RUNNING || fail "another member went with a member: $(ctr task ls)"
	expect_status 0 ctr task exec --exec-id still one true
}

the_machine_goes_with_the_last() {
	ctr task kill -s KILL one
	within 20 task_is one STOPPED
	ctr task delete one || :
	ctr container delete one
	task_is pod RUNNING || fail "the pod went with a member: $(ctr task ls)"
	ctr task kill -s KILL pod
	within 20 task_is pod STOPPED
	ctr task delete pod || :
	ctr container delete pod
	nothing_left
}

check "members of a pod share one machine and one shim" members_share_a_machine
check "a member that names the pid namespace of another is in it" a_pid_namespace_can_be_shared
check "a member comes and goes, and the others stay" a_member_comes_and_goes
check "the machine goes with the last of them" the_machine_goes_with_the_last
keeps_container=
