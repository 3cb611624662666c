#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Much output into a reader that takes none of it for a while: nobody's memory grows, others go on, and in
# the end every byte is there. $KATA_LIKE_STREAM_MB megabytes (1024).
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

megabytes=${KATA_LIKE_STREAM_MB:-1024}
stall_s=10
slack_kib=1024
# The guest's processes that look at memory use its free pages in turn, which are the host's from then on.
guest_slack_kib=8192
others_megabytes=4
keeps_container=yes
line=$(seq 1 1009 | tr '\n' ' ')

# much MEGABYTES
much() {
	yes "$line" | head -c $(($1 << 20))
}

# Memory of its own, in KiB: the agent's, which the pod's first container sees, having no pid namespace of its
# own; the shim's; the VMM's, and what the guest has written to, which is in the mappings that stand side by side
# for 64 MiB and more.
agent_memory() {
	"$kata" exec pod -- awk '/^RssAnon/ { print $2 }' /proc/1/status
}

shim_memory() {
	awk '/^RssAnon/ { print $2 }' "/proc/$1/status"
}

vmm_memory() {
	awk '
		function ends() { kib[size >= 65536] += anonymous; size = anonymous = 0 }
		/^[0-9a-f]+-[0-9a-f]+ / {
			split($1, at, "-")
			if (at[1] != end) ends()
			end = at[2]
		}
		/^Size:/ { size += $2 }
		/^Anonymous:/ { anonymous += $2 }
		END { ends(); print kib[0] + 0, kib[1] + 0 }' "/proc/$1/smaps"
}

# sample SHIM VMM: a line of all four.
sample() {
	echo "$(agent_memory) $(shim_memory "$1") $(vmm_memory "$2")" >>"$work/samples"
}

pid_of() {
	local file
	for file in /proc/[0-9]*/comm; do
		[ "$(cat "$file" 2>/dev/null)" = "$1" ] || continue
		file=${file#/proc/}
		grep -qa "${2-}" "/proc/${file%/comm}/cmdline" && echo "${file%/comm}" && return
	done
}

a_pod_stands() {
	bundle pod "
		process['args'] = ['sleep', '100000']
		linux['namespaces'] = [n for n in linux['namespaces'] if n['type'] != 'pid']"
	expect_output pod "$kata" run --detach --name pod --bundle "$work/pod"
	"$kata" exec pod -- true
}

# In front of the pipe stands a reader that sleeps, looks at memory, lets another process of the pod write
# all it wants, and only then reads. Memory is looked at until the end.
nothing_grows_and_nothing_is_lost() {
	local vmm shim
	vmm=$(pid_of kata-like-vmm)
	shim=$(pid_of containerd-shim)
	sample "$shim" "$vmm"
	"$kata" run --rm --pod pod --name writer --rootfs "$busybox" -- \
		sh -c "yes '$line' | head -c $((megabytes << 20))" | {
		sleep "$stall_s"
		sample "$shim" "$vmm"
		"$kata" exec pod -- sh -c "yes '$line' | head -c $((others_megabytes << 20))" |
			cmp - <(much "$others_megabytes") && echo same >"$work/others"
		cmp - <(much "$megabytes") && echo same >"$work/compared"
	} &
	while [ -e "/proc/$!" ]; do
		sleep 3
		sample "$shim" "$vmm"
	done
	expect_equal "$(cat "$work/others")" same
	expect_equal "$(cat "$work/compared")" same
	awk '
		NR == 1 { split($0, first) }
		{ for (i = 1; i <= 4; i++) if ($i > most[i]) most[i] = $i }
		END { for (i = 1; i <= 4; i++) print first[i], most[i] }' "$work/samples" |
		paste -d' ' <(printf '%s\n' agent shim VMM guest) - >"$work/memory"
	awk -v slack="$slack_kib" -v guest_slack="$guest_slack_kib" '
		!$3 || $3 - $2 > ($1 == "guest" ? guest_slack : slack) { exit 1 }' "$work/memory" ||
		fail "it grew: $(cat "$work/memory")"
}

all_goes() {
	expect_status 0 "$kata" delete --force pod
	nothing_left
}

check "a pod stands" a_pod_stands
check "$megabytes MB into a slow reader fill nobody's memory, stop nobody, and come out unchanged" \
	nothing_grows_and_nothing_is_lost
sed 's/^/# KiB of its own, before and at most: /' "$work/memory"
keeps_container=
check "all of it goes" all_goes
finish
