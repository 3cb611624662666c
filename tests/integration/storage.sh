#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files of the host in a pod: shared folders, disks that come and go, and what fails on the host.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

# A file system with all that programs may ask for, and one that is soon full.
mkdir "$work/disk" "$work/volume"
mount -t tmpfs -o size=48m tmpfs "$work/disk"
truncate -s 256M "$work/ext4"
mkfs.ext4 -q -F "$work/ext4"
modprobe -q loop
mount -o loop "$work/ext4" "$work/volume"
trap 'clean_up; umount "$work/disk" "$work/volume"; rm -rf "$work"' EXIT
data=$work/volume/data
files=${KATA_LIKE_TEST_FILES:-2000}
pod_dir=$KATA_LIKE_STATE/default/web
mkdir -p "$data/many" "$work/other/bin" "$work/other/proc"
cp "$busybox/bin/busybox" "$work/other/bin/"
for name in sh cat ls dd sync true; do ln -s busybox "$work/other/bin/$name"; done
echo other >"$work/other/marker"
cp "$KATA_LIKE_BUILD/tests/integration/storage-probe" "$data/"
echo one >"$data/file"
echo named >"$work/single"
echo 'nameserver 192.0.2.53' >"$work/resolv.conf"
echo '192.0.2.1 other-name' >"$work/hosts"
echo some-name >"$work/hostname"

# Of the VM, as its first container sees them.
disks() {
	"$kata" exec web -- ls /sys/block
}

a_disk_pod_has_no_file_server() {
	expect_status 0 "$kata" run -d --name web --rootfs "$busybox" -- sleep 1000
	[ ! -e "$pod_dir/virtiofsd.pid" ] || fail "a file server runs for nothing"
	expect_status 125 "$kata" run --rm --pod web --rootfs "$busybox" \
		--mount "type=bind,src=$data,dst=/data" -- true
	expect_match err 'shared_memory = true'
	expect_output other "$kata" run --rm --pod web --rootfs "$work/other" -- cat /marker
	"$kata" delete --force web
}

a_pod_with_shares_starts() {
	expect_status 0 "$kata" run -d --name web --rootfs "$busybox" \
		--mount "type=bind,src=$data,dst=/data" \
		--mount "type=bind,src=$work/single,dst=/etc/single,ro" \
		--mount "type=bind,src=$work/resolv.conf,dst=/etc/resolv.conf" \
		--mount "type=bind,src=$work/hosts,dst=/etc/hosts" \
		--mount "type=bind,src=$work/hostname,dst=/etc/hostname,ro" -- sleep 1000
	[ -e "$pod_dir/virtiofsd.pid" ] || fail "there is no file server"
}

# As Kubernetes, Docker and others hand them over.
names_are_the_hosts_files() {
	expect_output "$(cat "$work/resolv.conf" "$work/hosts" "$work/hostname")" \
		"$kata" exec web -- cat /etc/resolv.conf /etc/hosts /etc/hostname
	echo 'nameserver 192.0.2.54' >"$work/resolv.conf"
	expect_output 'nameserver 192.0.2.54' "$kata" exec web -- cat /etc/resolv.conf
}

# Owners, modes and attributes for the guest's root; no device nodes, nothing else.
the_file_server_has_little() {
	local pid status caps
	read -r pid _ <"$pod_dir/virtiofsd.pid"
	for pid in "$pid" $(cat "/proc/$pid/task/$pid/children"); do
		status=/proc/$pid/status
		caps=$(sed -n 's/^CapEff:[[:space:]]*//p' "$status")
		[ $((0x$caps & ~0x800000db)) = 0 ] || fail "$status: $caps"
	done
	expect_equal "$(sed -n 's/^Seccomp:[[:space:]]*//p' "$status")" 2
	# Each thing that is shared has a number.
	expect_equal "$(find "/proc/$pid/root/" -mindepth 1 -maxdepth 1 ! -name '[0-9]')" ""
	expect_status 1 "$kata" exec web -- mknod /data/node b 8 0
	expect_match err 'not permitted'
	[ ! -e "$data/node" ] || fail 'there is a device on the host'
}

