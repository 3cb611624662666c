#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a container in a virtual machine and shows that the kernel in it is not the host's. Where this
# machine cannot run virtual machines, it does so in the emulated KVM host, and says why.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=${KATA_LIKE_BUILD:-$root/build}

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

if [ "${1-}" != --here ]; then
	say "Can this machine run virtual machines? (kata-like check)"
	if "$build/kata-like" check && [ "$(id -u)" = 0 ]; then
		exec "$0" --here
	fi
	say "Not directly: going on in an emulated KVM host, a Debian kernel under QEMU's interpreter."
	echo "(Everything below is real, and some thirty times slower than with KVM.)"
	exec "$root/tests/kvmhost/kvmhost" run --timeout 300 --env "KATA_LIKE_BUILD=$build" -- "$0" --here
fi

say "kata-like run --rm --rootfs busybox -- sh -c 'cat /proc/version; …'"
# shellcheck disable=SC2016 # expanded by the container's shell
"$build/kata-like" run --rm --rootfs "$build/guest/rootfs/busybox" -- sh -c '
	echo "container: kernel $(uname -r), $(nproc) CPU, $(grep MemTotal /proc/meminfo | tr -s " ")"
	echo "container: processes: $(ls -d /proc/[0-9]* | wc -l), I am $(id -un) and pid $$"
	echo hello from inside the virtual machine'
echo "host:      kernel $(uname -r)"
