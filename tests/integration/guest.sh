#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a container finds in the guest, and what the engine there does: clock, entropy, namespaces, failures
# that say where, kills, OOM kills, limits, hostile programs. One machine for all.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

keeps_container=yes

# bundle NAME PYTHON: one that the Python code changes.
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

member() {
	timeout 100 "$kata" run --rm --pod pod --name "$1" --bundle "$work/$1"
}

a_pod_stands() {
	bundle pod "
		process['args'] = ['sleep', '1000']; config['hostname'] = 'pod-host'
		for kind in ('bounding', 'effective', 'permitted'):
		    process['capabilities'][kind].append('CAP_SYS_TIME')"
	expect_output pod "$kata" run --detach --name pod --memory 256M --bundle "$work/pod"
}

surroundings_are_as_in_runc() {
	expect_status 0 "$kata" exec pod -- sh -c '
		hostname; cat /proc/sys/kernel/random/entropy_avail
		awk '\''$5 == "/dev/shm" { print $6, $(NF - 2) }'\'' /proc/self/mountinfo; stat -c %a /dev/shm
		head -c 16 /dev/random | wc -c'
	expect_equal "$(tr '\n' ' ' <"$work/out")" "pod-host 256 rw,nosuid,nodev,noexec,relatime tmpfs 1777 16 "
}

the_clock_follows_the_host() {
	local before there
	before=$(date +%s)
	there=$("$kata" exec pod -- date +%s)
	[ "$there" -ge "$((before - 1))" ] || fail "$there, before $before"
	[ "$there" -le "$(($(date +%s) + 1))" ] || fail "$there, after $(date +%s)"
	expect_status 0 "$kata" exec pod -- date -s @1000000000
	within 60 sh -c "[ \$('$kata' exec pod -- date +%s) -gt 1500000000 ]"
}

