#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pods one after another, many at once, and one that lives through much: the host is afterwards as it
# was, in processes, descriptors, mounts, links, control groups, files and memory. Meant for programs
# with sanitizers.
#
#	KATA_LIKE_SOAK_PODS	one after another (500)
#	KATA_LIKE_SOAK_AT_ONCE	at once (20)
#	KATA_LIKE_SOAK_EXECS	in the one pod (500)
#	KATA_LIKE_SOAK_NETWORK	each so-manieth pod has a network of CNI's (10)
# shellcheck disable=SC2317 # cases are called by name
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

pods=${KATA_LIKE_SOAK_PODS:-500}
at_once=${KATA_LIKE_SOAK_AT_ONCE:-20}
execs=${KATA_LIKE_SOAK_EXECS:-500}
network=${KATA_LIKE_SOAK_NETWORK:-10}
# What a pod gets in which its first programs run while others boot.
patience=900
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=1:log_path=$work/sanitizer
export NETCONFPATH=$work/net.d KATA_LIKE_CONFIG=$work/config.ini KATA_LIKE_CACHE=$work/cache
printf '[vm]\ntimeout = 900\n' >"$KATA_LIKE_CONFIG"

if [ ! -x /usr/lib/cni/bridge ] || ! command -v ip >/dev/null; then
	echo "SKIP: the CNI plugins or iproute2 are not installed"
	exit 77
