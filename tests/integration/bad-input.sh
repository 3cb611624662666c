#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input: a clear message, status 125, and nothing left.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

kernel=$KATA_LIKE_BUILD/guest/vmlinux

# refused PATTERN OPTION…: `run` of a busybox with the options; PATTERN is in its message.
refused() {
	local pattern=$1
	shift
	expect_status 125 timeout 100 "$kata" run --rm --rootfs "$busybox" "$@" -- true
	expect_match err "$pattern"
	[ ! -s "$work/out" ] || fail "it printed: $(cat "$work/out")"
}

a_missing_kernel() {
	refused 'no-such-kernel.*No such file' --kernel "$work/no-such-kernel"
}

a_foreign_file_as_kernel() {
	seq 1 100000 >"$work/text"
	refused "$work/text" --kernel "$work/text"
	: >"$work/empty"
	refused "$work/empty" --kernel "$work/empty"
	refused 'ls' --kernel "$(readlink -f /bin/ls)"
}

a_cut_bzimage() {
	local bzimage
	bzimage=$(dirname "$kernel")/bzImage
	[ -r "$bzimage" ] || fail "no bzImage beside $kernel to cut"
	head -c 100000 "$bzimage" >"$work/cut"
	refused "$work/cut" --kernel "$work/cut"
	head -c 300 "$bzimage" >"$work/cut"
	refused "$work/cut" --kernel "$work/cut"
}

a_cut_vmlinux_and_one_for_another_machine() {
	head -c 2000000 "$kernel" >"$work/cut"
	refused "$work/cut" --kernel "$work/cut"
	# e_machine (offset 18) becomes 183, aarch64.
	cp -L "$kernel" "$work/foreign"
	printf '\267\000' | dd of="$work/foreign" bs=1 seek=18 conv=notrunc status=none
	refused "$work/foreign" --kernel "$work/foreign"
}

wrong_amounts_of_memory_and_processors() {
	refused 'memory.*more than 0' --memory 0
	refused 'memory.*not a size' --memory lots
	refused '[Mm]emory' --memory 900T
	refused '[Mm]emory' --memory 1K
	refused 'cpus' --cpus 0
	refused 'cpus' --cpus 1000
}

a_missing_root_filesystem() {
	expect_status 125 "$kata" run --rm --rootfs "$work/none" -- true
	expect_match err "$work/none.*No such file"
	expect_status 125 "$kata" run --rm --rootfs /etc/passwd -- true
	expect_match err 'neither a folder nor an EROFS or ext4 image'
	expect_status 125 "$kata" run --rm --bundle "$work/none"
	expect_match err "$work/none.*No such file"
	mkdir -p "$work/empty-bundle"
	expect_status 125 "$kata" run --rm --bundle "$work/empty-bundle"
	expect_match err 'config.json'
}

a_root_filesystem_without_the_command() {
	mkdir -p "$work/bare/bin"
	expect_status 127 "$kata" run --rm --rootfs "$work/bare" -- /bin/sh
	expect_match err '/bin/sh'
}

# wrong_config PATTERN JSON: config.json with the member instead of the default's.
wrong_config() {
	rm -rf "$work/bundle"
	mkdir "$work/bundle"
	ln -s "$busybox" "$work/bundle/rootfs"
	"$kata" spec --bundle "$work/bundle"
	python3 - "$work/bundle/config.json" "$2" <<'END'
import json, sys
path, change = sys.argv[1:]
config = json.load(open(path))
config["process"]["terminal"] = False
def merge(into, of):
    for key, value in of.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
merge(config, json.loads(change))
json.dump(config, open(path, "w"))
END
	expect_status 125 timeout 60 "$kata" run --rm --bundle "$work/bundle"
	expect_match err "$1"
}

