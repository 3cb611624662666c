#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a container finds in the guest, and what the engine there does: clock, entropy, namespaces, failures
# that say where, kills, OOM kills, limits, hostile programs. One machine for all.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

keeps_container=yes
# 10,000 take a gigabyte of the machine's.
crowd=${KATA_LIKE_CROWD:-500}

member() {
	timeout 100 "$kata" run --rm --pod pod --name "$1" --bundle "$work/$1"
}

a_pod_stands() {
	bundle pod "
		process['args'] = ['sleep', '1000']; config['hostname'] = 'pod-host'
		for kind in ('bounding', 'effective', 'permitted'):
		    process['capabilities'][kind].append('CAP_SYS_TIME')"
	expect_output pod "$kata" run --detach --name pod --memory $((256 + crowd / 10))M --bundle "$work/pod"
}

surroundings_are_as_in_runc() {
	expect_status 0 "$kata" exec pod -- sh -c '
		hostname; cat /proc/sys/kernel/random/entropy_avail
		awk '\''$5 == "/dev/shm" { print $6, $(NF - 2) }'\'' /proc/self/mountinfo; stat -c %a /dev/shm
		head -c 16 /dev/random | wc -c'
	expect_equal "$(tr '\n' ' ' <"$work/out")" "pod-host 256 rw,nosuid,nodev,noexec,relatime tmpfs 1777 16 "
}

# Within a second, whichever way they differ.
clocks_agree() {
	local before there
	before=$(date +%s)
	there=$("$kata" exec pod -- date +%s)
	[ "$there" -ge "$((before - 1))" ] || fail "$there, before $before"
	[ "$there" -le "$(($(date +%s) + 1))" ] || fail "$there, after $(date +%s)"
}

# A pause of the container, one of the whole machine; in the end it is set wrong, to be right again further down.
the_clock_follows_the_host() {
	local vmm
	vmm=$(pid_in pod vmm.pid)
	clocks_agree
	expect_status 0 "$kata" pause pod
	kill -STOP "$vmm"
	sleep 3
	kill -CONT "$vmm"
	expect_status 0 "$kata" resume pod
	clocks_agree
	expect_status 0 "$kata" exec pod -- date -s @1000000000
}

the_clock_was_put_right() {
	within 60 sh -c "[ \$('$kata' exec pod -- date +%s) -gt 1500000000 ]"
	clocks_agree
}

an_id_mapped_mount_shifts_owners() {
	mkdir "$work/owners"
	touch "$work/owners/of-root" "$work/owners/of-seven"
	chown 7:7 "$work/owners/of-seven"
	mkfs.ext4 -q -d "$work/owners" "$work/owners.img" 4M
	bundle mapping "
		config['mounts'].append({
		    'destination': '/owners', 'type': 'ext4', 'source': '$work/owners.img', 'options': ['ro', 'idmap'],
		    'uidMappings': [{'containerID': 0, 'hostID': 4000, 'size': 5}, {'containerID': 7, 'hostID': 0, 'size': 1}],
		    'gidMappings': [{'containerID': 0, 'hostID': 5000, 'size': 10}]})
		sh('cd /owners; stat -c \"%n %u:%g\" of-*')"
	expect_output "$(printf 'of-root 4000:5000\nof-seven 0:5007')" member mapping
}

namespaces_are_joined_and_made() {
	bundle shares "
		for namespace in linux['namespaces']:
		    if namespace['type'] in ('pid', 'ipc', 'uts'): namespace['path'] = '/proc/1/ns/' + namespace['type']
		config.pop('hostname')
		linux['resources'] = {'blockIO': {'weight': 10}}
		sh('hostname; ps | grep -c \"[s]leep 1000\"; cat /sys/fs/cgroup/io.weight')"
	expect_output "$(printf 'pod-host\n1\ndefault 1')" member shares
	bundle apart "
		linux['namespaces'].append({'type': 'time'})
		linux['timeOffsets'] = {'boottime': {'secs': 864000, 'nanosecs': 0}}
		process['scheduler'] = {'policy': 'SCHED_DEADLINE', 'runtime': 50000000, 'deadline': 100000000,
		                        'period': 100000000, 'flags': ['SCHED_FLAG_RESET_ON_FORK']}
		sh('read -r stat </proc/self/stat; set -- \$stat; shift 40; echo policy \$1'
		   '; ps | grep -c \"[s]leep 1000\"; [ \$(cut -d. -f1 /proc/uptime) -gt 864000 ] && echo later')"
	expect_output "$(printf 'policy 6\n0\nlater')" member apart
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
	expect_equal "$(grep -Eo '"(oom|exit)"' "$work/events" | tr '\n' ' ')" '"oom" "exit" '
	# The others go on.
	expect_status 0 "$kata" exec pod -- true
}

