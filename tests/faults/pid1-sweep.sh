#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails each call in turn that may fail for want of memory, descriptors, processes or space in the
# agent as it is deployed: PID 1 of a virtual machine, from its start until its host ends it, with a
# container that reads, writes, has a process beside it and ends. It works, or the one who asked is
# told why not, within a bounded time; and nothing is left on the host.
#
# Usage: pid1-sweep.sh AGENT FAILING_LIBRARY, both with a shared C library
# Which calls, the variables of sweep-lib.sh say; without them half an hour's worth.
# shellcheck disable=SC2016,SC2031,SC2317 # another shell expands; cases are called by name, each in
# a shell of its own
program=$(realpath "$1") library=$(realpath "$2")
if grep -q __asan_init "$program"; then
	echo "SKIP: a sanitizer has its own allocator, so none can be put before it"
	exit 77
fi
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
: "${KATA_LIKE_FAULT_SINGLY:=75}" "${KATA_LIKE_FAULT_STRIDE:=4}"
# shellcheck source=tests/faults/sweep-lib.sh
. "$(dirname "$0")/sweep-lib.sh"

# How long a guest may take for each thing that it is asked for, and all of it together.
timeout=20 end=100

# The deployed initramfs, and over it the agent with what it needs; what the kernel takes last counts.
make_initramfs() {
	local root=$work/root file
	mkdir -p "$root/dev"
	cp "$program" "$root/init"
	strip "$root/init"
	cp "$library" "$root/failing.so"
	# The last is for the backtrace.
	for file in $(ldd "$program" | grep -o '/[^ ]*') /lib/x86_64-linux-gnu/libgcc_s.so.1; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
	# Before the agent has mounted anything.
	mknod "$root/dev/kmsg" c 1 11
	(cd "$root" && find . -mindepth 1 | cpio -o -H newc --quiet) |
		cat "$KATA_LIKE_BUILD/guest/initramfs.img" - >"$work/initramfs.img"
}

# configure CONSOLE AT: the kernel gives its init what it does not know.
configure() {
	export KATA_LIKE_CONFIG=$work/config.ini
	cat >"$KATA_LIKE_CONFIG" <<-END
		[vm]
		initrd = $work/initramfs.img
		template = false
		console = $1
		timeout = $timeout
		cmdline = LD_PRELOAD=/failing.so KATA_LIKE_FAULT_PROGRAM=init
		  KATA_LIKE_FAULT_AT=$2 KATA_LIKE_FAULT_REPORT=/dev/kmsg
	END
}

# ended_or_told STATUS TEXT NAME: what is in $work/NAME and NAME.err came with STATUS and is TEXT, or
# there is a message.
ended_or_told() {
	local status=$1 expected=$2 text=$3 name=$4
	case $status in
	124 | 137) fail "$name: no end" ;;
	esac
	if [ "$status" = "$expected" ]; then
		[ "$(cat "$work/$name")" = "$text" ] || fail "$name: \"$(cat "$work/$name")\""
	else
		[ -s "$work/$name.err" ] || fail "$name: status $status, no message"
		# That it has ended is no reason.
		! grep -qE 'unknown error|switched itself off$' "$work/$name.err" ||
			fail "$name: $(cat "$work/$name.err")"
	fi
	echo "$name: status $status: $(head -c 300 "$work/$name.err")" >>"$work/told"
}

# Keeps what the console says: with the container it would go.
watch_console() {
	until { exec 5<"$KATA_LIKE_STATE/default/box/console.log"; } 2>/dev/null; do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.05
	done
}

# What the library said there, in the names of the host.
read_console() {
	grep -ao 'failing: .*' <&5 | sed "s|^failing: ||; s|/init+|$program+|g" >"$work/report"
	exec 5<&-
}

cgroups() {
	find /sys/fs/cgroup -mindepth 1 -type d
}

a_life() {
	local status=0 beside=
	exec 6<>"$work/in"
	truncate -s 0 "$work/run" "$work/run.err" "$work/exec" "$work/exec.err"
	timeout -k 5 "$end" "$kata" run --name box --interactive --rootfs "$busybox" -- \
		sh -c 'echo up; read line; echo "$line"; exit 3' <"$work/in" >"$work/run" 2>"$work/run.err" &
	pid=$!
	[ "$console" = false ] || watch_console
	until [ -s "$work/run" ] || ! kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
	if [ -s "$work/run" ]; then
		beside=0
		echo word | timeout -k 5 "$end" "$kata" exec --interactive box -- sh -c 'cat; exit 4' \
			>"$work/exec" 2>"$work/exec.err" || beside=$?
	fi
	echo line >&6
	wait "$pid" || status=$?
	exec 6<&-
	[ "$console" = false ] || read_console
	timeout "$end" "$kata" delete --force box >/dev/null 2>&1 || true
	! grep -a '^CRASHED' "$work/report" || fail "it crashed: $(cat "$work/run.err")"
	[ -z "$beside" ] || ended_or_told "$beside" 4 word exec
	ended_or_told "$status" 3 $'up\nline' run
	nothing_left
	expect_equal "$(cgroups)" "$cgroups_before"
}

one_call_fails() {
	configure "$console" "$at"
	a_life
}

it_and_all_that_follow_fail() {
	configure "$console" "$at+"
	a_life
}

# Of a virtual machine as most are. Nothing comes out of it but what it tells of itself, so these are
# the calls of its start, as many as they were with a console.
without_a_console() {
	console=false
	[ "$at" -ge "$singly" ] || echo "one of these calls" >"$work/report"
	one_call_fails
}

mkfifo "$work/in"
make_initramfs
processes_before=$(our_processes)
mounts_before=$(mounts)
cgroups_before=$(cgroups)
console=true at=0
: >"$work/report"
if ! (set -e; one_call_fails; grep -q 'run: status 3' "$work/told") >"$work/case" 2>&1; then
	echo "not ok - without a call that fails it works"
	sed 's/^/# /' "$work/case"
	exit 1
fi

prove "a container's life in a virtual machine: each call of its agent that may fail" one_call_fails
[ "${KATA_LIKE_FAULT_FROM:-1}" -ge "$singly" ] ||
	prove "without a console: each call of the agent's start that may fail" without_a_console
stride=$((stride * 10)) singly=0
prove "a container's life in a virtual machine: each call and all that follow it" \
	it_and_all_that_follow_fail
finish