wrong_types_in_config_json() {
	wrong_config 'process' '{"process": [1]}'
	wrong_config 'args' '{"process": {"args": "sh"}}'
	wrong_config 'args' '{"process": {"args": []}}'
	wrong_config 'args\[1\]|args' '{"process": {"args": ["sh", 7]}}'
	wrong_config 'env' '{"process": {"env": {"A": "b"}}}'
	wrong_config 'uid' '{"process": {"user": {"uid": -1}}}'
	wrong_config 'path' '{"root": {"path": 3}}'
	wrong_config 'mounts' '{"mounts": "all"}'
	wrong_config 'namespaces' '{"linux": {"namespaces": {}}}'
	wrong_config 'io.kata-like.memory|[Mm]emory' '{"annotations": {"io.kata-like.memory": "much"}}'
	wrong_config 'io.kata-like.nonsense' '{"annotations": {"io.kata-like.nonsense": "1"}}'
	printf '{"root":' >"$work/bundle/config.json"
	expect_status 125 "$kata" run --rm --bundle "$work/bundle"
	expect_match err 'config.json'
}

a_bundle_whose_files_are_something_else() {
	rm -rf "$work/bundle"
	mkdir "$work/bundle"
	ln -s "$busybox" "$work/bundle/rootfs"
	mkfifo "$work/bundle/config.json"
	expect_status 125 timeout 20 "$kata" run --rm --bundle "$work/bundle"
	expect_match err 'config.json is not a regular file'
	ln -sf /dev/zero "$work/bundle/config.json"
	expect_status 125 timeout 20 "$kata" run --rm --bundle "$work/bundle"
	expect_match err 'config.json is not a regular file'
	# What is in the file that the link leads to is not told.
	ln -sf /etc/shadow "$work/bundle/config.json"
	expect_status 125 timeout 20 "$kata" run --rm --bundle "$work/bundle"
	! grep -F "$(head -n 1 /etc/shadow)" "$work/err" || fail "the message tells of the host's file"
	rm "$work/bundle/config.json"
	"$kata" spec --bundle "$work/bundle"
	ln -sfn /dev/null "$work/bundle/rootfs"
	expect_status 125 timeout 20 "$kata" run --rm --bundle "$work/bundle"
	expect_match err 'neither a folder nor an image file'
}

