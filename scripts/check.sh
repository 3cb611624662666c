#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test suite: unit tests and fuzz corpora under sanitizers, the rest with the programs as they
# are installed. Ends with one line that counts all of them.
# Usage: check.sh BUILD SANITIZED_BUILD
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
sanitized=$2
status=0

meson compile -C "$sanitized" || exit 1
"$root/tests/kvmhost/kvmhost" prepare || exit 1
for kind in debian systemd; do
	tree=$build/guest/rootfs/$kind
	[ ! -d "$tree" ] || continue
	rm -rf "$tree.new"
	"$root/rootfs-builder/rootfs.sh" $kind "$tree.new" || exit 1
	"$root/rootfs-builder/image.sh" --type erofs "$tree.new" -o "$tree.erofs" || exit 1
	mv "$tree.new" "$tree"
done
meson test -C "$sanitized" --no-rebuild --print-errorlogs --suite unit --suite fuzz-corpus || status=1
# As many at a time as there are processors: an emulated host has one.
meson test -C "$build" --no-rebuild --print-errorlogs \
	--suite lint --suite kvm --suite integration --suite conformance --suite containerd || status=1
"$root/scripts/summary.py" "$sanitized/meson-logs/testlog.json" "$build/meson-logs/testlog.json" ||
	status=1
exit $status
