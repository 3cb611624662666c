# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # of ../lib.sh
# A containerd of our own for the tests, its images, and the look for what it or the shim left behind.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# A containerd of another version than the system's (with-containerd2).
[ -z "${KATA_LIKE_CONTAINERD-}" ] || PATH=$KATA_LIKE_CONTAINERD:$PATH
for program in containerd ctr python3; do
	command -v $program >/dev/null || {
		echo "SKIP: needs $program"
		exit 77
	}
done

runtime=io.containerd.kata-like.v2
image=docker.io/test/busybox:1
home=$work/containerd
export CONTAINERD_ADDRESS=$home/containerd.sock

without_cri='"io.containerd.grpc.v1.cri",'
# write_config [MORE]. What the tests have no use for costs containerd time and warnings.
write_config() {
	mkdir -p "$home"
	cat >"$home/config.toml" <<END
version = 2
root = "$home/root"
state = "$home/state"
disabled_plugins = [
	$without_cri
	"io.containerd.snapshotter.v1.aufs",
	"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
	"io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
address = "$CONTAINERD_ADDRESS"
[debug]
level = "info"
${1-}
END
}

# The shim is looked for in containerd's PATH.
start_containerd() {
	PATH=$KATA_LIKE_BUILD:$PATH containerd --config "$home/config.toml" >>"$home/log" 2>&1 &
	echo $! >"$home/pid"
	disown
	# Of containerd 2 some services are there before others.
	within 120 ctr image ls -q
}

# A case is a subshell: who was started in another is no child of it.
end_process() {
	kill "$1" "$2" 2>/dev/null || return 0
	within 20 sh -c "! kill -0 $2"
}

stop_containerd() {
	end_process "${1:--TERM}" "$(cat "$home/pid")"
	rm -f "$CONTAINERD_ADDRESS" "$CONTAINERD_ADDRESS.ttrpc"
}

# Follows containerd's events into $work/events until unfollow.
follow_events() {
	ctr events >"$work/events" 2>/dev/null &
	echo $! >"$work/events.pid"
	disown
	# It prints nothing before the first event; making a namespace is one.
	within 20 sh -c "ctr namespace create t\$\$ && sleep 0.3 && grep -q /namespaces/create '$work/events'"
}

unfollow() {
	end_process -TERM "$(cat "$work/events.pid")"
}

# events_of TASK: one a line, "TOPIC {JSON}", since follow_events.
events_of() {
	sed -n 's/^[^/]* \/tasks\/\(.*\)/\1/p' "$work/events" | grep "\"container_id\":\"$1\""
}

topics_of() {
	events_of "$1" | cut -d' ' -f1 | tr '\n' ' '
}

task_is() {
	ctr task ls | grep -Eq "^$1 +[0-9]+ +$2"
}

# run NAME [OPTION…] -- COMMAND…: `ctr run` of the busybox image.
run() {
	local name=$1
	local -a options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	timeout 60 ctr run --runtime $runtime "${options[@]}" "$image" "$name" "$@"
}

# Overrides: with the processes that stand for tasks.
our_processes() {
	local file name
	for file in /proc/[0-9]*/comm; do
		name=
		{ read -r name <"$file"; } 2>/dev/null
		case $name in
		kata-like-vmm | kata-like-task | containerd-shim) file=${file#/proc/} && echo "${file%/comm}" ;;
		esac
	done
	return 0
}

# Overrides: the folder of the namespace stays, and containerd has things of its own.
leftovers() {
	local pid
	comm -13 <(printf '%s\n' "$processes_before" | sort) <(our_processes | sort) |
		while read -r pid; do
			[ -n "$pid" ] && echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
		done
	comm -13 <(printf '%s\n' "$mounts_before") <(mounts) | sed 's/^/mount: /'
	find "$KATA_LIKE_STATE" /run/containerd/s -mindepth 1 ! -path "$KATA_LIKE_STATE/default" \
		! -path "$KATA_LIKE_STATE/k8s.io" 2>/dev/null | sed 's/^/file: /'
	find "$home"/state/io.containerd.runtime.v2.task -mindepth 2 -maxdepth 2 2>/dev/null |
		sed 's/^/bundle: /'
	find /sys/fs/cgroup/default -mindepth 1 -type d 2>/dev/null | sed 's/^/cgroup: /'
	return 0
}

# Overrides: what a failed case has left.
clean_up() {
	local id
	for id in $(timeout 20 ctr task ls -q 2>/dev/null); do
		timeout 20 ctr task kill -s KILL "$id" >/dev/null 2>&1
		timeout 20 ctr task delete -f "$id" >/dev/null 2>&1
	done
	for id in $(timeout 20 ctr container ls -q 2>/dev/null); do
		timeout 20 ctr container delete "$id" >/dev/null 2>&1
	done
}

end_suite() {
	! kill -0 "$(cat "$home/pid")" 2>/dev/null || clean_up
	stop_containerd 2>/dev/null
	rm -rf "$work"
}
trap end_suite EXIT

write_config
start_containerd
"$(dirname "${BASH_SOURCE[0]}")/oci-image.py" "$busybox" $image "$work/image.tar"
ctr image import "$work/image.tar" >/dev/null
