#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a host can do to programs that run on it: stop them, run out of space, memory and descriptors,
# leave a pipe full, set its clock. Always an answer within a bounded time, and nothing left behind.
# (deaths.sh kills and interrupts them.)
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

# Where the host is emulated on a busy machine all of it may take minutes, none of which is a fault.
export KATA_LIKE_CONFIG=$work/config.ini
printf '[vm]\ntimeout = 300\n' >"$KATA_LIKE_CONFIG"
long=400

start_box() {
	expect_status 0 timeout "$long" "$kata" run --detach --name box --rootfs "$busybox" "$@"
}

remove_box() {
	expect_status 0 timeout 60 "$kata" delete --force box
}

# bounded SECONDS COMMAND…: it ends by itself; $status.
bounded() {
	status=0
	timeout -k 5 "$@" >"$work/out" 2>"$work/err" || status=$?
	case $status in
	124 | 137) fail "no end of it: ${*:2}: $(cat "$work/err")" ;;
	esac
}

# only_mount_left FOLDER: what the case mounted there goes, and nothing else was left.
only_mount_left() {
	leftovers | grep -v "mount: $1" >"$work/left" || true
	umount "$1"
	[ ! -s "$work/left" ] || fail "left behind: $(cat "$work/left")"
}

# Either it worked, or it failed with a message that says so.
worked_or_said_why() {
	[ "$status" != 0 ] || return 0
	[ "$status" = 125 ] || fail "status $status: $(cat "$work/err")"
	[ -s "$work/err" ] || fail "no message"
}

a_stopped_vmm_is_removed_by_force() {
	start_box -- sleep 1000
	kill -STOP "$(pid_in box vmm.pid)"
	SECONDS=0
	remove_box
	[ "$SECONDS" -lt 40 ] || fail "it took $SECONDS s"
}

a_vmm_stopped_for_a_while_goes_on() {
	local vmm
	start_box -- sleep 1000
	vmm=$(pid_in box vmm.pid)
	kill -STOP "$vmm"
	sleep 3
	kill -CONT "$vmm"
	expect_output alive timeout "$long" "$kata" exec box -- echo alive
	remove_box
}

# booting SECONDS ARG…: runs a container whose VM boots, which takes longer than from a template, but may
# take so many; "$pid" is the command line's.
booting() {
	printf '[vm]\ntemplate = false\ntimeout = %s\n' "$1" >"$work/boot.ini"
	shift
	KATA_LIKE_CONFIG=$work/boot.ini "$kata" run --rm --name box --rootfs "$busybox" "$@" >"$work/out" 2>"$work/err" &
	pid=$!
}

ended() {
	status=0
	wait "$pid" || status=$?
}

a_vmm_stopped_in_its_boot_is_told() {
	booting 20 -- true
	find_pid box vmm.pid
	kill -STOP "$found"
	ended
	[ "$status" = 125 ] || fail "status $status"
	expect_match err 'within 20 s'
}

the_clock_is_set_in_the_boot() {
	grep -q 'kvmhost' /proc/cmdline || return 0
	booting 300 -- sh -c 'exit 9'
	find_pid box vmm.pid
	date -s '+3 days' >/dev/null
	sleep 1
	date -s '-3 days' >/dev/null
	ended
	[ "$status" = 9 ] || fail "status $status: $(cat "$work/err")"
}

# with_share: as start_box, with a file server.
with_share() {
	mkdir -p "$work/share"
	echo shared >"$work/share/file"
	start_box --mount "type=bind,src=$work/share,dst=/share" -- sleep 1000
}

a_stopped_file_server_holds_up_only_its_files() {
	with_share
	# shellcheck disable=SC2046 # words
	kill -STOP "$(pid_in box virtiofsd.pid)" $(cat "/proc/$(pid_in box virtiofsd.pid)/task/"*/children)
	expect_output alive timeout "$long" "$kata" exec box -- echo alive
	"$kata" exec box -- cat /share/file >"$work/out" 2>&1 &
	pid=$!
	sleep 3
	SECONDS=0
	remove_box
	[ "$SECONDS" -lt 40 ] || fail "it took $SECONDS s"
	wait "$pid" || true
}

a_file_server_killed_in_the_boot_is_told() {
	mkdir -p "$work/share"
	booting 300 --mount "type=bind,src=$work/share,dst=/share" -- ls /share
	find_pid box virtiofsd.pid
	kill -KILL "$found"
	ended
	[ "$status" != 0 ] || fail "it ran without its files"
	[ -s "$work/err" ] || fail "no message"
}

