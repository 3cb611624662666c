# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317 # sourced; called by name
# `ctr run` in the foreground.

output_and_status_come_through() {
	expect_status 7 run short --rm -- sh -c 'uname -r; echo err >&2; exit 7'
	expect_match out 'kata-like'
	expect_equal "$(cat "$work/err")" err
	expect_equal "$(ctr container ls -q)" ""
}

a_terminal_has_its_size_and_status() {
	python3 "$(dirname "$0")/../terminal.py" --size 99x33 ctr run --rm -t --runtime $runtime \
		"$image" box sh -- 'expect:# ' 'send:stty size; tty\n' 'expect:33 99' 'expect:/dev/' \
		resize:111x44 'send:sleep 1; stty size\n' 'expect:44 111' \
		'send:(sleep 2; echo g""o) & sleep 500\n' 'expect:go' 'send:\x03' 'expect:# ' \
		'send:exit 6\n' status:6 sane
}

input_goes_in_and_ends() {
	expect_equal "$(seq 1 100000 | run box --rm -- sha256sum)" "$(seq 1 100000 | sha256sum)"
}

a_missing_command_is_an_error() {
	expect_status 1 run missing --rm -- /no/such/command
	expect_match err 'no/such/command'
}

# Of the one that was over at once, and of the one that never ran.
exits_are_told_once_and_as_they_were() {
	within 10 sh -c "grep '/tasks/delete' '$work/events' | grep -q missing"
	unfollow
	expect_equal "$(topics_of short)" "create start exit delete "
	expect_equal "$(events_of short | grep '^exit' | grep -o '"exit_status":[0-9]*')" '"exit_status":7'
	expect_equal "$(events_of missing | grep '^exit' | grep -o '"exit_status":[0-9]*')" \
		'"exit_status":127'
	expect_equal "$(topics_of missing)" "create exit delete "
}

a_create_that_fails_leaves_no_shim() {
	expect_status 1 run box --rm --annotation io.kata-like.nonsense=1 -- true
	expect_match err 'io.kata-like.nonsense'
}

what_cannot_cross_is_refused_by_name() {
	expect_status 1 run box --rm --mount "type=bind,src=$CONTAINERD_ADDRESS,dst=/socket,options=rbind" -- true
	expect_match err "$CONTAINERD_ADDRESS is a socket of the host"
	expect_status 1 run box --rm --device /dev/kvm -- true
	expect_match err '/dev/kvm .* is one of the host'
}

# BootstrapParams{1: "probe", 2: "default"}: what containerd 2.3 says.
start_answers_in_the_words_of_its_caller() {
	local shim=$KATA_LIKE_BUILD/containerd-shim-kata-like-v2
	mkdir -p "$work/probe"
	cd "$work/probe" || fail "no folder"
	set -- -namespace default -address "$CONTAINERD_ADDRESS" -publish-binary "" -id probe
	expect_equal "$("$shim" "$@" start <<<"" 2>&1 | sed 's/[0-9a-f]\{64\}/HASH/')" \
		unix:///run/containerd/s/HASH
	expect_equal "$(printf '\012\005probe\022\007default' | "$shim" "$@" start 2>&1 |
		sed 's/[0-9a-f]\{64\}/HASH/')" \
		'{"version":3,"address":"unix:///run/containerd/s/HASH","protocol":"ttrpc"}'
	expect_equal "$(cat address)" "unix://$(find /run/containerd/s -type s)"
	kill "$(pid_in probe shim.pid)"
	within 10 sh -c "! test -e '$KATA_LIKE_STATE/default/probe'"
	# A DeleteResponse of 137 (field 2) each time.
	for _ in 1 2; do
		expect_equal "$("$shim" "$@" -bundle "$work/probe" delete | od -An -tx1 -N3)" " 10 89 01"
	done
}

follow_events
check "output, standard error and the exit status come through ctr run --rm" \
	output_and_status_come_through
check "ctr run -t has a terminal of the right size, resizing, Ctrl-C and its status" \
	a_terminal_has_its_size_and_status
check "standard input goes in whole and ends" input_goes_in_and_ends
check "a command that is not there is an error that names it, and leaves no task" \
	a_missing_command_is_an_error
check "the exit of a task that was over at once, or never ran, is told once and as it was" \
	exits_are_told_once_and_as_they_were
check "a Create that fails is an error that says why, and leaves no shim" \
	a_create_that_fails_leaves_no_shim
check "a socket and a device of the host are refused by name, and leave no shim" \
	what_cannot_cross_is_refused_by_name
check "start answers old and new versions of containerd each in its words; delete is idempotent" \
	start_answers_in_the_words_of_its_caller
