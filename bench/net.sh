#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest's network through a tap: TCP to and from the guest, round trips, and how often the vCPU left the
# guest meanwhile. Beside it what others need for the same guest, if they are installed: QEMU from the
# distribution (virtio-net, no vhost), kvmtool as $LKVM.
set -euo pipefail
# A network namespace of its own, so that taps and addresses go with it.
[ -n "${BENCH_NET_NAMESPACE-}" ] || BENCH_NET_NAMESPACE=1 exec unshare --net "$0" "$@"
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

mib=${1:-8} rounds=${2:-3} trips=${3:-300}
load=$build/tests/kvm/net-load
with_tap=$build/tests/kvm/with-tap
mac=02:00:00:00:00:05
guest=10.7.0.2
exits=/sys/kernel/debug/kvm/exits
work=$(mktemp -d)
vm=
stop() {
	[ -z "$vm" ] || kill "$vm" 2>/dev/null || true
	[ -z "$vm" ] || wait "$vm" 2>/dev/null || true
	vm=
}
trap 'stop; rm -rf "$work"' EXIT
mkdir "$work/root"
cp "$build/tests/kvm/guest-init-net" "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc --quiet) >"$work/initrd"
words="quiet panic=-1 tsc=reliable no_timer_check test_ip=$guest"

# The machines. Each runs in the background and is ended by a signal.
ours() {
	exec "$with_tap" tap0 1 10 "$build/kata-like-vmm" --no-jail --kernel "$kernel" --initrd "$work/initrd" \
		--memory 256 --net fd:10,mac=$mac --cmdline "$words"
}
qemu() {
	exec "$with_tap" tap0 1 10 qemu-system-x86_64 -enable-kvm -cpu host -M pc,acpi=off -m 256 -nodefaults \
		-no-user-config -display none -no-reboot -kernel "$kernel" -initrd "$work/initrd" \
		-netdev tap,id=net,fd=10,vhost=off -device virtio-net-pci,netdev=net,mac=$mac,romfile= \
		-append "$words pci=conf1"
}
kvmtool() {
	exec "$LKVM" run -k "$(dirname "$kernel")/bzImage" -i "$work/initrd" -m 256 -c 1 \
		--network mode=tap,tapif=tap0,guest_mac=$mac -p "$words" </dev/null
}

make_tap() {
	ip tuntap add dev tap0 mode tap vnet_hdr
	ip address add 10.7.0.1/24 dev tap0
	ip link set tap0 up
	# Nothing else may move frames.
	sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1 2>/dev/null || true
}

frames() {
	ip -s link show tap0 | awk '/RX:|TX:/ { getline; n += $2 } END { print n }'
}

# figure NAME WORD ARGUMENT...: the load program's figure after WORD, the median, and exits a frame.
figure() {
	local name=$1 word=$2 i before_exits before_frames
	shift 2
	"$load" "$@" >/dev/null
	before_exits=$(cat $exits) before_frames=$(frames)
	for ((i = 0; i < rounds; i++)); do
		"$load" "$@" | awk -v word="$word" '$1 == word { print $2 }'
	done | sort -n | sed -n "$(((rounds + 1) / 2))p" >"$work/figure"
	echo "$(cat "$work/figure")" \
		"$(awk -v e=$(($(cat $exits) - before_exits)) -v f=$(($(frames) - before_frames)) \
			'BEGIN { printf "%.2f", e / (f ? f : 1) }')" >"$work/$machine.$name"
	echo "$machine $name: $(cat "$work/$machine.$name")" >&2
}

measure() {
	machine=$1
	make_tap
	"$machine" >"$work/$machine.log" 2>&1 &
	vm=$!
	for ((i = 0; i < 300; i++)); do
		! "$load" ping $guest 0 0 >/dev/null 2>&1 || break
		kill -0 $vm 2>/dev/null || break
		sleep 0.2
	done
	if ! "$load" ping $guest 0 0 >/dev/null; then
		echo "$machine: the guest does not answer" >&2
		tail -n 5 "$work/$machine.log" >&2
		stop
		ip link del tap0
		return
	fi
	sleep 1
	figure send MBIT_S send $guest $((mib << 20)) 65536
	figure receive MBIT_S receive $guest $((mib << 20)) 65536
	figure rr PER_S rr $guest "$trips" 1
	# Without larger segments each frame is one of 1,500 bytes.
	ip link set tap0 gso_max_segs 1
	figure send-1500 MBIT_S send $guest $(((mib << 20) / 4)) 65536
	"$load" ask $guest s 0 >/dev/null
	figure receive-1500 MBIT_S receive $guest $(((mib << 20) / 4)) 65536
	stop
	ip link del tap0
	machines+=("$machine")
}

machines=()
measure ours
! command -v qemu-system-x86_64 >/dev/null || measure qemu
[ -z "${LKVM-}" ] || measure kvmtool

print() {
	local figure=$1 what=$2 unit=$3 machine ours value exits
	read -r ours _ <"$work/ours.$figure"
	for machine in "${machines[@]}"; do
		read -r value exits <"$work/$machine.$figure"
		row "$what, $machine" "$value" "$unit, $exits exits a frame$([ "$machine" = ours ] ||
			echo ", $(ratio "$ours" "$value")")"
	done
}
print send "TCP to the guest, frames up to 64 KiB" Mbit/s
print receive "TCP from the guest, frames up to 64 KiB" Mbit/s
print send-1500 "TCP to the guest, frames of 1,500 bytes" Mbit/s
print receive-1500 "TCP from the guest, frames of 1,500 bytes" Mbit/s
print rr "TCP round trips of one byte" /s
