# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests with a program in the VMM's place share. They run on any machine that has a /dev/kvm
# to open, in a mount namespace of their own, as others mount and start things, too.
# Sourced with the arguments KATA_LIKE SHIM FAKE_VMM; gives $programs, $rootfs and what
# integration/lib.sh gives.

if [ -z "${KATA_LIKE_FAULTS_ALONE-}" ]; then
	KATA_LIKE_FAULTS_ALONE=1 exec unshare --mount "$0" "$@"
fi
programs=$(mktemp -d /tmp/kata-like-faults.XXXXXX)
cp "$1" "$programs/kata-like"
cp "$2" "$programs/containerd-shim-kata-like-v2"
cp "$3" "$programs/kata-like-vmm"
KATA_LIKE_BUILD=$programs
# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

our_processes() {
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$programs/*" 2>/dev/null | cut -d/ -f3
}
trap 'clean_up; rm -rf "$work" "$programs"' EXIT

[ -w /dev/kvm ] || {
	echo "SKIP: /dev/kvm cannot be opened, so run refuses before it reaches the shim"
	exit 77
}

rootfs=$work/rootfs
mkdir -p "$rootfs"
export KATA_LIKE_CONFIG=$work/config.ini KATA_LIKE_CACHE=$work/cache
printf '[vm]\nkernel = /dev/null\ninitrd = /dev/null\n' >"$KATA_LIKE_CONFIG"
