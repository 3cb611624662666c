#!/bin/bash
# Boots Linux in every way that the VMM offers, and looks from inside at what the guest got.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

boots()
{
	status 0 vm 60 "$@" --cmdline "$serial" && console 'guest: done' && log 'the guest shut down'
}

has_cpus()
{
	boots --kernel "$KATA_LIKE_KERNEL" --cpus "$1" && console "guest: cpus=$1\>"
}

# Some of the memory is the kernel's own.
has_memory()
{
	local mib
	status 0 vm 90 --kernel "$KATA_LIKE_KERNEL" --memory "$1" --cmdline "$serial $2" || return 1
	mib=$(sed -n 's/^guest: memory_mib=\([0-9]*\).*/\1/p' "$work/console")
	echo "	$1: the guest counts $mib MiB"
	[ "$mib" -ge "$3" ] && [ "$mib" -le "$4" ] && { [ -z "$2" ] || console 'memory ok'; }
}

has_disks()
{
	truncate -s 8M "$work/disk" "$work/disk-ro"
	echo 'first disk' | dd of="$work/disk" conv=notrunc status=none
	echo 'second disk' | dd of="$work/disk-ro" conv=notrunc status=none
	status 0 vm 60 --kernel "$KATA_LIKE_KERNEL" --disk "$work/disk,id=one" \
		--disk "$work/disk-ro,ro" --rng --cmdline "$serial test_disk=vda,vdb test_rng=1"
}

prove 'a vmlinux boots by PVH to its init and resets' boots --kernel "$KATA_LIKE_KERNEL"
prove 'a bzImage boots by the 64-bit protocol' boots --kernel "$bzimage"
prove 'kernel and initrd may be inherited descriptors' \
	boots --kernel fd:7 --initrd fd:8 7<"$KATA_LIKE_KERNEL" 8<"$initrd"
prove '2 CPUs come up' has_cpus 2
prove '4 CPUs come up' has_cpus 4
prove '64 MiB are enough' has_memory 64 test_memory=1 32 63
prove '128 MiB of memory are all there' has_memory 128M test_memory=1 90 127
prove '5 GiB are memory below and above the hole' has_memory 5G '' 4700 5119
prove 'disks, one of them read-only, and a source of random numbers are given' has_disks
prove 'the first disk is read from its start' console 'disk vda bytes=8388608 read_only=0 first=first disk'
prove 'what is written to it reads back' console 'disk vda reads back what was written'
prove 'what is written to it is in the file' grep -q 'written by guest' "$work/disk"
prove 'the second disk is read-only' console 'disk vdb bytes=8388608 read_only=1 first=second disk'
prove 'nothing was written to the second disk' eval "! grep -q 'written by guest' '$work/disk-ro'"
prove 'random numbers come from the host' console 'rng ok'

if [ -n "${KATA_LIKE_STOCK_KERNEL-}" ]; then
	prove "a distribution's kernel boots as it is" \
		boots --kernel "$KATA_LIKE_STOCK_KERNEL" --memory 256
fi

finish
