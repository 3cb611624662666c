#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Streams: much of it, both ways, slow readers, half-close, and nothing lost at the end.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

megabytes=100

# A line of some 4000 bytes again and again: its length divides no buffer, so lost or moved bytes show.
line=$(seq 1 1009 | tr '\n' ' ')
much() {
	yes "$line" | head -c $(($1 << 20))
}

much_goes_in() {
	expect_equal "$(much "$megabytes" | "$kata" run --rm -i --rootfs "$busybox" -- sha256sum)" \
		"$(much "$megabytes" | sha256sum)"
}

much_comes_out() {
	"$kata" run --rm --rootfs "$busybox" -- \
		sh -c "yes '$line' | head -c $((megabytes << 20))" | cmp - <(much "$megabytes")
}

both_ways_at_once_and_half_close() {
	much 20 | "$kata" run --rm -i --rootfs "$busybox" -- sh -c 'cat; echo after the end' |
		cmp - <(much 20; echo after the end)
}

nothing_is_lost_at_exit() {
	expect_equal "$("$kata" run --rm --rootfs "$busybox" -- \
		sh -c 'seq 1 200000; exit 0' | { sleep 4; sha256sum; })" "$(seq 1 200000 | sha256sum)"
}

stdout_and_stderr_stay_apart() {
	expect_status 0 "$kata" run --rm --rootfs "$busybox" -- \
		sh -c 'seq 1 100000; seq 100001 200000 >&2'
	cmp "$work/out" <(seq 1 100000)
	cmp "$work/err" <(seq 100001 200000)
}

a_reader_that_leaves_ends_it() {
	local statuses
	statuses=$("$kata" run --rm --rootfs "$busybox" -- sh -c 'yes; exit 9' | head -n 1 >"$work/one"
		echo "${PIPESTATUS[0]}")
	expect_equal "$(cat "$work/one")" y
	[ "$statuses" != 0 ] || fail "status 0 although nobody read the output"
}

without_i_there_is_no_input() {
	expect_output none "$kata" run --rm --rootfs "$busybox" -- sh -c 'cat; echo none' < <(echo text)
}

check "$megabytes MB go in unchanged" much_goes_in
check "$megabytes MB come out unchanged" much_comes_out
check "bytes flow both ways at once, and the end of input leaves output open" \
	both_ways_at_once_and_half_close
check "a command that exits with output pending loses none of it" nothing_is_lost_at_exit
check "standard output and standard error stay apart" stdout_and_stderr_stay_apart
check "a reader that leaves ends the container" a_reader_that_leaves_ends_it
check "without -i standard input is not read" without_i_there_is_no_input
finish
