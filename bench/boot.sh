#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a boot costs: guest instructions and exits from kernel entry to the agent being ready. Runs where
# the clock counts instructions (kvmhost run --icount).
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

trace=/sys/kernel/tracing
echo 0 >$trace/tracing_on
echo x86-tsc >$trace/trace_clock
echo 65536 >$trace/buffer_size_kb
for event in kvm_entry kvm_exit kvm_userspace_exit; do
	echo 1 >$trace/events/kvm/$event/enable
done
echo 1 >$trace/tracing_on
"$build/bench/boot-timer" "$build/kata-like-vmm" "$kernel" "$initrd" $memory "$cmdline" \
	$trace/trace_marker >/dev/null
echo 0 >$trace/tracing_on
"$root/bench/boot-instructions.py" <$trace/trace
