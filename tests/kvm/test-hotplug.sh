#!/bin/bash
# Disks come to a running VM and go again, and nothing of them is left.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

times=20
initrd=$work/initrd-hotplug
cp "$KATA_LIKE_BUILD/tests/kvm/guest-init-hotplug" "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc --quiet) >"$initrd"
truncate -s 1M "$work/disk" "$work/number"

# controlled CMDLINE WORDS: a VM whose controlling process does what the function WORDS prints, until
# that has enough or something it waits for does not come. The answers go to $work/answers.
controlled()
{
	rm -f "$work/console" "$work/log"
	: >"$work/answers"
	echo 0 | dd of="$work/number" conv=notrunc status=none
	{
		"$2"
		echo stop
		echo wait
	} | "$client" "$vmm" --console "$work/console" --log "$work/log" --log-level debug \
		--initrd "$initrd" --kernel "$KATA_LIKE_KERNEL" --disk "$work/number" --rng \
		--cmdline "$serial $1" >>"$work/answers"
	answers '^exit 0$' && return
	sed 's/^/	answers: /' "$work/answers"
	return 1
}

answers()
{
	grep -q -- "$1" "$work/answers"
}

count_is()
{
	[ "$(grep -c -- "$1" "$2")" = "$3" ]
}

# The n-th answer to add-disk.
address()
{
	sed -n 's/^ok add-disk //p' "$work/answers" | sed -n "$1p"
}

# Has the guest look for new devices, for the n-th time.
look()
{
	echo "$1" | dd of="$work/number" conv=notrunc status=none
}

come_and_go()
{
	until_true 60 console 'guest: ready' || return
	echo fds
	for ((i = 1; i <= times; i++)); do
		echo "content $i" | dd of="$work/disk" conv=notrunc status=none
		echo "add-disk $work/disk serial$i"
		until_true 15 count_is '^ok add-disk' "$work/answers" "$i" || return
		look "$i"
		until_true 15 console "guest: disk serial$i first=content $i" || return
		until_true 15 count_is '^guest: removed .*: ok' "$work/console" "$i" || return
		echo "remove $(address "$i")"
		until_true 15 count_is '^ok remove$' "$work/answers" "$i" || return
	done
	echo fds
}

comes_and_goes()
{
	controlled '' come_and_go && count_is '^ok remove$' "$work/answers" "$times" &&
		! answers '^failed' && return
	sed 's/^/	answers: /' "$work/answers"
	return 1
}

same_fds()
{
	local first last
	first=$(sed -n 's/^fds //p' "$work/answers" | head -1)
	last=$(sed -n 's/^fds //p' "$work/answers" | tail -1)
	echo "	descriptors: $first before, $last after"
	count_is '^fds ' "$work/answers" 2 && [ "$first" = "$last" ]
}

same_slot()
{
	count_is '^ok add-disk 0000:00:02.0$' "$work/answers" "$times"
}

hold_on()
{
	until_true 60 console 'guest: ready' || return
	echo "add-disk $work/disk kept"
	until_true 15 answers '^ok add-disk' || return
	look 1
	until_true 15 console 'guest: disk kept' || return
	echo "remove $(address 1)"
	echo 'remove 0000:00:00.0'
	echo 'add-disk-unsent lost'
	until_true 15 answers 'token 2' || return
	echo "force-remove $(address 1)"
	until_true 15 answers '^ok remove$' || return
	echo 'state'
}

needs_consent()
{
	controlled test_keep=1 hold_on &&
		answers 'failed remove: the guest still uses the device at 0000:00:0[0-9a-f].0'
}

prove "a guest finds a disk, reads it and lets it go, $times times" comes_and_goes
prove 'each gets the slot of the one before' same_slot
prove 'no descriptor of the VMM is left open' same_fds
prove 'a disk is not taken from a driver' needs_consent
prove 'unless by force' answers '^ok remove$'
prove 'a device that was there from the start stays' \
	answers 'failed remove: no device was added at PCI address "0000:00:00.0"'
prove 'a token that was not sent is refused' answers 'failed add-disk: no descriptor waits under token 2'
prove 'the VM goes on after that' answers '^state paused=0'

finish
