# shellcheck shell=bash
# What the benchmarks share: where things are, and the guest's command line as the shim gives it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${KATA_LIKE_BUILD:-$root/build}
# shellcheck disable=SC2034 # used by those who source this
{
	kernel=$build/guest/vmlinux
	initrd=$build/guest/initramfs.img
	memory=128M
	rootfs=$build/guest/rootfs/busybox
	cmdline="quiet panic=-1 pci=lastbus=0 tsc=reliable rcupdate.rcu_expedited=1 cryptomgr.notests"
}

# Milliseconds that a command takes, the median of $1 runs; its output is dropped.
median_ms() {
	local runs=$1 start i
	shift
	for ((i = 0; i < runs; i++)); do
		start=$(date +%s%N)
		"$@" >/dev/null 2>&1 </dev/null || return 1
		echo $((($(date +%s%N) - start) / 1000000))
	done | sort -n | sed -n "$(((runs + 1) / 2))p"
}

row() {
	printf '%-58s %12s %s\n' "$1" "$2" "${3-}"
}

# "ours is N times theirs"
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "ours / theirs = %.2f", a / b }'
}
