#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wall clock of a whole `run -- true`, exec to exit, beside what other monitors need to boot the same kernel
# to an init that only restarts the machine. The others run if they are installed: QEMU from the
# distribution, kvmtool as $LKVM.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

runs=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/rootfs-builder/initramfs.sh" --agent "$build/bench/bench-init" -o "$work/initrd" >/dev/null

"$build/kata-like" run --rm --rootfs "$rootfs" -- true # fills the cache of images
ours=$(median_ms "$runs" "$build/kata-like" run --rm --rootfs "$rootfs" -- true)
row "kata-like run --rm -- true, exec to exit" "$ours" ms
row "  of it: VMM exec to agent ready" \
	"$("$build/bench/boot-timer" "$build/kata-like-vmm" "$kernel" "$initrd" $memory "$cmdline" |
		awk '/ready_ns/ { printf "%d", $2 / 1e6 }')" ms
row "kata-like-vmm, the same kernel to an init that restarts" \
	"$(median_ms "$runs" "$build/kata-like-vmm" --kernel "$kernel" --initrd "$work/initrd" \
		--memory $memory --cmdline "$cmdline")" ms

if command -v qemu-system-x86_64 >/dev/null; then
	qemu=$(median_ms "$runs" qemu-system-x86_64 -enable-kvm -cpu host -M microvm,acpi=off,rtc=off \
		-m $memory -nodefaults -no-user-config -display none -no-reboot -kernel "$kernel" \
		-initrd "$work/initrd" -append "$cmdline reboot=t") &&
		row "QEMU microvm, the same kernel to an init that restarts" "$qemu" "ms ($(ratio "$ours" "$qemu"))"
fi
if [ -n "${LKVM-}" ]; then
	# It takes a bzImage. A run that takes a minute counts as failed.
	lkvm=$(median_ms "$runs" timeout 60 "$LKVM" run -k "${kernel%/*}/bzImage" -i "$work/initrd" -m 128 -c 1 --network mode=none \
		-p "$cmdline reboot=k") &&
		row "kvmtool, the same kernel to an init that restarts" "$lkvm" "ms ($(ratio "$ours" "$lkvm"))"
fi
