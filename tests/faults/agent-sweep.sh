#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails each call in turn that may fail for want of memory, descriptors, processes or space in the
# agent's container engine, as a program of this machine (agent/host.c): in the engine itself, and in
# the processes of its containers until these run their own program. A container is made, runs, has a
# process beside it and ends, or the error says why not; no cgroup, mount, process or file is left.
#
# Usage: agent-sweep.sh AGENT_HOST FAILING_LIBRARY
# Which calls, the variables of sweep-lib.sh say.
# shellcheck disable=SC2016,SC2317 # another shell expands; cases are called by name
set -u

if [ "$(id -u)" != 0 ] || [ ! -x /usr/bin/busybox ]; then
	echo "SKIP: needs root and a static busybox"
	exit 77
fi
# Mounts are of nobody else's business, and nobody else's are counted.
if [ -z "${KATA_LIKE_FAULTS_ALONE-}" ]; then
	KATA_LIKE_FAULTS_ALONE=1 exec unshare --mount --propagation private "$0" "$@"
fi

program=$1 library=$(realpath "$2")
KATA_LIKE_CGROUP2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
export KATA_LIKE_CGROUP2
if [ -z "$KATA_LIKE_CGROUP2" ]; then
	echo "SKIP: no cgroup v2 is mounted"
	exit 77
fi
if grep -q __asan_init "$program"; then
	echo "SKIP: a sanitizer has its own allocator, so none can be put before it"
	exit 77
fi
work=$(mktemp -d /tmp/kata-like-faults.XXXXXX)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/faults/sweep-lib.sh
. "$(dirname "$0")/sweep-lib.sh"

mkdir -p "$work/bundle/rootfs/"{bin,etc,proc,sys,dev,tmp,root}
cp /usr/bin/busybox "$work/bundle/rootfs/bin/"
ln -s busybox "$work/bundle/rootfs/bin/sh"
echo 'root:x:0:0::/root:/bin/sh' >"$work/bundle/rootfs/etc/passwd"
cat >"$work/bundle/config.json" <<'END'
{
  "ociVersion": "1.2.0",
  "process": {
    "terminal": false, "user": {"uid": 0, "gid": 0, "additionalGids": [5]},
    "args": ["/bin/sh", "-c", "echo of the container; exit 3"],
    "env": ["PATH=/bin"], "cwd": "/tmp", "noNewPrivileges": true, "oomScoreAdj": 10,
    "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 512}]
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "box",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
    {"destination": "/etc/passwd", "type": "bind", "source": "/etc/passwd", "options": ["bind", "ro"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
      {"type": "cgroup"}, {"type": "network"}],
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
    "maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys"],
    "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
      [{"names": ["kexec_load", "reboot"], "action": "SCMP_ACT_ERRNO"}]}
  }
}
END
# As long as the container lives, the other one runs beside it.
sed 's/exit 3/exec sleep 100/' "$work/bundle/config.json" >"$work/sleeping.json"
echo '{"args": ["/bin/sh", "-c", "echo of another; exit 4"], "cwd": "/", "env": ["PATH=/bin"],
	"user": {"uid": 0, "gid": 0}}' >"$work/exec.json"
mkdir "$work/sleeping"
cp "$work/sleeping.json" "$work/sleeping/config.json"
ln -s ../bundle/rootfs "$work/sleeping/rootfs"

mounts() {
	cut -d' ' -f5 /proc/self/mountinfo | sort
}
mounts_before=$(mounts)

# Of programs that are gone; another one of this name may run elsewhere.
left_behind() {
	local path pid
	comm -13 <(printf '%s\n' "$mounts_before") <(mounts) | sed 's/^/mount: /'
	for path in /run/kata-like-host-"$last" "$KATA_LIKE_CGROUP2"/kata-like-host-"$last"; do
		[ ! -e "$path" ] || find "$path" -type d
	done
	for pid in $(find /proc/[0-9]*/root -maxdepth 0 -lname "$work/*" 2>/dev/null | cut -d/ -f3); do
		echo "process $pid"
	done
}

# run STATUS TEXT ARG…: call number $at fails. It ends with STATUS and has said TEXT, or says why not.
run() {
	local status=0 left i expected=$1 text=$2
	shift 2
	KATA_LIKE_FAULT_PROGRAM=$(basename "$program") KATA_LIKE_FAULT_AT=$at KATA_LIKE_FAULT_COUNT=$work/count \
		KATA_LIKE_FAULT_REPORT=$work/report \
		timeout -k 1 20 sh -c 'echo $$ >"$1"; shift; LD_PRELOAD=$1; shift; export LD_PRELOAD; exec "$@"' \
		- "$work/pid" "$library" "$program" "$@" >"$work/out" 2>"$work/err" || status=$?
	last=$(cat "$work/pid")
	[ "$status" != 124 ] || fail "no end"
	! grep -a '^CRASHED' "$work/report" || fail "it crashed"
	if [ "$status" = "$expected" ] && [ "$(cat "$work/out")" = "$text" ]; then
		:
	elif [ "$status" -lt 128 ] || [ "$status" = 137 ]; then
		[ -s "$work/err" ] || fail "status $status, \"$(cat "$work/out")\", and no message"
	else
		fail "status $status: $(cat "$work/err")"
	fi
	for ((i = 0; i < 20; i++)); do
		left=$(left_behind)
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	fail "left behind: $left
after: $(cat "$work/err")"
}

a_container() {
	run 3 "of the container" "$work/bundle"
}

a_process_beside_it() {
	run 4 "of another" "$work/sleeping" "$work/exec.json"
}

# Whole: without a call that fails.
at=0
: >"$work/report"
truncate -s 4096 "$work/count"
if ! (set -e; a_container && grep -q 'of the container' "$work/out"; a_process_beside_it;
	grep -q 'of another' "$work/out") >"$work/case" 2>&1; then
	echo "not ok - without a call that fails it works"
	sed 's/^/# /' "$work/case" "$work/err"
	exit 1
fi

prove "a container is made, runs and ends: each call that may fail" a_container
prove "a process runs beside it: each call that may fail" a_process_beside_it
finish