fi
mkdir "$NETCONFPATH"
cat >"$NETCONFPATH/10-soak.conflist" <<END
{"cniVersion": "0.4.0", "name": "soak", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true,
   "ipam": {"type": "host-local", "dataDir": "$work/ipam",
    "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END

# The place of named namespaces is mounted with the first one, and stays.
ip netns add soak
ip netns delete soak

# "DESCRIPTORS MOUNTS LINKS CGROUPS FILES PROCESSES KIB CACHE": of the whole host; memory is what is
# neither free nor the kernel's to take back, without our own cache, which may be in memory as well and
# has bounds of its own. Free is also what a processor keeps at hand, some 80 MiB of it, which
# /proc/meminfo takes for used.
host() {
	local cache
	sync
	echo 3 >/proc/sys/vm/drop_caches
	cache=$(du -sk "$KATA_LIKE_CACHE" | cut -f1)
	echo "$(cut -f1 /proc/sys/fs/file-nr) $(wc -l </proc/self/mountinfo)" \
		"$(find /sys/class/net -mindepth 1 | wc -l)" \
		"$(find /sys/fs/cgroup -type d | wc -l)" \
		"$(find "$KATA_LIKE_STATE" /run/netns "$work/ipam" -type f ! -name 'l*' 2>/dev/null | wc -l)" \
		"$(our_processes | wc -l)" \
		"$(awk -v cache="$cache" '/^ +count:/ { at_hand += $2 * 4 } { kib[$1] = $2 } END {
			print kib["MemTotal:"] - kib["MemFree:"] - kib["Buffers:"] - kib["Cached:"] + kib["Shmem:"] \
				- kib["SReclaimable:"] - at_hand - cache }' /proc/zoneinfo /proc/meminfo)" "$cache"
}

# did_not_grow BEFORE AFTER: a few descriptors of others, and 32 MiB, may come and go.
did_not_grow() {
	local before after i
	read -ra before <<<"$1"
	read -ra after <<<"$2"
	[ $((after[0] - before[0])) -le 64 ] || fail "descriptors: $1 -> $2"
	for i in 1 2 3 4 5; do
		[ "${after[i]}" -le "${before[i]}" ] ||
			fail "mounts, links, cgroups, files or processes: $1 -> $2"
	done
	[ $((after[6] - before[6])) -le 32768 ] || fail "memory: $1 -> $2
$(cat /proc/meminfo)"
}

# A case's output is seen at its end only; this at once.
progress() {
	echo "# $SECONDS s: $*" >&3
}

# The jailed VMM's leak check cannot look at itself, and says so: in a file for each, which is memory.
no_sanitizer_spoke() {
	! cat "$work"/sanitizer.* 2>/dev/null |
		grep -v 'LeakSanitizer has encountered a fatal error\|==HINT: ' | head -n 60 | grep . ||
		fail "a sanitizer reports"
	rm -f "$work"/sanitizer.*
}

# one_pod NAME [RUN ARG…]: a whole life. Not in a condition, where Bash would not stop at errors.
one_pod() {
	local name=$1
	shift
	timeout "$patience" "$kata" run --detach --name "$name" "$@" --rootfs "$busybox" -- \
		sh -c 'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
	if [ $# -gt 0 ]; then
		timeout "$patience" "$kata" exec "$name" -- ping -q -c 1 -W 20 10.88.0.1 >/dev/null ||
			fail "$name: no network"
	fi
	expect_equal "$(timeout "$patience" "$kata" exec "$name" -- echo "of $name")" "of $name"
	timeout "$patience" "$kata" stats "$name" >/dev/null
	timeout "$patience" "$kata" kill "$name" TERM
	expect_equal "$(timeout "$patience" "$kata" wait "$name")" 7
	timeout "$patience" "$kata" delete "$name"
}

# What stays once: the bridge, caches.
warm_up() {
	one_pod warm-up --net cni:soak
	one_pod warm-up
	nothing_left
}

one_after_another() {
	local i before now
	warm_up
	no_sanitizer_spoke
	before=$(host)
	progress "before: $before (descriptors mounts links cgroups files processes KiB cache)"
	for ((i = 1; i <= pods; i++)); do
		if [ $((i % network)) = 0 ]; then
			one_pod "pod-$i" --net cni:soak
		else
			one_pod "pod-$i"
		fi
		if [ $((i % 25)) = 0 ] || [ "$i" = "$pods" ]; then
			nothing_left
			no_sanitizer_spoke
			now=$(host)
			progress "after $i pods: $now"
			did_not_grow "$before" "$now"
		fi
	done
}

all_at_once() {
	local i before after jobs=()
	warm_up
	no_sanitizer_spoke
	before=$(host)
	for ((i = 1; i <= at_once; i++)); do
		if [ $((i % network)) = 0 ]; then
			(one_pod "at-once-$i" --net cni:soak; progress "pod $i of $at_once is through") &
		else
			(one_pod "at-once-$i"; progress "pod $i of $at_once is through") &
		fi
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do
		wait "$i" || fail "one of $at_once pods at once failed"
	done
	nothing_left
	no_sanitizer_spoke
	after=$(host)
	progress "$at_once at once: $before -> $after"
	did_not_grow "$before" "$after"
}

# "KIB DESCRIPTORS" of the process that a file of the sandbox's names.
size_of() {
	local pid
	pid=$(pid_in long "$1")
	echo "$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status")" \
		"$(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
}

one_lives_through_much() {
	local i shim vmm after
	timeout "$patience" "$kata" run --detach --name long --rootfs "$busybox" -- sleep 100000 >/dev/null
	for ((i = 1; i <= execs; i++)); do
		expect_equal "$(timeout "$patience" "$kata" exec long -- echo "$i")" "$i"
		timeout "$patience" "$kata" stats long >/dev/null
		if [ "$i" = $(((execs + 1) / 2)) ]; then
			shim=$(size_of shim.pid)
			vmm=$(size_of vmm.pid)
			progress "after $i execs: shim $shim, VMM $vmm (KiB, descriptors)"
		fi
	done
	after=$(size_of shim.pid)
	progress "after $execs execs: shim $after, VMM $(size_of vmm.pid)"
	# An allocator that keeps freed memory away from use for a while takes some at first.
	[ $((${after% *} - ${shim% *})) -le 3072 ] || fail "the shim's memory: $shim -> $after"
	[ "${after#* }" -le "${shim#* }" ] || fail "the shim's descriptors: $shim -> $after"
	after=$(size_of vmm.pid)
	[ "${after#* }" -le "${vmm#* }" ] || fail "the VMM's descriptors: $vmm -> $after"
	"$kata" delete --force long
	no_sanitizer_spoke
}

exec 3>&1
check "a pod that lives through $execs execs does not grow" one_lives_through_much
check "$at_once pods at once leave the host as it was" all_at_once
check "$pods pods one after another, with exec, stats, kill and network, leave the host as it was" \
	one_after_another
finish
