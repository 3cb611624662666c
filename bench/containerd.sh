#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Under containerd, beside runc in the same run: a whole `ctr run --rm`, the size of what stays while a
# container runs, its output, and what many containers one after another leave.
# Usage: containerd.sh [RUNS [MIB [CONTAINERS]]]; needs root and KVM (tests/kvmhost/with-kvm).
# shellcheck disable=SC2154 # of lib.sh
. "$(dirname "$0")/lib.sh"
: "${KATA_LIKE_BUILD:=$build}"
export KATA_LIKE_BUILD
# shellcheck source=tests/integration/containerd/lib.sh
. "$root/tests/integration/containerd/lib.sh"
set -euo pipefail

runs=${1:-5}
mib=${2:-100}
containers=${3:-50}
n=0

once() {
	n=$((n + 1))
	ctr run --rm --runtime "$1" "$image" "bench-$n" /bin/true
}

start_up() {
	local ours theirs
	once $runtime >/dev/null # the image of the root filesystem, where one is made
	once io.containerd.runc.v2 >/dev/null
	ours=$(median_ms "$runs" once $runtime)
	theirs=$(median_ms "$runs" once io.containerd.runc.v2)
	row "ctr run --rm … /bin/true" "$ours" "ms"
	row "the same with runc" "$theirs" "ms, $(ratio "$ours" "$theirs") (goal 3)"
}

resident() {
	awk '/VmRSS/ { print $2 }' "/proc/$1/status"
}

# Milliseconds until the container $1 has written it all.
written() {
	local start
	start=$(date +%s%N)
	ctr task exec --exec-id "out-$1" "$1" head -c $((mib << 20)) /dev/zero >/dev/null
	echo $((($(date +%s%N) - start) / 1000000))
}

while_it_runs() {
	local pid ours theirs
	ctr run -d --runtime $runtime "$image" ours sleep 1000
	ctr run -d --runtime io.containerd.runc.v2 "$image" theirs sleep 1000
	pid=$(pid_in ours shim.pid)
	row "shim, resident" "$(resident "$pid")" "KiB (goal 4096)"
	row "the process that stands for the task, resident" \
		"$(resident "$(ctr task ls | awk '$1 == "ours" { print $2 }')")" KiB
	row "runc's shim, resident" "$(resident "$(pgrep -f 'containerd-shim-runc-v2.* -id theirs')")" KiB
	ours=$(written ours)
	theirs=$(written theirs)
	row "$mib MiB of output through a FIFO" "$ours" ms
	row "the same with runc" "$theirs" "ms, $(ratio "$ours" "$theirs") (goal 2)"
	for task in ours theirs; do
		ctr task kill -s KILL $task
		within 20 task_is $task STOPPED
		ctr task delete $task 2>/dev/null || :
		ctr container delete $task
	done
}

# What could be left: one number a line, with its name.
inventory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo "memory_in_use_MiB $(awk '/MemTotal/ { t = $2 } /MemAvailable/ { a = $2 } END { print int((t - a) / 1024) }' /proc/meminfo)"
	echo "containerd's_descriptors $(find "/proc/$(cat "$home/pid")/fd" -mindepth 1 2>/dev/null | wc -l)"
	echo "mounts $(wc -l </proc/self/mountinfo)"
	echo "processes $(our_processes | wc -l)"
	echo "cgroups $(find /sys/fs/cgroup -type d | wc -l)"
	echo "network_namespaces $(find /proc/[0-9]*/ns/net -printf '%l\n' 2>/dev/null | sort -u | wc -l)"
	echo "files $(find "$KATA_LIKE_STATE" /run/containerd "$home/state" 2>/dev/null | wc -l)"
}

many() {
	local i name before after
	once $runtime >/dev/null
	inventory >"$work/before"
	for ((i = 0; i < containers; i++)); do
		once $runtime >/dev/null
	done
	sleep 1
	inventory >"$work/after"
	while read -r name before after; do
		row "$containers containers later: ${name//_/ }" "$after" "before: $before"
	done < <(join "$work/before" "$work/after")
}

start_up
while_it_runs
[ "$containers" = 0 ] || many
