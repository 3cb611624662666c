#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `kata-like run`: output, status, options, bundles, and a root filesystem that stays as it was.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

output_and_status_come_back() {
	expect_status 7 "$kata" run --rm --rootfs "$busybox" -- sh -c 'echo out; echo err >&2; exit 7'
	expect_equal "$(cat "$work/out")" out
	expect_equal "$(cat "$work/err")" err
}

the_kernel_is_its_own() {
	expect_status 0 "$kata" run --rm --rootfs "$busybox" -- cat /proc/sys/kernel/osrelease
	[ -s "$work/out" ] || fail "no release"
	[ "$(cat "$work/out")" != "$(uname -r)" ] || fail "the same kernel as the host: $(uname -r)"
}

options_arrive() {
	expect_output "$(printf '%s\n' box v1 "" /usr 1000:100 2 ro tmpfs)" \
		"$kata" run --rm --rootfs "$busybox" --hostname box --env A=v1 --env B= \
		--workdir /usr --user 1000:100 --cpus 2 --memory 200M --read-only \
		--mount type=tmpfs,target=/mnt,size=1m -- sh -c '
		hostname; echo "$A"; echo "$B"; pwd; echo "$(id -u):$(id -g)"; nproc
		touch /x 2>/dev/null && echo rw || echo ro
		awk '\''$5 == "/mnt" { print $(NF - 2) }'\'' /proc/self/mountinfo
		awk '\''/MemTotal/ { if ($2 < 120000 || $2 > 204800) print "memory", $2 }'\'' /proc/meminfo'
}

the_root_filesystem_stays_as_it_was() {
	local before
	before=$(find "$busybox" -printf '%p %T@ %s\n' | sort | sha256sum)
	expect_output written "$kata" run --rm --rootfs "$busybox" -- \
		sh -c 'echo written >/etc/new; rm -rf /bin/vi /home; cat /etc/new'
	expect_equal "$(find "$busybox" -printf '%p %T@ %s\n' | sort | sha256sum)" "$before"
}

host_files_are_mounted() {
	mkdir -p "$work/data/sub"
	echo one >"$work/data/file"
	echo two >"$work/data/sub/file"
	expect_output "$(printf 'one\ntwo\nread-only')" "$kata" run --rm --rootfs "$busybox" \
		--mount "type=bind,source=$work/data,target=/data,ro" -- sh -c '
		cat /data/file /data/sub/file
		touch /data/new 2>/dev/null || echo read-only'
	[ ! -e "$work/data/new" ] || fail "the guest wrote through a read-only mount"
}

a_bundle_runs_and_stays_as_it_was() {
	local bundle=$work/bundle before
	mkdir "$bundle"
	ln -s "$busybox" "$bundle/rootfs"
	"$kata" spec --bundle "$bundle"
	sed -i -e 's/"terminal": *true/"terminal": false/' -e 's/"sh"/"sh", "-c", "echo $0 $V; exit 3", "x"/' \
		-e 's/"TERM=xterm"/"V=from-bundle"/' "$bundle/config.json"
	before=$(find "$bundle" -printf '%p %T@ %s\n' | sort)
	expect_status 3 "$kata" run --rm --bundle "$bundle"
	expect_equal "$(cat "$work/out")" "x from-bundle"
	expect_equal "$(find "$bundle" -printf '%p %T@ %s\n' | sort)" "$before"
}

a_command_that_is_not_there_is_127() {
	expect_status 127 "$kata" run --rm --rootfs "$busybox" -- no-such-command
	expect_match err no-such-command
}

a_command_that_cannot_run_is_126() {
	expect_status 126 "$kata" run --rm --rootfs "$busybox" -- /etc
	expect_match err /etc
}

check "a command's output and status come back" output_and_status_come_back
check "the container's kernel is not the host's" the_kernel_is_its_own
check "hostname, environment, directory, user, processors, memory and mounts arrive" options_arrive
check "the root filesystem is never written to" the_root_filesystem_stays_as_it_was
check "files of the host are mounted read-only" host_files_are_mounted
check "a bundle runs, and is never written to" a_bundle_runs_and_stays_as_it_was
check "a command that is not there ends with 127" a_command_that_is_not_there_is_127
check "a command that cannot be executed ends with 126" a_command_that_cannot_run_is_126
finish
