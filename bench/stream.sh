#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Standard streams: how fast bytes go into and out of a container.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

mib=${1:-100}
"$build/kata-like" run -d --name bench-stream --rootfs "$rootfs" -- sleep 1000 >/dev/null
rate() {
	awk -v ms="$1" -v mib="$mib" 'BEGIN { printf "%.1f", mib * 1000 / ms }'
}
into() {
	head -c "${mib}M" /dev/zero | "$build/kata-like" exec -i bench-stream -- sh -c 'cat >/dev/null'
}
out() {
	"$build/kata-like" exec bench-stream -- head -c "${mib}M" /dev/zero
}
start=$(date +%s%N)
into
row "stdin, host to container" "$(rate $((($(date +%s%N) - start) / 1000000)))" MiB/s
start=$(date +%s%N)
out >/dev/null
row "stdout, container to host" "$(rate $((($(date +%s%N) - start) / 1000000)))" MiB/s
"$build/kata-like" delete --force bench-stream >/dev/null
