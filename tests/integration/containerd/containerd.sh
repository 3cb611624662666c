#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kata-like under a real containerd, driven by ctr: one containerd for all cases.
# Usage: containerd.sh [FILE…]   (run.sh, detached.sh…; all of them by default)
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- run.sh detached.sh pods.sh restart.sh deaths.sh
for cases; do
	# shellcheck source=/dev/null
	. "$(dirname "$0")/$cases"
done
finish
