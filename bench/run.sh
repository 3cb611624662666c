#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every benchmark and prints one table. On a machine without KVM they run in the emulated host, where
# only counts and ratios mean something.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

export KATA_LIKE_BUILD=$build
kvmhost=$root/tests/kvmhost/kvmhost
echo "boot (in an emulated host whose clock counts instructions)"
"$kvmhost" run --icount --timeout 900 --env "KATA_LIKE_BUILD=$build" -- "$root/bench/boot.sh"
echo
echo "engine (in an emulated host whose clock counts instructions)"
"$kvmhost" run --icount --timeout 900 -- "$root/bench/engine-instructions.py" "$build" "$rootfs"
for part in start size stream containerd engine; do
	echo
	echo "$part"
	"$root/tests/kvmhost/with-kvm" env ${LKVM:+"LKVM=$LKVM"} "$root/bench/$part.sh"
done
echo
echo "net (in an emulated host whose clock counts instructions)"
"$kvmhost" run --icount --timeout 900 --env "KATA_LIKE_BUILD=$build" -- "$root/bench/net.sh" 1 1 100