limits_change_while_it_runs() {
	expect_status 0 "$kata" update --memory 64M --pids-limit 77 pod
	# Less than what is in use, and asked to look first.
	echo '{"memory": {"limit": 4096, "checkBeforeUpdate": true}}' >"$work/resources"
	expect_status 1 "$kata" update --resources "$work/resources" pod
	expect_match err 'memory.limit is 4096, below the [0-9]+ bytes that are in use'
	expect_output "$(printf '67108864\n77')" "$kata" exec pod -- sh -c '
		cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
	# What a disk's use costs is counted where weights are in force.
	echo '{"blockIO": {"weight": 500}}' >"$work/resources"
	expect_status 0 "$kata" update --resources "$work/resources" pod
	expect_output "$(printf 'default 4950\nin force')" "$kata" exec pod -- sh -c '
		cat /sys/fs/cgroup/io.weight; grep -q cost.usage /sys/fs/cgroup/io.stat && echo in force'
}

# Links and devices where mount points and files are looked for, a program with set-user-id, and one
# that means the agent's.
a_hostile_image_stands() {
	cp -a "$busybox" "$work/image"
	install -m 4755 "$KATA_LIKE_BUILD/tests/integration/hostile-image" "$work/image/hostile"
	install "$KATA_LIKE_BUILD/tests/integration/seccomp-listener" "$work/image/listener"
	ln -s / "$work/image/self"
	ln -s ../../../.. "$work/image/up"
	ln -s /proc/self/fd/5 "$work/image/five"
	mknod "$work/image/vda" b 254 0
	mknod "$work/image/mem" c 1 1
	printf '#!/proc/self/exe\n' >"$work/image/bin/agent"
	chmod 755 "$work/image/bin/agent"
	bundle hostile "
		config['mounts'] += [{'destination': '/' + name, 'type': 'tmpfs', 'source': 'tmpfs', 'options': []}
		                     for name in ('up/one', 'self/two')]
		process['args'] = ['sleep', '1000']
		process['capabilities'] = {name: ['CAP_MKNOD', 'CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_SETUID', 'CAP_SETGID']
		                           for name in ('bounding', 'effective', 'permitted')}
		linux['namespaces'] = [n for n in linux['namespaces'] if n['type'] != 'pid']"
	ln -sfn "$work/image" "$work/hostile/rootfs"
	expect_output hostile "$kata" run --detach --pod pod --name hostile --bundle "$work/hostile"
}

# The path is one of the machine's, whose /dev/shm a container may share: so the one who answers is a
# container of the pod.
a_seccomp_listener_answers() {
	bundle answerer "
		config['mounts'] = [m for m in config['mounts'] if m['destination'] != '/dev/shm'] + [
		    {'destination': '/dev/shm', 'type': 'bind', 'source': '/dev/shm', 'options': ['rbind']}]
		process['args'] = ['/listener', '/dev/shm/listener']"
	ln -sfn "$work/image" "$work/answerer/rootfs"
	bundle asker "
		linux['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerPath': '/dev/shm/listener',
		                    'listenerMetadata': 'some words',
		                    'syscalls': [{'names': ['getppid'], 'action': 'SCMP_ACT_NOTIFY'}]}
		sh('echo \$PPID')"
	expect_status 125 member asker
	expect_match err 'finding the seccomp listener: cannot connect to listenerPath /dev/shm/listener'
	expect_status 0 "$kata" run --detach --pod pod --name answerer --bundle "$work/answerer"
	expect_output 4711 member asker
	expect_output 0 "$kata" wait answerer
	expect_status 0 "$kata" logs answerer
	expect_match out '"pid":[1-9][0-9]+,"metadata":"some words".*"id":"asker"'
	expect_status 0 "$kata" delete answerer
}

