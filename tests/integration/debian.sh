#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Debian root filesystem: its own files, apt, and a Perl script.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

if [ ! -x "$debian/usr/bin/perl" ]; then
	echo "SKIP: no Debian root filesystem in $debian (rootfs-builder/rootfs.sh makes one)"
	exit 77
fi

# As an image where there is one: an emulated host takes minutes to read the folder.
root=$debian
[ ! -e "$debian.erofs" ] || root=$debian.erofs

it_is_debian() {
	expect_status 0 "$kata" run --rm --memory 512M --rootfs "$root" -- cat /etc/os-release
	cmp "$work/out" "$debian/etc/os-release"
}

apt_and_perl_run() {
	expect_status 0 "$kata" run --rm --memory 512M --rootfs "$root" -- sh -c '
		apt --version && perl -e '\''
			my %n; $n{$_ % 7}++ for 1 .. 1000;
			print join(",", map { "$_=$n{$_}" } sort keys %n), "\n"'\'
	expect_match out '^apt [0-9]'
	expect_match out '^0=142,1=143,2=143,3=143,4=143,5=143,6=143$'
}

users_and_files_work() {
	expect_output "$(printf 'www-data\nhello')" "$kata" run --rm --memory 512M \
		--rootfs "$root" --user 33:33 -- bash -c '
		id -un; echo hello >/tmp/x && cat /tmp/x'
}

check "cat /etc/os-release prints the image's file" it_is_debian
check "apt --version and a Perl script run" apt_and_perl_run
check "a user of the image is known by name, and its files can be written" users_and_files_work
finish