host_and_guest_see_the_same_files() {
	expect_output "$(printf 'one\nnamed\nread-only')" "$kata" exec web -- sh -c '
		cat /data/file /etc/single
		echo guest >/data/from-guest
		{ echo x >/etc/single; } 2>/dev/null || echo read-only'
	expect_equal "$(cat "$data/from-guest")" guest
	echo later >"$data/from-host"
	expect_output later "$kata" exec web -- cat /data/from-host
}

the_file_system_does_what_programs_expect() {
	local i
	expect_output 'all as expected' "$kata" exec web -- /data/storage-probe /data
	expect_equal "$(stat -c '%u:%g %a %h' "$data/plain")" '1234:4321 4751 2'
	for ((i = 0; i < files; i++)); do : >"$data/many/$i"; done
	expect_output "$files" "$kata" exec web -- sh -c 'ls /data/many | wc -l'
	expect_status 0 "$kata" exec web -- rm -r /data/many
	[ ! -e "$data/many" ] || fail "it is still there on the host"
}

nothing_shows_on_the_host() {
	! mounts | grep -F "$KATA_LIKE_STATE" || fail "mounted on the host"
}

a_member_brings_its_disk_and_takes_it_away() {
	local before
	before=$(disks)
	expect_output "$(printf 'other\n%s' "$(($(wc -l <<<"$before") + 1))")" \
		"$kata" run --rm --pod web --rootfs "$work/other" \
		--mount type=sysfs,src=sysfs,dst=/sys -- sh -c 'cat /marker; ls /sys/block | busybox wc -l'
	expect_equal "$(disks)" "$before"
}

members_share_files_and_locks() {
	"$kata" exec web -- /data/storage-probe /data hold &
	within 10 test -e "$data/has-lock"
	expect_output one "$kata" run --rm --pod web --rootfs "$work/other" \
		--mount "type=bind,src=$data,dst=/elsewhere" -- sh -c '
		/elsewhere/storage-probe /elsewhere denied && cat /elsewhere/file'
	touch "$data/done"
	wait
	expect_output one "$kata" exec web -- cat /data/file
}

# What Kubernetes makes for an emptyDir with medium: Memory.
memory_is_the_pods_own() {
	local volume="$work/disk/kubernetes.io~empty-dir/cache"
	mkdir -p "$volume"
	chmod 1777 "$volume"
	expect_status 0 "$kata" run --rm --pod web --rootfs "$work/other" \
		--mount "type=bind,src=$volume,dst=/cache" -- sh -c 'echo kept >/cache/file'
	expect_output "$(printf 'kept\ndrwxrwxrwt')" "$kata" run --rm --pod web --rootfs "$work/other" \
		--mount "type=bind,src=$volume,dst=/cache" -- sh -c 'cat /cache/file
			set -- $(ls -ld /cache); echo $1'
	[ ! -e "$volume/file" ] || fail "it is in the host's memory"
}

# The host maps them: what lies there as root's looks like 4000's in the guest, and the other way round.
an_id_mapped_share_shifts_owners() {
	mkdir "$data/owned"
	touch "$data/owned/of-root" "$data/owned/of-seven"
	chown 7:7 "$data/owned/of-seven"
	bundle mapped "
		config['mounts'].append({
		    'destination': '/owned', 'type': 'bind', 'source': '$data/owned', 'options': ['bind', 'idmap'],
		    'uidMappings': [{'containerID': 0, 'hostID': 4000, 'size': 5}, {'containerID': 7, 'hostID': 0, 'size': 1}],
		    'gidMappings': [{'containerID': 0, 'hostID': 5000, 'size': 10}]})
		process['user'] = {'uid': 0, 'gid': 5003}
		sh('cd /owned; echo new >new && stat -c \"%n %u:%g\" *')"
	expect_output "$(printf 'new 0:5003\nof-root 4000:5000\nof-seven 0:5007')" \
		"$kata" run --rm --pod web --bundle "$work/mapped"
	expect_equal "$(stat -c %u:%g "$data/owned/new")" 7:3
	bundle unmapped "
		config['mounts'].append({'destination': '/x', 'type': 'bind', 'source': '$data/owned', 'options': ['bind', 'idmap']})"
	expect_status 125 "$kata" run --rm --pod web --bundle "$work/unmapped"
	expect_match err 'mount /x: an id-mapped mount needs mappings'
}

