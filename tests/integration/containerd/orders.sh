#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What other clients do than ctr: a network that comes between the calls, a task that never starts, and
# figures read field by field.
# shellcheck disable=SC2016,SC2154,SC2317 # the shell in the container expands; of lib.sh; called by name
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
/usr/bin/python3 -c 'import grpc' 2>/dev/null || {
	echo "SKIP: needs python3-grpcio"
	exit 77
}
# The system's own again, as timeout and its like do not see the function.
tasks() {
	local verb=$1
	shift
	/usr/bin/python3 "$here/client.py" "$CONTAINERD_ADDRESS" "$verb" "$@"
}

pid_of() {
	ctr task ls | awk -v name="$1" '$1 == name { print $2 }'
}

# give_interface PID ADDRESS: one end of a pair in its network namespace, as eth0.
give_interface() {
	ip link add kltest0 type veth peer name eth0 netns "$1"
	nsenter --net="/proc/$1/ns/net" sh -c "ip address add $2/24 dev eth0; ip link set eth0 up
		ip route add default via 10.77.0.1"
	ip link set kltest0 up
}

show_network='ip -4 -o address show eth0 | cut -d/ -f1; ip route | grep -c "^default via 10.77.0.1"'

# spec COMMAND [HOOK]: of a shell that runs it, on $work/rootfs, into $work/spec.
spec() {
	ctr oci spec >"$work/spec"
	python3 - "$work" "$@" <<-'END'
		import json, sys
		work, command, *hooks = sys.argv[1:]
		spec = json.load(open(work + "/spec"))
		spec["root"] = {"path": work + "/rootfs"}
		spec["process"]["terminal"] = False
		spec["process"]["args"] = ["sh", "-c", command]
		env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
		spec["hooks"] = {"prestart": [{"path": hook, "env": env} for hook in hooks]}
		json.dump(spec, open(work + "/spec", "w"))
	END
}

# Docker 26.0 and from 28 on, and ctr --cni.
the_network_comes_between_create_and_start() {
	spec "($show_network) >/seen; sleep 1000"
	ctr container create --runtime "$runtime" --config "$work/spec" box
	tasks create box bare
	give_interface "$(pid_of box)" 10.77.0.2
	tasks start box
	within 20 grep -q '^1$' "$work/rootfs/seen"
	grep -q 'inet 10.77.0.2' "$work/rootfs/seen" || fail "$(cat "$work/rootfs/seen")"
	tasks kill box 9
	expect_equal "$(tasks wait box)" 137
	tasks delete box
	ctr container delete box
	within 10 sh -c '! ip link show kltest0'
}

# Docker up to 25, 26.1 and 27: a hook that reads the pid from the state, while the task is made.
the_network_comes_by_a_hook() {
	{
		echo '#!/bin/bash'
		echo 'pid=$(grep -o "\"pid\": *[0-9]*" | grep -o "[0-9]*$")'
		declare -f give_interface
		echo 'give_interface "$pid" 10.77.0.3'
	} >"$work/hook"
	chmod +x "$work/hook"
	spec "$show_network" "$work/hook"
	expect_status 0 timeout 60 ctr run --rm --runtime "$runtime" --config "$work/spec" box
	expect_match out 'inet 10.77.0.3'
	expect_match out '^1$'
	within 10 sh -c '! ip link show kltest0'
}

