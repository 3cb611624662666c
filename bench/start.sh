#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wall clock of a whole `run -- true`, exec to exit, beside what other monitors need to boot the same kernel
# to an init that only restarts the machine. The others run if they are installed: QEMU from the
# distribution, kvmtool as $LKVM. Once the VM starts from its template, as it does by default, and once it
# boots.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

runs=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/rootfs-builder/initramfs.sh" --agent "$build/bench/bench-init" -o "$work/initrd" >/dev/null

# In the emulated host each look at a file is a request to the machine below.
export KATA_LIKE_CACHE=$work/cache
cp -a "$rootfs" "$work/rootfs"
printf '[vm]\ntemplate = false\n' >"$work/boot.ini"
run=("$build/kata-like" run --rm --rootfs "$work/rootfs" -- true)

"${run[@]}" # fills the caches of images and templates
ours=$(median_ms "$runs" "${run[@]}")
row "kata-like run --rm -- true, exec to exit" "$ours" ms
booting=$(median_ms "$runs" env KATA_LIKE_CONFIG="$work/boot.ini" "${run[@]}")
row "the same without a template" "$booting" ms
row "  of it: VMM exec to agent ready" \
	"$("$build/bench/boot-timer" "$build/kata-like-vmm" "$kernel" "$initrd" $memory "$cmdline" |
		awk '/ready_ns/ { printf "%d", $2 / 1e6 }')" ms
vmm=("$build/kata-like-vmm" --kernel "$kernel" --initrd "$work/initrd" --memory "$memory" --cmdline "$cmdline")
jailed=$(median_ms "$runs" "${vmm[@]}")
row "kata-like-vmm, the same kernel to an init that restarts" "$jailed" ms
unjailed=$(median_ms "$runs" "${vmm[@]}" --no-jail)
row "  without its jail" "$unjailed" "ms ($(awk -v a="$jailed" -v b="$unjailed" 'BEGIN { printf "with / without = %.2f", a / b }'))"

if command -v qemu-system-x86_64 >/dev/null; then
	qemu=$(median_ms "$runs" qemu-system-x86_64 -enable-kvm -cpu host -M microvm,acpi=off,rtc=off \
		-m $memory -nodefaults -no-user-config -display none -no-reboot -kernel "$kernel" \
		-initrd "$work/initrd" -append "$cmdline reboot=t") &&
		row "QEMU microvm, the same kernel to an init that restarts" "$qemu" "ms ($(ratio "$ours" "$qemu"); booting $(ratio "$booting" "$qemu"))"
fi
if [ -n "${LKVM-}" ]; then
	# It takes a bzImage. A run that takes a minute counts as failed.
	lkvm=$(median_ms "$runs" timeout 60 "$LKVM" run -k "${kernel%/*}/bzImage" -i "$work/initrd" -m 128 -c 1 --network mode=none \
		-p "$cmdline reboot=k") &&
		row "kvmtool, the same kernel to an init that restarts" "$lkvm" "ms ($(ratio "$ours" "$lkvm"); booting $(ratio "$booting" "$lkvm"))"
fi
