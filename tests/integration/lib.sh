# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the integration tests share: where the programs are, how a case is run and reported, and the
# look for anything that was left behind, which follows every case.
#
# A test sources this file, defines functions, runs each with `check "SENTENCE" FUNCTION`, and ends
# with `finish`. In a function a failed expectation ends the case; its output is shown then.

: "${KATA_LIKE_BUILD:?is the folder with the built programs}"
: "${KATA_LIKE_BUSYBOX_ROOTFS:=$KATA_LIKE_BUILD/guest/rootfs/busybox}"
: "${KATA_LIKE_DEBIAN_ROOTFS:=$KATA_LIKE_BUILD/guest/rootfs/debian}"

kata=$KATA_LIKE_BUILD/kata-like
# shellcheck disable=SC2034 # for the tests
busybox=$KATA_LIKE_BUSYBOX_ROOTFS debian=$KATA_LIKE_DEBIAN_ROOTFS

# The system's own. What stands before it in PATH may be a script that looks for one, which takes an
# emulated host half a minute each time.
[ ! -x /usr/bin/python3 ] || python3() { /usr/bin/python3 "$@"; }

work=$(mktemp -d /tmp/kata-like-test.XXXXXX)
export KATA_LIKE_STATE=$work/state
failed=0
# A test whose cases share a container sets this, until the last one has removed it.
keeps_container=

if [ "$(id -u)" != 0 ]; then
	echo "SKIP: needs root, to make containers"
	exit 77
fi
if [ ! -x "$kata" ]; then
	echo "SKIP: $kata is not built"
	exit 77
fi

# Ends the case.
fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# expect_status N COMMAND…: stdout and stderr are in $work/out and $work/err afterwards.
expect_status() {
	local expected=$1 status=0
	shift
	"$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" = "$expected" ] && return
	fail "$(printf '%q ' "$@"): status $status instead of $expected
stdout: $(head -c 2000 "$work/out")
stderr: $(head -c 2000 "$work/err")"
}

# expect_output TEXT COMMAND…: all of stdout, but the newlines at its end; status 0.
expect_output() {
	local expected=$1
	shift
	expect_status 0 "$@"
	[ "$(cat "$work/out")" = "$expected" ] && return
	fail "$(printf '%q ' "$@"): printed
$(head -c 2000 "$work/out")
instead of
$expected
stderr: $(head -c 2000 "$work/err")"
}

# expect_match FILE PATTERN: an extended regular expression, in out or err of the last expectation.
expect_match() {
	grep -Eq -- "$2" "$work/$1" && return
	fail "no /$2/ in $1:
$(head -c 2000 "$work/$1")"
}

expect_equal() {
	[ "$1" = "$2" ] || fail "\"$1\" is not \"$2\""
}

# within SECONDS COMMAND…: until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "never came true: $*"
		sleep 0.1
	done
}

# The pid that the sandbox of container $1 keeps in file $2.
pid_in() {
	cut -d' ' -f1 "$KATA_LIKE_STATE/default/$1/$2" 2>/dev/null
}

# The same as soon as it is there, while the command line that "$pid" is makes it: $found.
find_pid() {
	found=
	until { read -r found _ <"$KATA_LIKE_STATE/default/$1/$2"; } 2>/dev/null; do
		kill -0 "$pid" 2>/dev/null || fail "it ended before there was a $2: $(cat "$work/err")"
		sleep 0.02
	done
}

# Without starting a process for each: that costs more than all else in an emulated host.
our_processes() {
	local file name
	for file in /proc/[0-9]*/comm; do
		name=
		{ read -r name <"$file"; } 2>/dev/null
		case $name in
		kata-like | kata-like-vmm | kata-like-agent | containerd-shim | virtiofsd)
			file=${file#/proc/}
			echo "${file%/comm}"
			;;
		esac
	done
	return 0
}

mounts() {
	cut -d' ' -f5 /proc/self/mountinfo | sort
}

leftovers() {
	local pid
	comm -13 <(printf '%s\n' "$processes_before" | sort) <(our_processes | sort) |
		while read -r pid; do
			[ -n "$pid" ] && echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
		done
	comm -13 <(printf '%s\n' "$mounts_before") <(mounts) | sed 's/^/mount: /'
	grep -F "$KATA_LIKE_STATE" /proc/net/unix | sed 's/^/socket: /'
	[ ! -d "$KATA_LIKE_STATE" ] || find "$KATA_LIKE_STATE" -mindepth 1 | sed 's/^/file: /'
	return 0
}

# Ends the case unless every process, mount, socket and file of ours has gone, soon.
nothing_left() {
	local i left
	for i in $(seq 50); do
		left=$(leftovers)
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	fail "left behind after ${i}00 ms:
$left"
}

# For the next case: what a failed one has left would fail all that follow.
clean_up() {
	local id
	if [ -d "$KATA_LIKE_STATE/default" ]; then
		for id in "$KATA_LIKE_STATE"/default/*; do
			timeout 20 "$kata" delete --force "${id##*/}" >/dev/null 2>&1
		done
	fi
	rm -rf "$KATA_LIKE_STATE"
}

trap 'clean_up; rm -rf "$work"' EXIT

# bundle NAME PYTHON: $work/NAME, a bundle whose config.json the Python code changes.
bundle() {
	rm -rf "${work:?}/$1"
	mkdir "$work/$1"
	ln -s "$busybox" "$work/$1/rootfs"
	"$kata" spec --bundle "$work/$1"
	python3 - "$work/$1/config.json" "$2" <<-'END'
		import json, sys, textwrap
		config = json.load(open(sys.argv[1]))
		process, linux = config["process"], config["linux"]
		process["terminal"] = False
		def sh(script): process["args"] = ["sh", "-c", script]
		exec(textwrap.dedent(sys.argv[2]))
		json.dump(config, open(sys.argv[1], "w"))
	END
}

# check SENTENCE FUNCTION
check() {
	local status
	processes_before=$(our_processes)
	mounts_before=$(mounts)
	(
		set -e
		"$2"
		[ -n "$keeps_container" ] || nothing_left
	) >"$work/case" 2>&1
	status=$?
	if [ $status = 0 ]; then
		echo "ok - $1"
		return
	fi
	echo "not ok - $1"
	sed 's/^/# /' "$work/case"
	find "$KATA_LIKE_STATE" -name '*.log' -exec tail -n 5 {} + 2>/dev/null | sed 's/^/# /'
	failed=1
	[ -n "$keeps_container" ] || clean_up
}

finish() {
	exit $failed
}
