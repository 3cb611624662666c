#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest's agent that lies (tests/unit/shim/mangler.h), and a VMM that does: each answer in turn is
# missing, malformed, giant, out of order. The shim takes it, says so in words that command no
# terminal, stays small, and is rid of the container when it is told to.
#
# Usage: hostile-agent.sh KATA_LIKE SHIM FAKE_VMM
#	KATA_LIKE_HOSTILE	the kinds (all of them)
#	KATA_LIKE_HOSTILE_METHODS	the methods (all of them)
# shellcheck disable=SC2317 # cases are called by name
set -u

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"

: "${KATA_LIKE_HOSTILE:=never twice garbage empty short announced oversized big error unavailable
	cancelled no-code strange-ids types closes half-closes flood giant-values}"
: "${KATA_LIKE_HOSTILE_METHODS:=CreateSandbox CreateContainer StartContainer ExecProcess WaitProcess
	StatsContainer SignalProcess DeleteProcess DeleteContainer}"
# What one frame may hold comes several times as large: as it arrives, unpacked, on its way on.
shim_max_kib=65536
# Timeouts of the shim's own that a silent peer is given, and the time to look.
patience=25

export ASAN_OPTIONS=detect_leaks=0:log_path=$work/sanitizer
is_sanitized=
! grep -q __asan_init "$programs/kata-like" || is_sanitized=1

# tried COMMAND…: ends by itself; whatever it says is for a person's eyes.
tried() {
	status=0
	timeout -s KILL "$patience" "$@" >"$work/out" 2>"$work/err" || status=$?
	case $status in
	137) # it waits for what never comes
		status=124
		return
		;;
	13[2-9] | 1[4-9][0-9]) fail "$*: status $status: $(head -c 500 "$work/err")" ;;
	esac
	# 255: the guest has lost a process, or says that this was its status.
	[ "$status" = 0 ] || [ "$status" = 255 ] || [ -s "$work/err" ] || fail "$*: status $status and no message"
	! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$work/err" ||
		fail "$*: commands a terminal: $(head -c 300 "$work/err" | cat -v)"
	[ "$(stat -c %s "$work/err")" -lt 16384 ] || fail "$*: an endless message"
	! grep -q 'daemon of container' "$work/err" || fail "$*: the shim died"
}

shim_is_well() {
	local pid kib
	pid=$(pid_in box shim.pid) || return 0
	[ -d "/proc/$pid" ] || return 0
	kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
	[ -n "$is_sanitized" ] || [ "${kib:-0}" -lt "$shim_max_kib" ] || fail "the shim took $kib KiB"
}

no_sanitizer_spoke() {
	! cat "$work"/sanitizer.* 2>/dev/null | head -n 40 | grep . || fail "a sanitizer reports"
}

# a_life WORD: of a container in a VM that was told to misbehave.
a_life() {
	printf '[vm]\nkernel = /dev/null\ninitrd = /dev/null\ntimeout = 1\ncmdline = %s\n' "$1" \
		>"$KATA_LIKE_CONFIG"
	tried "$kata" run --detach --name box --rootfs "$rootfs" -- sleep 100
	if [ "$status" = 0 ]; then
		patience=15 tried "$kata" exec box -- echo of the box
		tried "$kata" stats box
		tried "$kata" kill box KILL
		patience=2 tried "$kata" wait box
	fi
	shim_is_well
	expect_status 0 timeout 40 "$kata" delete --force box
	nothing_left
	no_sanitizer_spoke
}

# of_kind KIND: at each method.
of_kind() {
	local method
	for method in $KATA_LIKE_HOSTILE_METHODS; do
		(set -e; a_life "fake.agent=$1/$method") || fail "$1/$method"
	done
}

events_without_end() {
	local pid before
	printf '[vm]\nkernel = /dev/null\ninitrd = /dev/null\ncmdline = fake.agent=events/NextEvent\n' \
		>"$KATA_LIKE_CONFIG"
	expect_status 0 "$kata" run --detach --name box --rootfs "$rootfs" -- sleep 100
	pid=$(pid_in box shim.pid)
	ticks() { cut -d' ' -f14,15 "/proc/$pid/stat" | tr ' ' + ; }
	before=$(($(ticks)))
	sleep 2
	[ $(($(ticks) - before)) -lt 60 ] || fail "the shim is busy with it: $(($(ticks) - before)) of 200 ticks"
	shim_is_well
	expect_output alive "$kata" exec box -- echo alive
	expect_status 0 timeout 40 "$kata" delete --force box
}

odd_connections() {
	a_life fake.link
	printf '[vm]\nkernel = /dev/null\ninitrd = /dev/null\ncmdline = fake.link\n' >"$KATA_LIKE_CONFIG"
	expect_output hi timeout 20 "$kata" run --rm --name box --rootfs "$rootfs" -- echo hi
}

a_vmm_that_lies() {
	local kind
	for kind in $KATA_LIKE_HOSTILE; do
		(set -e; a_life "fake.control=$kind/Stop") || fail "$kind"
	done
}

for kind in $KATA_LIKE_HOSTILE; do
	eval "$(printf 'kind_%s() { of_kind %s; }' "${kind//-/_}" "$kind")"
	check "an agent's answers: $kind" "kind_${kind//-/_}"
done
check "an agent's events without end do not keep the shim busy" events_without_end
check "connections to ports that nobody waits on, and malformed messages about them" odd_connections
check "a VMM's answers of each kind" a_vmm_that_lies
finish