namespaces_are_joined_and_made() {
	bundle shares "
		for namespace in linux['namespaces']:
		    if namespace['type'] in ('pid', 'ipc', 'uts'): namespace['path'] = '/proc/1/ns/' + namespace['type']
		config.pop('hostname')
		sh('hostname; ps | grep -c \"[s]leep 1000\"')"
	expect_output "$(printf 'pod-host\n1')" member shares
	bundle apart "
		linux['namespaces'].append({'type': 'time'})
		linux['timeOffsets'] = {'boottime': {'secs': 864000, 'nanosecs': 0}}
		sh('ps | grep -c \"[s]leep 1000\"; [ \$(cut -d. -f1 /proc/uptime) -gt 864000 ] && echo later')"
	expect_output "$(printf '0\nlater')" member apart
	bundle mapped "
		linux['namespaces'] += [{'type': 'user'}, {'type': 'network'}]
		linux['uidMappings'] = linux['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
		sh('cat /proc/self/uid_map; id -u')"
	expect_status 0 member mapped
	expect_equal "$(tr -s ' \n' ' ' <"$work/out")" " 0 100000 65536 0 "
}

failures_say_where() {
	bundle wrong "config['mounts'].append({'destination': '/x', 'type': 'nofs', 'source': 'x'})"
	expect_status 125 member wrong
	expect_match err 'mounting: cannot mount x on /x: the kernel has no file system "nofs"'
	expect_status 1 "$kata" state wrong
	bundle wrong "linux['resources'] = {'memory': {'swappiness': 60}}"
	expect_status 125 member wrong
	expect_match err 'swappiness'
	bundle wrong "process['cwd'] = '/proc/self/fd/7'; sh('pwd')"
	expect_status 125 member wrong
	expect_match err 'directory'
	expect_status 127 "$kata" exec pod -- no-such-program
	# Nothing of them is left in the guest.
	expect_output pod "$kata" exec pod -- sh -c 'ls -d /sys/fs/cgroup >/dev/null; echo pod'
}

kill_reaches_one_or_all() {
	bundle many "sh('trap \"echo one\" USR1; sh -c \"trap \\\\\"echo two\\\\\" USR1; while :; do sleep 0.2; done\" & echo ready; while :; do sleep 0.2; done')"
	member many >"$work/many.out" 2>&1 &
	within 60 grep -q ready "$work/many.out"
	sleep 1
	expect_status 0 "$kata" kill many USR1
	within 20 grep -q one "$work/many.out"
	! grep -q two "$work/many.out" || fail "the other got it as well"
	expect_status 0 "$kata" kill --all many USR1
	within 20 grep -q two "$work/many.out"
	expect_status 0 "$kata" kill --all many KILL
	local status=0
	wait $! || status=$?
	expect_equal "$status" 137
}

oom_kills_and_the_exit_are_told() {
	bundle hog "
		linux['resources'] = {'memory': {'limit': 30 << 20, 'swap': 30 << 20}}
		sh('echo ready; read x; x=\$(head -c 100000000 /dev/zero | tr \"\\\\0\" x)')"
	mkfifo "$work/go"
	timeout 100 "$kata" run --rm -i --pod pod --name hog --bundle "$work/hog" <"$work/go" >"$work/hog.out" 2>&1 &
	local pid=$! status=0
	exec 5>"$work/go"
	within 60 grep -q ready "$work/hog.out"
	"$kata" events --interval 1 hog >"$work/events" 5>&- &
	within 30 grep -q '"type":"stats"' "$work/events"
	echo go >&5
	exec 5>&-
	wait "$pid" || status=$?
	expect_equal "$status" 137
	within 10 grep -Eq '"type":"exit","id":"hog","data":\{"status":137,"exited_at":"2[0-9-]+T[0-9:.]+Z"\}' \
		"$work/events"
	# The others go on.
	expect_status 0 "$kata" exec pod -- true
}

limits_change_while_it_runs() {
	expect_status 0 "$kata" update --memory 64M --pids-limit 77 pod
	expect_output "$(printf '67108864\n77')" "$kata" exec pod -- sh -c '
		cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
}

a_fork_bomb_stays_in_its_limit() {
	bundle bomb "
		linux['resources'] = {'pids': {'limit': 50}}
		sh('n=0; while [ \$n -lt 400 ]; do (sleep 100 &) 2>/dev/null || failed=yes; n=\$((n + 1)); done; echo \$failed')"
	expect_status 0 member bomb
	expect_status 0 "$kata" exec pod -- true
}

a_hostile_image_stays_in_its_root() {
	bundle hostile "
		config['mounts'].append({'destination': '/link/inside', 'type': 'tmpfs', 'source': 'tmpfs', 'options': []})
		process['capabilities']['bounding'] = process['capabilities']['effective'] = \
		    process['capabilities']['permitted'] = ['CAP_MKNOD', 'CAP_SETUID', 'CAP_DAC_OVERRIDE']
		sh('echo x >/proc/1/exe 2>/dev/null && echo overwritten; mknod /tmp/vda b 254 0 && head -c 1 /tmp/vda 2>/dev/null && echo opened; ls /proc/self/fd | wc -l')"
	expect_output 4 member hostile
	expect_status 0 "$kata" exec pod -- true
}

all_goes() {
	expect_status 0 "$kata" delete --force pod
	nothing_left
}

check "a pod stands" a_pod_stands
check "host name, entropy and /dev/shm are as in runc" surroundings_are_as_in_runc
check "the guest's clock follows the host's" the_clock_follows_the_host
check "namespaces are joined, made, set off and mapped" namespaces_are_joined_and_made
check "a create that fails says where, and leaves nothing" failures_say_where
check "kill reaches one process, or all" kill_reaches_one_or_all
check "OOM kills and the exit, with its status and time, are told" oom_kills_and_the_exit_are_told
check "limits change while it runs" limits_change_while_it_runs
check "a fork bomb stays in its limit" a_fork_bomb_stays_in_its_limit
check "a hostile program stays in its container" a_hostile_image_stays_in_its_root
keeps_container=
check "all of it goes" all_goes
finish