a_file_server_stopped_in_the_boot_is_told() {
	mkdir -p "$work/share"
	booting 20 --mount "type=bind,src=$work/share,dst=/share" -- ls /share
	find_pid box virtiofsd.pid
	# shellcheck disable=SC2046 # words
	kill -STOP "$found" $(cat "/proc/$found/task/"*/children)
	ended
	[ "$status" = 125 ] || fail "status $status"
	[ -s "$work/err" ] || fail "no message"
}

# make_slow_disk: $disk is a file system on a device that answers each request after 200 ms.
make_slow_disk() {
	local loop
	modprobe -q loop
	modprobe -q dm_delay || modprobe -q dm-delay || {
		echo "# left out: there is no dm-delay" >&3
		return 1
	}
	truncate -s 256M "$work/image"
	mkfs.ext4 -q -F "$work/image"
	loop=$(losetup --find --show "$work/image")
	echo "0 $((256 * 2048)) delay $loop 0 200" | dmsetup create slow
	# It goes with the device.
	losetup -d "$loop"
	disk=/dev/$(dmsetup info -c --noheadings -o blkdevname slow)
}

a_slow_disk_only_takes_longer() {
	make_slow_disk || return 0
	expect_status 0 timeout "$long" "$kata" run --rm --name box --rootfs "$busybox" \
		--mount "type=ext4,src=$disk,dst=/volume" -- sh -c '
		echo written >/volume/file && sync && echo 3 >/proc/sys/vm/drop_caches 2>/dev/null; cat /volume/file'
	expect_match out written
	start_box --mount "type=ext4,src=$disk,dst=/volume" -- sh -c '
		while :; do dd if=/dev/zero of=/volume/more bs=64k count=100 conv=fsync 2>/dev/null; done'
	sleep 3
	SECONDS=0
	remove_box
	[ "$SECONDS" -lt 60 ] || fail "it took $SECONDS s"
	dmsetup remove --retry slow
}

# All that the host's programs write: state, output, images; and a folder that they serve.
a_slow_disk_of_the_host_only_takes_longer() {
	make_slow_disk || return 0
	mkdir "$work/slow"
	mount "$disk" "$work/slow"
	mkdir "$work/slow/share"
	local -x KATA_LIKE_STATE=$work/slow/state KATA_LIKE_CACHE=$work/slow/cache
	start_box --mount "type=bind,src=$work/slow/share,dst=/share" -- sh -c '
		seq 1000; echo written >/share/file; sync; while [ ! -e /go ]; do sleep 0.2; done; exit 9'
	expect_output alive timeout "$long" "$kata" exec box -- echo alive
	expect_status 0 timeout "$long" "$kata" exec box -- touch /go
	expect_output 9 timeout "$long" "$kata" wait box
	expect_status 0 timeout "$long" "$kata" logs box
	seq 1000 | cmp - "$work/out" || fail "what it wrote is not in its log"
	[ "$(cat "$work/slow/share/file")" = written ] || fail "the file is not there"
	expect_status 0 timeout 60 "$kata" delete box
	only_mount_left "$work/slow"
	dmsetup remove --retry slow
}

a_stopped_shim_is_removed_by_force() {
	start_box -- sleep 1000
	kill -STOP "$(pid_in box shim.pid)"
	SECONDS=0
	bounded 60 "$kata" delete --force box
	if [ "$status" != 0 ]; then
		[ -s "$work/err" ] || fail "no message"
		kill -CONT "$(pid_in box shim.pid)"
		remove_box
	fi
}

with_full_state() {
	mkdir -p "$KATA_LIKE_STATE"
	mount -t tmpfs -o "size=$1" full "$KATA_LIKE_STATE"
	head -c 1M /dev/zero >"$KATA_LIKE_STATE/filler" 2>/dev/null || true
	bounded "$long" "$kata" run --rm --name box --rootfs "$busybox" -- true
	rm "$KATA_LIKE_STATE/filler"
	[ ! -d "$KATA_LIKE_STATE/default/box" ] || remove_box
	only_mount_left "$KATA_LIKE_STATE"
}

no_space_for_state() {
	with_full_state 4k
	worked_or_said_why
	[ "$status" = 125 ] || fail "it ran without a place for its state"
	expect_match err 'No space left'
	with_full_state 64k
	worked_or_said_why
}

# What a detached container says goes to a file beside its state.
no_space_for_output() {
	mkdir -p "$KATA_LIKE_STATE"
	mount -t tmpfs -o size=2M full "$KATA_LIKE_STATE"
	# The shell outlives the stream.
	start_box -- sh -c 'yes; exit 4'
	expect_output 4 timeout "$long" "$kata" wait box
	"$kata" list >"$work/list"
	grep -Eq '^box .*stopped \(4\)' "$work/list" || fail "not stopped: $(cat "$work/list")"
	# There is no room for a record of its end either, which is told when it is asked for.
	expect_status 0 timeout 60 "$kata" delete box
	expect_match err 'stdout is lost: No space left'
	only_mount_left "$KATA_LIKE_STATE"
}