# Without a pid namespace of its own the container sees the agent as process 1, and may trace it.
it_stays_in_its_root() {
	expect_output "$(
		cat <<-'END'
			/one tmpfs
			/two tmpfs
			/proc/1/exe: opened
			/vda: Operation not permitted
			/mem: Operation not permitted
			/tmp/vda: Operation not permitted
			/proc/1/exe: Text file busy
			/proc/1/exe: Read-only file system
			4
		END
	)" "$kata" exec hostile -- sh -c '
		awk '\''$2 ~ /(one|two)$/ { print $2, $3 }'\'' /proc/mounts
		mknod /tmp/vda b 254 0
		/hostile read /proc/1/exe /vda /mem /tmp/vda; /hostile overwrite /proc/1/exe
		ls /proc/self/fd | wc -l'
	for program in agent /proc/self/exe; do
		! "$kata" exec hostile -- "$program" 2>"$work/err" || fail "the agent runs again"
	done
	! "$kata" exec --workdir /five hostile -- pwd 2>"$work/err" || fail "there is a descriptor to enter"
	expect_match err 'entering the working directory: '
}

privileges_are_gained_only_where_they_may_be() {
	expect_output 'uid 0, capabilities 00000000080800c2' "$kata" exec --user 1000 hostile -- /hostile identity
	expect_output 'uid 1000, capabilities 0000000000000000' \
		"$kata" exec --user 1000 --no-new-privs hostile -- /hostile identity
}

a_fork_bomb_stays_in_its_limit() {
	bundle bomb "
		linux['resources'] = {'pids': {'limit': 50}}
		process['args'] = ['/hostile', 'crowd', '1000']"
	ln -sfn "$work/image" "$work/bomb/rootfs"
	member bomb >"$work/bomb.out" 2>&1 &
	within 60 grep -q '^49 of 1000 live: Resource temporarily unavailable' "$work/bomb.out"
	expect_status 125 "$kata" exec bomb -- true
	expect_match err 'cannot fork: Resource temporarily unavailable'
	expect_status 0 "$kata" exec pod -- true
	expect_status 0 "$kata" kill bomb KILL
	local status=0
	wait $! || status=$?
	expect_equal "$status" 137
}

a_crowd_stops_nobody() {
	bundle crowd "
		linux['sysctl'] = {'kernel.threads-max': str(3 * $crowd)}
		process['args'] = ['/hostile', 'crowd', '$crowd']"
	ln -sfn "$work/image" "$work/crowd/rootfs"
	member crowd >"$work/crowd.out" 2>&1 &
	within 60 grep -q "^$crowd of $crowd live: all" "$work/crowd.out"
	expect_status 0 "$kata" exec hostile -- true
	expect_status 0 "$kata" stats crowd
	expect_match out "^processes +$((crowd + 1))"
	expect_status 0 "$kata" kill crowd KILL
	local status=0
	wait $! || status=$?
	expect_equal "$status" 137
}

# It has no limit but the machine's memory.
a_memory_hog_is_what_gets_killed() {
	expect_status 137 "$kata" exec hostile -- /hostile hog
	expect_status 0 "$kata" exec pod -- true
	expect_status 0 "$kata" delete --force hostile
}

all_goes() {
	expect_status 0 "$kata" delete --force pod
	nothing_left
}

check "a pod stands" a_pod_stands
check "host name, entropy and /dev/shm are as in runc" surroundings_are_as_in_runc
check "the guest's clock follows the host's, through pauses" the_clock_follows_the_host
check "namespaces are joined, made, set off and mapped" namespaces_are_joined_and_made
check "an id-mapped mount of a disk shifts owners" an_id_mapped_mount_shifts_owners
check "a create that fails says where, and leaves nothing" failures_say_where
check "kill reaches one process, or all" kill_reaches_one_or_all
check "OOM kills and the exit, with its status and time, are told" oom_kills_and_the_exit_are_told
check "limits change while it runs" limits_change_while_it_runs
check "a hostile image runs" a_hostile_image_stands
check "a seccomp listener in the pod answers calls" a_seccomp_listener_answers
check "its links, devices and descriptors lead nowhere, and the agent's program cannot be written" it_stays_in_its_root
check "a set-user-id program gains privileges, but none with no_new_privs" privileges_are_gained_only_where_they_may_be
check "a fork bomb stays in its limit, and is killed" a_fork_bomb_stays_in_its_limit
check "$crowd processes at once stop nobody" a_crowd_stops_nobody
check "a memory hog is what the machine kills" a_memory_hog_is_what_gets_killed
check "a clock that was set wrong is put right" the_clock_was_put_right
keeps_container=
check "all of it goes" all_goes
finish
