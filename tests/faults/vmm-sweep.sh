#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails each call in turn that may fail for want of memory, descriptors, threads or space in the real
# VMM: as it sets a machine up, in its jail too; while devices come and go; as it saves a template,
# and starts from one. It works, or its log says why not; it never crashes, hangs or ends in silence.
# Its guests are a few bytes, so any machine will do whose /dev/kvm runs `kata-like check`'s.
#
# Usage: vmm-sweep.sh DYNAMIC_VMM VMM_CLIENT FAILING_LIBRARY
# Which calls, the variables of sweep-lib.sh say.
# shellcheck disable=SC2317 # cases are called by name
set -u

program=$1 client=$2 library=$(realpath "$3")
work=$(mktemp -d /tmp/kata-like-faults.XXXXXX)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/faults/sweep-lib.sh
. "$(dirname "$0")/sweep-lib.sh"

if grep -q __asan_init "$program"; then
	echo "SKIP: a sanitizer has its own allocator, so none can be put before it"
	exit 77
fi
if [ "$(id -u)" != 0 ] || [ ! -w /dev/kvm ]; then
	echo "SKIP: needs root and /dev/kvm"
	exit 77
fi

make_kernel() {
	python3 "$(dirname "$0")/../kvm/make-kernel.py" "$@"
}
make_kernel "$work/resets" b0fee664f4ebfd # mov al, 0xfe; out 0x64, al; hlt
make_kernel "$work/halts" faf4ebfd        # cli; hlt
truncate -s 1M "$work/disk" "$work/disk2"

# faulty COMMAND…: call number $at fails. Bounded; $status; out, err and log in $work.
faulty() {
	status=0
	rm -f "$work/log"
	KATA_LIKE_FAULT_PROGRAM=$(basename "$program") KATA_LIKE_FAULT_AT=$at KATA_LIKE_FAULT_COUNT=$work/count \
		KATA_LIKE_FAULT_REPORT=$work/report LD_PRELOAD=$library \
		timeout -k 1 20 "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" != 124 ] || fail "no end"
	! grep -a '^CRASHED' "$work/report" || fail "it crashed"
}

says_why() {
	[ -s "$work/log" ] || [ -s "$work/err" ] || fail "$1 and no message"
}

machine=(--memory 32 --cpus 2 --rng --pvpanic --log "$work/log")
# That no template has.
disks=(--disk "$work/disk,id=one" --disk "$work/disk2,ro")

# Status 0, or the reason why not.
boot() {
	rm -f "$work/vsock" "$work/console"
	faulty "$program" --kernel "$work/resets" --initrd "$work/disk" --cmdline quiet "${machine[@]}" "${disks[@]}" "$@"
	case $status in
	0) ;;
	[1-7]) says_why "status $status" ;;
	*) fail "status $status: $(cat "$work/log" "$work/err")" ;;
	esac
}

in_the_open() {
	boot --no-jail --vsock-uds "$work/vsock" --console "$work/console"
}

# The report is kept open: nothing can be opened from the jail.
in_the_jail() {
	KATA_LIKE_FAULT_JAILED=1 boot --vsock-uds "$work/vsock" --shared-memory
}

# controlled WORD…: what the client is to do; lines in $work/out. Each that fails says why.
controlled() {
	printf '%s\n' "${words[@]}" >"$work/words"
	rm -f "$work/vsock"
	faulty "$client" "$program" --no-jail "${machine[@]}" --vsock-uds "$work/vsock" "$@" <"$work/words"
	[ "$status" = 0 ] || fail "status $status of the client: $(cat "$work/err")"
	! grep '^failed [^:]*: *$' "$work/out" || fail "failed, and no reason"
	# The client may be all that is left to end it.
	case $(tail -n 1 "$work/out") in
	'exit 0') ;;
	'exit '[1-7]) says_why "$(tail -n 1 "$work/out")" ;;
	*) fail "$(cat "$work/out" "$work/log" "$work/err")" ;;
	esac
}

devices_come_and_go() {
	local words=(state "add-disk $work/disk2 two" fds pause resume net-stats state stop close wait)
	controlled --kernel "$work/halts" "${disks[@]}"
}

saves_a_template() {
	local words=(pause "save $work/template" resume state stop close wait)
	rm -f "$work/template"
	controlled --kernel "$work/halts"
}

starts_from_a_template() {
	local words=(state stop close wait)
	controlled --template "$work/whole-template"
}

# Whole: without a call that fails.
at=0
: >"$work/report"
truncate -s 4096 "$work/count"
if ! (in_the_open && saves_a_template && [ "$status" = 0 ] && grep -q '^ok save' "$work/out") \
	>"$work/case" 2>&1; then
	echo "SKIP: a machine of a few bytes does not run here: $(cat "$work/case" "$work/log" "$work/out")"
	exit 77
fi
mv "$work/template" "$work/whole-template"

prove "a VMM without a jail: each call that may fail as it is set up" in_the_open
prove "a VMM that goes into its jail: each call that may fail" in_the_jail
prove "devices that come, a pause, an end: each call that may fail" devices_come_and_go
prove "a template that is saved: each call that may fail" saves_a_template
prove "a VM that starts from a template: each call that may fail" starts_from_a_template
finish
