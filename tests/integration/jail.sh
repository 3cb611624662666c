#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a VMM's process may do while a guest runs in it: read off /proc, and tried.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

# A running container $id; $vmm is its VMM's process id.
start() {
	id=$1
	expect_status 0 "$kata" run --detach --name "$id" --rootfs "$busybox" -- sleep 1000
	vmm=$(pid_in "$id" vmm.pid)
	[ -d "/proc/$vmm" ] || fail "there is no process $vmm"
}

# status FIELD: of each thread of the VMM, without repetition.
status() {
	sed -n "s/^$1:[[:space:]]*//p" /proc/"$vmm"/task/*/status | sort -u
}

limit() {
	sed -n "s/^$1  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" "/proc/$vmm/limits"
}

rights() {
	expect_equal "$(status NoNewPrivs)" 1
	expect_equal "$(status Seccomp)" 2
	for set in Inh Prm Eff Bnd Amb; do
		expect_equal "$set $(status "Cap$set")" "$set 0000000000000000"
	done
}

separate() {
	local name
	for name in "$@"; do
		[ "$(readlink "/proc/$vmm/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ] ||
			fail "its $name namespace is the host's"
	done
}

empty_root() {
	expect_equal "$(ls -A "/proc/$vmm/root/")" ""
	expect_equal "$(wc -l <"/proc/$vmm/mountinfo")" 1
	grep -q ' / / ro,' "/proc/$vmm/mountinfo" || fail "its root can be written to"
}

limits() {
	expect_equal "$(limit 'Max core file size')" '0 0'
	expect_equal "$(limit 'Max open files')" '2048 2048'
	[ "$(limit 'Max processes' | cut -d' ' -f1)" -lt 400 ] || fail "processes: $(limit 'Max processes')"
	# Nobody but root looks into it.
	expect_equal "$(stat -c %U "/proc/$vmm/mem")" root
}

as_root() {
	local first
	start jailed
	first=$(status Uid)
	case $first in
	18790*) ;;
	*) fail "its user is $first" ;;
	esac
	expect_equal "$(status Gid)" "$first"
	expect_equal "$(status Groups)" ""
	rights
	separate pid mnt ipc uts net
	expect_equal "$(sed -n 's/^NSpid:.*\t//p' "/proc/$vmm/status")" 1
	empty_root
	limits
	expect_output well "$kata" exec jailed echo well
	start other
	[ "$(status Uid)" != "$first" ] || fail "two VMs have the same user"
	expect_status 0 "$kata" delete --force other
}

# The sockets of a pod, were its folders open to all: another user, and the VMM's own, is not heard.
strangers() {
	local dir=$KATA_LIKE_STATE/default/jailed user folder sockets
	sockets=$(awk -v at="$dir" 'index($NF, at) == 1 { print $NF }' /proc/net/unix | sort -u)
	expect_equal "$sockets" "$dir/shim.sock"
	vmm=$(cut -d' ' -f1 "$dir/vmm.pid")
	for user in 12345 "$(status Uid | cut -f1)"; do
		as_stranger=(setpriv --reuid "$user" --regid "$user" --clear-groups timeout 20 "$kata")
		for folder in "$work" "$KATA_LIKE_STATE" "$KATA_LIKE_STATE/default" "$dir"; do
			expect_status 125 "${as_stranger[@]}" exec jailed true
			chmod 755 "$folder"
		done
		chmod 644 "$dir/address"
		expect_status 125 "${as_stranger[@]}" exec jailed true
		expect_match err 'Permission denied'
		chmod 666 "$dir/shim.sock"
		expect_status 125 "${as_stranger[@]}" exec jailed true
		grep -q 'refused a ttrpc connection from another user' "$dir/shim.log" ||
			fail "it was not refused: $(cat "$work/err")"
		! "${as_stranger[@]}" kill jailed KILL 2>"$work/err" || fail "it could be killed"
		! "${as_stranger[@]}" delete --force jailed 2>"$work/err" || fail "it could be removed"
		chmod 600 "$dir/shim.sock" "$dir/address"
		chmod 700 "$dir" "$work"
		: >"$dir/shim.log"
	done
	expect_output well "$kata" exec jailed echo well
}

# Nothing is open but what a VM is made of: no folder, no device but KVM, no file of the host's that
# is not the kernel, the initramfs or a disk.
descriptors() {
	local fd target strange=
	vmm=$(pid_in jailed vmm.pid)
	for fd in /proc/"$vmm"/fd/*; do
		target=$(readlink "$fd") || continue
		case $target in
		anon_inode:kvm-vm | anon_inode:kvm-vcpu:* | anon_inode:*event*) ;;
		anon_inode:*io_uring* | anon_inode:*signalfd* | anon_inode:*timerfd*) ;;
		socket:* | pipe:* | /dev/null | /dev/kvm | /memfd:guest-memory*) ;;
		*/guest/vmlinux | */guest/initramfs.img | *.erofs) ;;
		*) strange="$strange $target" ;;
		esac
	done
	expect_equal "$strange" ""
}