what_cannot_cross_is_refused_by_name() {
	local socket
	mkfifo "$work/fifo"
	expect_status 125 "$kata" run --rm --pod web --rootfs "$busybox" \
		--mount "type=bind,src=$work/fifo,dst=/x" -- true
	expect_match err "$work/fifo is a FIFO of the host"
	socket=$(find "$KATA_LIKE_STATE" -type s | head -n 1)
	expect_status 125 "$kata" run --rm --pod web --rootfs "$busybox" \
		--mount "type=bind,src=$socket,dst=/x" -- true
	expect_match err "$socket is a socket of the host"
	expect_status 125 "$kata" run --rm --pod web --rootfs "$busybox" \
		--mount type=bind,src=/dev/kvm,dst=/x -- true
	expect_match err '/dev/kvm is a device of the host'
}

a_full_disk_is_an_error_in_the_guest() {
	truncate -s 128M "$work/disk/image"
	mkfs.ext4 -q -F "$work/disk/image"
	expect_status 1 "$kata" run --rm --pod web --rootfs "$work/other" \
		--mount "type=ext4,src=$work/disk/image,dst=/volume" -- sh -c '
		dd if=/dev/zero of=/volume/large bs=1M count=100 && sync && dd if=/volume/large of=/dev/null bs=1M
		exit 1'
	expect_match err 'rror|No space'
	expect_output one "$kata" exec web -- cat /data/file
	rm "$work/disk/image"
}

a_dead_file_server_ends_the_pod() {
	local pid
	read -r pid _ <"$pod_dir/virtiofsd.pid"
	kill -KILL "$pid"
	within 10 grep -q 'the file server has ended (signal 9)' "$pod_dir/failure"
	expect_status 125 "$kata" exec web -- cat /data/file
	expect_match err "has stopped"
	"$kata" delete --force web
}

check "a pod of disk images has no file server, and members of it have disks of their own" \
	a_disk_pod_has_no_file_server
keeps_container=1
check "a pod with shared folders starts its file server" a_pod_with_shares_starts
check "resolv.conf, hosts and hostname are the host's files, and follow them" names_are_the_hosts_files
check "the file server has the rights of a file server in the shared folder, and no others" \
	the_file_server_has_little
check "host and guest see the same files, writable and read-only" host_and_guest_see_the_same_files
check "owners, links, attributes, mapping, locks, nameless files, renaming and $files files work" \
	the_file_system_does_what_programs_expect
check "nothing is mounted where the host could see it" nothing_shows_on_the_host
check "a member of a pod brings its disk and takes it away" a_member_brings_its_disk_and_takes_it_away
check "members see the same files, and each other's locks" members_share_files_and_locks
check "an emptyDir in memory is memory of the VM, one for the pod" memory_is_the_pods_own
check "an id-mapped mount of a shared folder shifts owners" an_id_mapped_share_shifts_owners
check "what cannot cross into a VM is refused by name" what_cannot_cross_is_refused_by_name
check "a disk that is full on the host is an error in the guest, and nothing else ends" \
	a_full_disk_is_an_error_in_the_guest
keeps_container=
check "a file server that dies ends the pod, which says why; it can be deleted, and nothing is left" \
	a_dead_file_server_ends_the_pod
finish
