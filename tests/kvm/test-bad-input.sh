#!/bin/bash
# What cannot run is refused: with status 1 (2 for wrong usage), and a message that says what, why and
# what to do.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

# refuses STATUS TEXT ARGUMENT…: the VMM says TEXT on stderr.
refuses()
{
	local want=$1 text=$2
	shift 2
	status "$want" timeout 20 "$vmm" "$@" 2>"$work/log" </dev/null || return 1
	sed 's/^/	/' "$work/log"
	log "$text"
}

kernel=(--kernel "$KATA_LIKE_KERNEL")
dd if="$KATA_LIKE_KERNEL" of="$work/short-vmlinux" bs=1M count=2 status=none
dd if="$bzimage" of="$work/short-bzimage" bs=1M count=1 status=none
head -c 600 "$bzimage" >"$work/header-only"
: >"$work/empty"
echo 'not a kernel' >"$work/text"
# The machine stands at byte 18 of an ELF file: 183 is aarch64.
cp "$KATA_LIKE_KERNEL" "$work/aarch64"
printf '\267\000' | dd of="$work/aarch64" bs=1 seek=18 conv=notrunc status=none
# The class stands at byte 4: 1 is 32 bits.
cp "$KATA_LIKE_KERNEL" "$work/elf32"
printf '\001' | dd of="$work/elf32" bs=1 seek=4 conv=notrunc status=none
truncate -s 200M "$work/large-initrd"

prove 'a missing kernel' refuses 1 'cannot open kernel /nonexistent: No such file' --kernel /nonexistent
prove 'no kernel at all' refuses 2 'no kernel is named'
prove 'a directory' refuses 1 'no regular file' --kernel /
prove 'an empty file' refuses 1 'an empty file' --kernel "$work/empty"
prove 'a text file' refuses 1 'neither an x86-64 vmlinux nor a bzImage' --kernel "$work/text"
prove 'a program instead of a kernel' refuses 1 'no PVH entry\|below 1 MiB' --kernel /bin/true
prove 'a kernel for aarch64' refuses 1 'built for aarch64' --kernel "$work/aarch64"
prove 'a 32-bit kernel' refuses 1 '32-bit' --kernel "$work/elf32"
prove 'a vmlinux cut short' refuses 1 'cut short' --kernel "$work/short-vmlinux"
prove 'a bzImage cut short' refuses 1 'cut short' --kernel "$work/short-bzimage"
prove 'a bzImage cut in its header' refuses 1 'cut short' --kernel "$work/header-only"
prove 'memory 0' refuses 2 'cannot run without memory' "${kernel[@]}" --memory 0
prove 'more memory than the host has' refuses 1 'this host has [0-9]* MiB' "${kernel[@]}" --memory 100000G
prove 'too little memory for the kernel' refuses 1 'give it more' "${kernel[@]}" --memory 16
prove 'memory that is no size' refuses 2 '--memory 1X' "${kernel[@]}" --memory 1X
prove 'no CPUs' refuses 2 '--cpus 0' "${kernel[@]}" --cpus 0
prove 'more CPUs than there can be' refuses 1 'can give a VM 1 to' "${kernel[@]}" --cpus 100000
prove 'a missing initrd' refuses 1 'cannot open initrd /nonexistent' "${kernel[@]}" --initrd /nonexistent
prove 'an empty initrd' refuses 1 'is empty' "${kernel[@]}" --initrd "$work/empty"
prove 'an initrd that does not fit' refuses 1 'does not fit' "${kernel[@]}" --memory 64 \
	--initrd "$work/large-initrd"
prove 'a missing disk' refuses 1 'cannot open disk /nonexistent' "${kernel[@]}" --disk /nonexistent
prove 'a disk with a wrong word' refuses 2 'neither ro nor id' "${kernel[@]}" --disk /dev/null,rw
prove 'a directory as disk' refuses 1 'disk 0' "${kernel[@]}" --disk /,ro
prove 'a command line that is too long' refuses 1 'shorten it' "${kernel[@]}" \
	--cmdline "$(printf '%3000s' x)"
prove 'a KVM device that is none' refuses 1 'not /dev/kvm' "${kernel[@]}" --kvm /dev/null
prove 'a descriptor that was not inherited' refuses 1 'should have been inherited' --kernel fd:99
prove 'an unknown option' refuses 2 'no option --nonsense' "${kernel[@]}" --nonsense

finish