calls() {
	local trace=$work/trace tid n
	vmm=$(pid_in jailed vmm.pid)
	timeout 20 strace -f -qq -o "$trace" -p "$vmm" &
	within 10 grep -q "TracerPid:[[:space:]]*[1-9]" "/proc/$vmm/status"
	expect_output well "$kata" exec jailed echo well
	kill "$!"
	wait "$!" || true
	while read -r tid; do
		n=$(sed -n "s/^$tid *\([a-z_0-9]*\)(.*/\1/p" "$trace" | sort -u | wc -l)
		echo "thread $tid: $n different calls"
		[ "$n" -lt 40 ] || fail "thread $tid makes $n different system calls"
	done < <(cut -d' ' -f1 "$trace" | sort -u)
	expect_match trace 'epoll_wait'
}

# The debugger turns a call that is listed into getuid, which is harmless and not listed.
killed() {
	vmm=$(pid_in jailed vmm.pid)
	timeout 20 strace -f -qq -o /dev/null -e inject=epoll_wait:retval=0:syscall=getuid -p "$vmm" &
	timeout 10 "$kata" exec jailed echo well >"$work/out" 2>"$work/err" || true
	within 10 test ! -d "/proc/$vmm"
	within 10 test -s "$KATA_LIKE_STATE/default/jailed/failure"
	cp "$KATA_LIKE_STATE/default/jailed/failure" "$work/out"
	expect_match out 'did what its jail forbids: killed by seccomp \(system call 102 '
	"$kata" delete --force jailed >/dev/null 2>&1 || true
}

the_shim() {
	local caps cap expected=0
	start jailed
	vmm=$(pid_in jailed shim.pid)
	expect_equal "$(status Seccomp)" 2
	caps=$(status CapBnd)
	# As shim/confine.c lists them: files and their owners, users, networks, mounts and namespaces.
	for cap in 0 1 2 3 4 5 6 7 8 10 12 13 14 18 19 21 24 27 31 39; do
		expected=$((expected | 1 << cap))
	done
	expect_equal "$caps" "$(printf '%016x' "$expected")"
	expect_equal "$(status CapEff)" "$caps"
	expect_status 0 "$kata" delete --force jailed
}

as_ordinary_user() {
	local home=$work/home user=12345 as_user
	mkdir -p "$home/run" "$home/cache"
	cp -a "$busybox" "$home/rootfs"
	chmod 711 "$work"
	chown -R "$user:$user" "$home"
	chmod 666 /dev/kvm
	as_user="setpriv --reuid $user --regid $user --clear-groups env -i PATH=$PATH HOME=$home
		XDG_RUNTIME_DIR=$home/run KATA_LIKE_CACHE=$home/cache"
	# shellcheck disable=SC2086 # words
	expect_output "uid 0" $as_user "$kata" run --rm --rootfs "$home/rootfs" -- sh -c 'echo uid $(id -u)'
	# shellcheck disable=SC2086 # words
	expect_status 0 $as_user "$kata" run --detach --name mine --rootfs "$home/rootfs" -- sleep 1000
	vmm=$(cut -d' ' -f1 "$home/run/kata-like/default/mine/vmm.pid")
	expect_equal "$(status Uid | tr '\t' ' ')" "$user $user $user $user"
	rights
	separate user pid mnt ipc uts net
	empty_root
	limits
	# shellcheck disable=SC2086 # words
	expect_status 0 $as_user "$kata" delete --force mine
}

keeps_container=1
check "the VMM has a user of its own, no rights, no root, its own namespaces" as_root
check "neither another user nor the VMM's is heard by the shim, were its folder open to all" strangers
check "nothing is open in it but what the VM is made of" descriptors
check "each of its threads makes less than 40 different system calls" calls
keeps_container=
check "one that is not listed kills it, and the reason says which" killed
check "the shim has given up what it does not need" the_shim
check "an ordinary user has all that in a user namespace" as_ordinary_user
finish
