#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a pod weighs: resident memory of each program on the host, beside the guest's own memory, and the
# sizes of what is booted.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

row "VMM resident beside guest memory" \
	"$("$build/bench/boot-timer" "$build/kata-like-vmm" "$kernel" "$initrd" $memory "$cmdline" |
		awk '/vmm_rss_kib/ { print $2 }')" KiB
state=${KATA_LIKE_STATE:-/run/kata-like}/default/bench-size

# What belongs to this VM alone, guest memory and all; what it maps of its template is its siblings', too.
own_kib() {
	read -r vmm _ <"$state/vmm.pid"
	awk '/^Private/ { sum += $2 } END { print sum }' "/proc/$vmm/smaps_rollup"
}

idle=("$build/kata-like" run -d --name bench-size --rootfs "$rootfs" -- sleep 1000)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${idle[@]}" >/dev/null # leaves the template
"$build/kata-like" delete --force bench-size >/dev/null
"${idle[@]}" >/dev/null
read -r shim _ <"$state/shim.pid"
row "shim resident" "$(awk '/VmRSS/ { print $2 }' "/proc/$shim/status")" KiB
row "VM with an idle container, its own memory" "$(own_kib)" KiB
"$build/kata-like" delete --force bench-size >/dev/null
printf '[vm]\ntemplate = false\n' >"$work/boot.ini"
KATA_LIKE_CONFIG=$work/boot.ini "${idle[@]}" >/dev/null
row "the same, of a VM that booted" "$(own_kib)" KiB
"$build/kata-like" delete --force bench-size >/dev/null
strip -o /tmp/agent.$$ "$build/kata-like-agent"
row "agent binary, stripped" "$(($(stat -c %s /tmp/agent.$$) / 1024))" KiB
rm -f /tmp/agent.$$
row "initramfs" "$(($(stat -c %s "$initrd") / 1024))" KiB
row "guest kernel (vmlinux)" "$(($(stat -c %s "$kernel") / 1024))" KiB
