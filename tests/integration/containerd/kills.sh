#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # of lib.sh
# Each of a pod's programs is killed at each step of a task's life.
# Usage: kills.sh VICTIM [STEP…]   (shim, vmm, virtiofsd or agent)
. "$(dirname "$0")/lib.sh"

/usr/bin/python3 -c 'import grpc' 2>/dev/null || {
	echo "SKIP: needs python3-grpcio"
	exit 77
}
# Somewhere to be shared from, and to be written to.
cp -a "$busybox" "$work/rootfs"
/usr/bin/python3 "$(dirname "$0")/kills.py" "$home" "$image" "$work/rootfs" "$@"
