#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files of the host in numbers, and on a disk that fails.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

files=${KATA_LIKE_TEST_FILES:-100000}
disk="kata-like-failing"
keeps_container=1
# Nodes of devices are made by udevd, or, where there is none, by who makes a device.
pgrep -x systemd-udevd >/dev/null || export DM_DISABLE_UDEV=1
modprobe -q loop
modprobe -q dm_mod

end_suite() {
	clean_up
	umount "$work/volume" "$work/failing" 2>/dev/null
	dmsetup remove "$disk" 2>/dev/null
	[ -z "${loop-}" ] || losetup -d "$loop"
	rm -rf "$work"
}
trap end_suite EXIT

mkdir -p "$work/volume" "$work/failing"
truncate -s 1G "$work/ext4"
mkfs.ext4 -q -F -N $((files + 1000)) "$work/ext4"
mount -o loop "$work/ext4" "$work/volume"

# One whose second half can be made to fail.
make_disk() {
	command -v dmsetup >/dev/null || return 1
	truncate -s 32M "$work/image"
	mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0 "$work/image"
	loop=$(losetup -f --show "$work/image") &&
		dmsetup create "$disk" --table "0 65536 linear $loop 0" &&
		mount "/dev/mapper/$disk" "$work/failing" || return 1
	head -c 20000000 /dev/urandom >"$work/failing/large"
	echo small >"$work/failing/small"
	sync
}

its_second_half_fails() {
	dmsetup suspend "$disk"
	dmsetup reload "$disk" --table "0 32768 linear $loop 0
32768 32768 error"
	dmsetup resume "$disk"
	echo 3 >/proc/sys/vm/drop_caches
}

a_pod_shares_folders() {
	expect_status 0 "$kata" run -d --name web --memory 512M --rootfs "$busybox" \
		--mount "type=bind,src=$work/volume,dst=/data" \
		--mount "type=bind,src=$work/failing,dst=/failing" -- sleep 100000
}

# The file server keeps a descriptor for each that the guest knows.
many_files_are_seen_and_removed() {
	local i
	mkdir "$work/volume/many"
	for ((i = 0; i < files; i++)); do : >"$work/volume/many/$i"; done
	expect_output "$files" "$kata" exec web -- sh -c 'find /data/many -type f -size 0 | wc -l'
	expect_output "$files" "$kata" exec web -- sh -c 'ls -l /data/many | grep -c ^-rw'
	expect_status 0 "$kata" exec web -- rm -r /data/many
	[ ! -e "$work/volume/many" ] || fail "it is still there on the host"
}

many_files_are_made() {
	expect_output "$files" "$kata" exec web -- sh -c "mkdir /data/made; cd /data/made
		i=0; while [ \$i -lt $files ]; do : >\$i; i=\$((i + 1)); done; ls | wc -l"
	expect_equal "$(find "$work/volume/made" -type f | wc -l)" "$files"
}

an_error_of_the_hosts_disk_is_the_guests() {
	its_second_half_fails
	expect_status 1 "$kata" exec web -- sh -c 'cat /failing/large >/dev/null'
	expect_match err 'cat: read error: I/O error|Input/output error'
	expect_status 1 "$kata" exec web -- dd if=/failing/large of=/dev/null bs=1M skip=18
	expect_match err 'I/O error|Input/output error'
	expect_status 1 cat "$work/failing/large"
	expect_match err 'Input/output error'
	expect_output alive "$kata" exec web -- sh -c ': >/data/file; echo alive'
}

make_disk || echo "# no device mapper: needs dmsetup and the kernel's"
check "a pod shares two file systems" a_pod_shares_folders
[ -z "${loop-}" ] ||
	check "an error of the host's disk comes to the guest as that error, and nothing else ends" \
		an_error_of_the_hosts_disk_is_the_guests
check "$files files are seen, and removed" many_files_are_seen_and_removed
check "$files files are made" many_files_are_made
keeps_container=
"$kata" delete --force web
check "nothing is left" nothing_left
finish
