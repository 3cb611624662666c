#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A distribution's image, and each snapshotter: what containerd 1.6 has, and blockfile with containerd 2.
# Usage: images.sh [CASE…]   (distribution, native, devmapper, blockfile; all of them by default)
# shellcheck disable=SC2016,SC2154,SC2317 # the shell in the container expands; of lib.sh; called by name
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
debian_tar=${XDG_CACHE_HOME:-$HOME/.cache}/kata-like/debian-bookworm-minbase.tar
cri=io.kubernetes.cri
pool="kata-like-test"
data='' meta=''
# Nodes of devices are made by udevd, or, where there is none, by who makes a device.
pgrep -x systemd-udevd >/dev/null || export DM_DISABLE_UDEV=1

# A thin pool on loop devices.
make_pool() {
	command -v dmsetup >/dev/null && modprobe dm_thin_pool 2>/dev/null || return 1
	truncate -s 3G "$work/data"
	truncate -s 64M "$work/meta"
	data=$(losetup -f --show "$work/data") && meta=$(losetup -f --show "$work/meta") || return 1
	dmsetup create "$pool" --table \
		"0 $(blockdev --getsz "$data") thin-pool $meta $data 128 32768 1 skip_block_zeroing"
}

remove_pool() {
	local name
	stop_containerd -TERM
	for name in $(dmsetup ls 2>/dev/null | cut -f1 | grep "^$pool-") $pool; do
		dmsetup remove "$name" 2>/dev/null
	done
	losetup -d "$data" "$meta" 2>/dev/null
}

configure() {
	local more=
	[ -z "$data" ] || more="[plugins.\"io.containerd.snapshotter.v1.devmapper\"]
pool_name = \"$pool\"
root_path = \"$home/devmapper\"
base_image_size = \"256MB\"
fs_type = \"ext4\""
	if [ -n "${KATA_LIKE_CONTAINERD-}" ]; then
		truncate -s 64M "$work/scratch"
		mkfs.ext4 -q -F "$work/scratch"
		more+="
[plugins.\"io.containerd.snapshotter.v1.blockfile\"]
root_path = \"$home/blockfile\"
scratch_file = \"$work/scratch\"
fs_type = \"ext4\""
	fi
	stop_containerd -TERM
	write_config "$more"
	start_containerd
}

# Overrides: the snapshots' own devices stay with them.
mounts() {
	cut -d' ' -f5 /proc/self/mountinfo | grep -v "^$home/" | sort
}

image_of_a_distribution() {
	"$here/oci-image.py" "$debian_tar" docker.io/test/debian:12 "$work/debian.tar" bash
	ctr image import "$work/debian.tar" >/dev/null
	rm "$work/debian.tar"
	expect_status 5 timeout 100 ctr run --rm --runtime "$runtime" --env A=b docker.io/test/debian:12 box \
		bash -c '. /etc/os-release; echo "$ID $VERSION_ID $A"; apt --version
		perl -e "print 6 * 7, qq(\n)"; id -un; exit 5'
	expect_match out '^debian 12 b$'
	expect_match out '^apt 2'
	expect_match out '^42$'
	expect_match out '^root$'
	ctr image rm docker.io/test/debian:12 >/dev/null
}

mounted_snapshot() {
	expect_output "mine" run box --rm --snapshotter "$1" -- sh -c 'echo mine >/file; cat /file'
	expect_output "none" run box --rm --snapshotter "$1" -- sh -c '[ -e /file ] || echo none'
}

server_runs() {
	[ -e "$KATA_LIKE_STATE/default/pod/virtiofsd.pid" ]
}

guest_disks() {
	ctr task exec --exec-id "disks$1" pod sh -c 'ls /sys/block | grep -c ^vd'
}

# A pod with a disk of its own for each container, and no file server until somebody shares files.
disk_snapshots() {
	local as_member="--annotation $cri.container-type=container --annotation $cri.sandbox-id=pod"
	run pod -d --snapshotter "$1" --annotation "$cri.container-type=sandbox" \
		--annotation "$cri.sandbox-id=pod" -- sleep 1000
	! server_runs || fail "a file server runs for nothing"
	expect_equal "$(guest_disks 1)" 1
	# shellcheck disable=SC2086 # words
	expect_output "ext4 mine" run two --rm --snapshotter "$1" $as_member -- sh -c \
		'echo mine >/file; echo $(awk "\$2 == \"/\" { print \$3 }" /proc/mounts) $(cat /file)'
	expect_equal "$(guest_disks 2)" 1
	! server_runs || fail "a file server runs for nothing"
	echo shared >"$work/shared"
	# shellcheck disable=SC2086 # words
	expect_output shared run three --rm --snapshotter "$1" $as_member \
		--mount "type=bind,src=$work/shared,dst=/shared,options=rbind:ro" -- cat /shared
	server_runs || fail "no file server runs"
	ctr task kill -s KILL pod
	within 20 task_is pod STOPPED
	ctr task delete pod || :
	ctr container delete pod
}

native_snapshot() { mounted_snapshot native; }
devmapper_snapshots() { disk_snapshots devmapper; }
blockfile_snapshots() { disk_snapshots blockfile; }

distribution() {
	[ -e "$debian_tar" ] || {
		echo "# no Debian: rootfs-builder/rootfs.sh debian makes $debian_tar"
		return
	}
	check "a distribution's image runs" image_of_a_distribution
}

native() {
	check "a native snapshot is the container's own" native_snapshot
}

devmapper() {
	make_pool || {
		echo "# no devmapper: needs dmsetup and the kernel's thin pools"
		return
	}
	configure
	check "devmapper snapshots are disks, later members' too; shared files may follow" devmapper_snapshots
}

blockfile() {
	[ -n "${KATA_LIKE_CONTAINERD-}" ] || return 0
	configure
	check "blockfile snapshots are disks, later members' too; shared files may follow" blockfile_snapshots
}

[ $# -gt 0 ] || set -- distribution native devmapper blockfile
for cases; do
	"$cases"
done
remove_pool
finish