# Device nodes, a FIFO and a socket are not opened, links are not followed, and odd names are names.
an_image_of_odd_entries() {
	local odd=$work/odd deep
	cp -a "$busybox" "$odd"
	rm -f "$odd/etc/passwd" "$odd/etc/group"
	ln -s /etc/shadow "$odd/etc/passwd"
	mkfifo "$odd/etc/group"
	ln -s ../../../../../../etc/hostname "$odd/outside"
	ln -s loop "$odd/loop"
	mknod "$odd/disk" b 7 0
	mknod "$odd/zero" c 1 5
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$odd/socket"
	mkdir -m 0 "$odd/closed"
	: >"$odd/"$'new\nline'
	: >"$odd/"$'\xff\xfe not UTF-8'
	: >"$odd/$(printf 'n%.0s' {1..254})"
	deep=$(printf '/d%.0s' {1..60})
	mkdir -p "$odd$deep"
	expect_output "odd as ever" timeout 100 "$kata" run --rm --user 1000 --rootfs "$odd" -- sh -c "
		cat /outside /etc/passwd 2>/dev/null
		for name in /new?line /??' not UTF-8' /nnn*; do [ -f \"\$name\" ] || exit 1; done
		[ -d $deep ] && [ -p /etc/group ] && [ -b /disk ] && [ -S /socket ] && echo odd as ever"
	expect_status 125 timeout 20 "$kata" run --rm --user root --rootfs "$odd" -- true
	expect_match err 'root'
	# Some bytes that would be more than any disk has.
	truncate -s 1P "$odd/sparse" || truncate -s 8T "$odd/sparse"
	expect_status 125 timeout 20 "$kata" run --rm --rootfs "$odd" -- true
	expect_match err 'its files have [0-9]+ MiB, and the cache has room for'
	rm -rf "$odd"
}

# As another user may have made it ready, in a place that anybody can write to.
state_of_another_user() {
	local other=$work/other
	install -d -m 1777 "$other"
	install -d -o 12345 -m 755 "$other/theirs"
	KATA_LIKE_STATE=$other/theirs refused "$other/theirs belongs to user 12345"
	ln -s / "$other/link"
	chown -h 12345 "$other/link"
	KATA_LIKE_STATE=$other/link refused "$other/link belongs to user 12345"
	install -d -m 777 "$other/open"
	KATA_LIKE_STATE=$other/open refused "$other/open can be written to by others"
	# A sandbox that tells us to kill and to remove.
	sleep 1000 &
	install -d -o 12345 "$other/default" "$other/default/box"
	echo "$! $(cut -d' ' -f22 "/proc/$!/stat")" | tee "$other/default/box/shim.pid" \
		>"$other/default/box/vmm.pid"
	chown -R 12345 "$other/default"
	KATA_LIKE_STATE=$other refused "$other/default belongs to user 12345"
	expect_status 1 env KATA_LIKE_STATE="$other" "$kata" delete --force box
	expect_match err "$other/default belongs to user 12345"
	expect_status 1 env KATA_LIKE_STATE="$other" "$KATA_LIKE_BUILD/containerd-shim-kata-like-v2" \
		-namespace default -id box delete
	expect_match err "$other/default belongs to user 12345"
	kill -0 $! || fail "the process that it named was killed"
	kill $!
	[ -e "$other/default/box/vmm.pid" ] || fail "its files were removed"
	[ ! -e /default ] || fail "a folder was made in another place"
}

# One that jumps to itself.
make_silent_kernel() {
	python3 "$(dirname "$0")/../kvm/make-kernel.py" "$1" ebfe
}

a_machine_that_never_answers() {
	make_silent_kernel "$work/silent"
	printf '[vm]\ntimeout = 10\n' >"$work/config.ini"
	SECONDS=0
	KATA_LIKE_CONFIG=$work/config.ini refused 'did not come up within 10 s' --kernel "$work/silent"
	[ "$SECONDS" -lt 45 ] || fail "it took $SECONDS s to notice"
}

an_initramfs_without_agent() {
	(cd "$work" && mkdir -p tree/dev && cd tree && find . | cpio -o -H newc 2>/dev/null) >"$work/initrd"
	refused 'panic|ended|died|init' --initrd "$work/initrd"
}

wrong_usage() {
	expect_status 2 "$kata" run --rm -- true
	expect_match err '--rootfs'
	expect_status 2 "$kata" run --rm --rootfs "$busybox"
	expect_match err 'no command'
	expect_status 2 "$kata" run --no-such-option
	expect_status 2 "$kata" rnu
	expect_match err 'did you mean "run"'
	expect_status 2 "$kata"
	expect_status 125 "$kata" run --rm --name ../x --rootfs "$busybox" -- true
	expect_match err '\.\./x'
	expect_status 125 "$kata" run --rm --user nobody-here --rootfs "$busybox" -- true
	expect_match err 'nobody-here'
	expect_status 125 "$kata" run --rm --mount type=bind,target=/x --rootfs "$busybox" -- true
	expect_match err 'source='
	expect_status 125 "$kata" run --rm --pod nowhere --rootfs "$busybox" -- true
	expect_match err 'nowhere'
}

check "a missing kernel" a_missing_kernel
check "a file that is no kernel" a_foreign_file_as_kernel
check "a bzImage cut short" a_cut_bzimage
check "a vmlinux cut short, and one for another machine" a_cut_vmlinux_and_one_for_another_machine
check "memory 0, nonsense, too little or more than the host has; processors likewise" \
	wrong_amounts_of_memory_and_processors
check "a root filesystem or bundle that is not there" a_missing_root_filesystem
check "a root filesystem that lacks the command" a_root_filesystem_without_the_command
check "a config.json with wrong types" wrong_types_in_config_json
check "a bundle whose files are FIFOs, devices or links: an error, and nothing told of the host" \
	a_bundle_whose_files_are_something_else
check "an image of odd entries is what it is, and one of endless files is refused" an_image_of_odd_entries
check "state that another user has made ready is not used" state_of_another_user
check "a virtual machine that never answers" a_machine_that_never_answers
check "an initramfs without an agent" an_initramfs_without_agent
check "a command line that is wrong" wrong_usage
finish
