#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts the guest's files where the programs of a build look for them: BUILD/guest/vmlinux, bzImage and
# initramfs.img, and test root filesystems in BUILD/guest/rootfs/.
set -euo pipefail

if [ $# -ne 1 ] || [ "$1" = --help ]; then
	echo "Usage: guest.sh BUILD"
	exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
guest=$build/guest

mkdir -p "$guest/rootfs"
kernel=$("$root/guest-kernel-config/build.sh" | tail -n 1)
for file in vmlinux bzImage; do
	# A copy, not a link: the cache may be cleaned while the build stays.
	cmp -s "$(dirname "$kernel")/$file" "$guest/$file" ||
		cp "$(dirname "$kernel")/$file" "$guest/$file"
done
if [ ! -e "$guest/initramfs.img" ] || [ "$build/kata-like-agent" -nt "$guest/initramfs.img" ]; then
	# Without debug information: the guest unpacks every byte of it at each start.
	strip -o "$guest/agent" "$build/kata-like-agent"
	"$root/rootfs-builder/initramfs.sh" --agent "$guest/agent" -o "$guest/initramfs.img"
fi
if [ ! -d "$guest/rootfs/busybox" ]; then
	"$root/rootfs-builder/rootfs.sh" busybox "$guest/rootfs/busybox.new"
	mv "$guest/rootfs/busybox.new" "$guest/rootfs/busybox"
fi