# With the plugins and the configuration where ctr looks for them, and nobody else.
with_cni() {
	mkdir -p "$work/etc/cni/net.d"
	cat >"$work/etc/cni/net.d/10-test.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "test", "plugins": [
		  {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "$work/ipam",
		    "ranges": [[{"subnet": "10.78.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	END
	unshare --mount sh -c '
		mount -t overlay -o "lowerdir=$1/etc:/etc" overlay /etc
		mount -t tmpfs tmpfs /opt
		mkdir -p /opt/cni
		ln -s /usr/lib/cni /opt/cni/bin
		shift
		exec "$@"' sh "$work" "$@"
}

the_network_of_ctr_cni() {
	expect_status 0 with_cni timeout 60 ctr run --rm --cni --runtime "$runtime" "$image" box sh -c '
		ip -4 -o address show eth0; ping -c 1 -W 3 10.78.0.1'
	expect_match out 'inet 10.78.0.[0-9]+/'
	expect_match out ' 0% packet loss'
	expect_equal "$(find "$work/ipam" -name '10.78.*')" ""
}

a_task_that_never_started_is_killed() {
	follow_events
	ctr container create --runtime "$runtime" "$image" box true
	tasks create box
	tasks kill box 9
	expect_equal "$(tasks wait box)" 137
	expect_equal "$(tasks delete box)" 137
	ctr container delete box
	within 10 sh -c "grep -q /tasks/delete '$work/events'"
	expect_equal "$(topics_of box)" "create exit delete "
	expect_equal "$(events_of box | grep '^exit' | grep -o '"exit_status":[0-9]*')" '"exit_status":137'
	unfollow
}

# figure NAME: of $work/out, as client.py prints them; a number that is zero is not sent.
figure() {
	local value
	value=$(sed -n "s/^$1=//p" "$work/out")
	echo "${value:-0}"
}

more_than() {
	[ "$(figure "$1")" -gt "$2" ] || fail "$1 is not more than $2:
$(cat "$work/out")"
}

# cpu is in microseconds; see the numbers of fields in containerd's metrics.proto for cgroups of version 2.
figures_are_whole_and_move() {
	local cpu memory
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || fail "the test is for hosts with cgroups of version 2"
	run box -d --memory-limit 100000000 -- sleep 1000
	expect_status 0 tasks metrics box
	expect_equal "$(figure type)" io.containerd.cgroups.v2.Metrics
	expect_equal "$(figure 1.1)" 1
	cpu=$(figure 2.1)
	more_than 2.1 0
	more_than 2.3 0
	[ $(($(figure 2.2) + $(figure 2.3))) -le $((cpu + 1)) ] || fail "$(cat "$work/out")"
	memory=$(figure 4.32)
	more_than 4.1 0
	more_than 4.18 0
	more_than 4.32 50000
	more_than 4.33 99990000
	[ "$(figure 4.33)" -le 100000000 ] || fail "the limit is $(figure 4.33)"
	ctr task exec -d --exec-id busy box sh -c 'head -c 20000000 /dev/zero >/dev/shm/data
		i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; sleep 1000 & : >/done; wait'
	within 30 ctr task exec --exec-id look box test -e /done
	expect_status 0 tasks metrics box
	more_than 1.1 2
	more_than 2.1 $((cpu + 10000))
	more_than 4.32 $((memory + 19000000))
	more_than 4.2 19000000
	tasks kill box 9
	expect_equal "$(tasks wait box)" 137
	tasks delete box
	ctr container delete box
}

# Each line with the sandbox's id, and none of it where nobody debugs.
the_guests_log_is_joined_in() {
	stop_containerd -TERM
	expect_equal "$(grep -c 'guest: ' "$home/log")" 0
	sed -i 's/^level = .*/level = "debug"/' "$home/config.toml"
	start_containerd
	expect_output hi run talks --rm -- echo hi
	stop_containerd -TERM
	sed -i 's/^level = .*/level = "info"/' "$home/config.toml"
	start_containerd
	grep 'sandbox=talks' "$home/log" >"$work/out"
	expect_match out 'guest: .*Linux version .*kata-like'
	expect_match out 'guest: kata-like-agent: debug: StartContainer: answered'
	expect_match out 'guest: kata-like-agent: debug: talks/init ended with status 0'
	expect_match out 'vmm: '
}

cp -a "$busybox" "$work/rootfs"
check "an interface that comes after create and before start is there when the task starts" \
	the_network_comes_between_create_and_start
check "an interface that a prestart hook makes, by the pid of the state, is there" the_network_comes_by_a_hook
if [ -x /usr/lib/cni/ptp ]; then
	check "ctr run --cni has the network that CNI made" the_network_of_ctr_cni
else
	echo "# no CNI plugins"
fi
check "a task that is killed before it starts is stopped, and its one exit is told" \
	a_task_that_never_started_is_killed
check "a task's figures are of the host's cgroup version, whole, and move with what it does" \
	figures_are_whole_and_move
check "what the guest's kernel, its agent and the VMM say is in the log of a containerd that debugs" \
	the_guests_log_is_joined_in
finish