no_space_in_a_shared_folder() {
	mkdir -p "$work/share"
	mount -t tmpfs -o size=64k full "$work/share"
	start_box --mount "type=bind,src=$work/share,dst=/share" -- sleep 1000
	expect_status 1 timeout "$long" "$kata" exec box -- dd if=/dev/zero of=/share/file bs=4k count=100
	expect_match err 'No space left'
	expect_output alive timeout "$long" "$kata" exec box -- echo alive
	remove_box
	umount "$work/share"
}

no_space_for_images() {
	local cache=$work/full-cache
	mkdir "$cache"
	mount -t tmpfs -o size=200k full "$cache"
	KATA_LIKE_CACHE=$cache bounded "$long" "$kata" run --rm --rootfs "$busybox" -- true
	umount "$cache"
	[ "$status" = 125 ] || fail "status $status"
	expect_match err '[Nn]o space left'
}

too_few_descriptors() {
	local limit
	for limit in 6 12 18; do
		bounded "$long" bash -c 'ulimit -n "$1"; shift; exec "$@"' - "$limit" \
			"$kata" run --rm --rootfs "$busybox" -- true
		worked_or_said_why
		nothing_left
	done
}

too_little_memory() {
	local kilobytes
	for kilobytes in 6000 20000 60000; do
		bounded "$long" bash -c 'ulimit -v "$1"; shift; exec "$@"' - "$kilobytes" \
			"$kata" run --rm --rootfs "$busybox" -- true
		# The dynamic loader has a status of its own.
		[ "$status" = 127 ] || worked_or_said_why
		nothing_left
	done
}

a_full_pipe_stops_nobody_else() {
	mkfifo "$work/pipe"
	exec 7<>"$work/pipe"
	"$kata" run --rm --name box --rootfs "$busybox" -- sh -c 'trap "exit 130" INT; yes; sleep 1' \
		>"$work/pipe" 2>"$work/err" 7>&- &
	pid=$!
	within 150 test -s "$KATA_LIKE_STATE/default/box/vmm.pid"
	within "$long" timeout 100 "$kata" exec box -- true
	expect_output other timeout "$long" "$kata" exec box -- echo other
	remove_box
	exec 7>&-
	wait "$pid" || true
}

the_clock_is_set() {
	# Only where the clock is the test's own.
	grep -q 'kvmhost' /proc/cmdline || return 0
	start_box -- sh -c 'while [ ! -e /go ]; do sleep 0.2; done; exit 9'
	date -s '+3 days' >/dev/null
	expect_output alive timeout "$long" "$kata" exec box -- echo alive
	date -s '-6 days' >/dev/null
	expect_status 0 timeout "$long" "$kata" exec box -- touch /go
	expect_output 9 timeout 60 "$kata" wait box
	date -s '+3 days' >/dev/null
	expect_status 0 timeout 60 "$kata" delete box
}

exec 3>&1
check "a stopped VMM is removed by force, in bounded time" a_stopped_vmm_is_removed_by_force
check "a VMM that was stopped for a while goes on" a_vmm_stopped_for_a_while_goes_on
check "a VMM that is stopped in its boot: an error that says so" a_vmm_stopped_in_its_boot_is_told
check "a stopped file server holds up its files only, and can be removed" \
	a_stopped_file_server_holds_up_only_its_files
check "a file server that is killed in the boot: an error" a_file_server_killed_in_the_boot_is_told
check "a file server that is stopped in the boot: an error" a_file_server_stopped_in_the_boot_is_told
check "a slow disk only takes longer, and can be removed" a_slow_disk_only_takes_longer
check "a slow disk under state, images and a shared folder only takes longer" \
	a_slow_disk_of_the_host_only_takes_longer
check "a stopped shim is removed by force, or the error says so" a_stopped_shim_is_removed_by_force
check "no space for the state: an error that says so" no_space_for_state
check "no space for the output of a detached container: told when it is deleted" no_space_for_output
check "no space in a shared folder: an error in the guest, and nothing else ends" \
	no_space_in_a_shared_folder
check "no space for images: an error that says so" no_space_for_images
check "too few descriptors: it works, or says why not" too_few_descriptors
check "too little memory: it works, or says why not" too_little_memory
check "a full pipe stops nobody but its writer" a_full_pipe_stops_nobody_else
check "the clock is set while a VM boots: it comes up" the_clock_is_set_in_the_boot
check "the clock is set forward and back: statuses and waits stay right" the_clock_is_set
finish
