#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian with systemd as a container's init: it boots, starts services in groups of its own, and shuts
# down in order.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

image=$KATA_LIKE_BUILD/guest/rootfs/systemd.erofs
if [ ! -e "$image" ]; then
	echo "SKIP: no $image (scripts/check.sh makes it)"
	exit 77
fi
keeps_container=yes

# What systemd wants of a container (systemd.io, "The Container Interface"): a writable cgroup of its own,
# /run and /tmp, CAP_SYS_ADMIN, and a word that it is in one.
it_boots() {
	mkdir "$work/bundle"
	"$kata" spec --bundle "$work/bundle"
	python3 - "$work/bundle/config.json" "$image" <<-'END'
		import json, sys
		config = json.load(open(sys.argv[1]))
		config["root"]["path"] = sys.argv[2]
		process = config["process"]
		process["terminal"] = False
		# What no container has a use for; an emulated host takes seconds for each.
		process["args"] = ["/sbin/init"] + [f"systemd.mask={name}" for name in (
		    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-sysctl.service",
		    "systemd-tmpfiles-setup-dev.service", "e2scrub_reap.service", "systemd-remount-fs.service",
		    "systemd-sysusers.service", "systemd-logind.service", "timers.target", "getty.target")]
		process["env"].append("container=oci")
		for kind in ("bounding", "effective", "permitted"):
		    process["capabilities"][kind].append("CAP_SYS_ADMIN")
		for mount in config["mounts"]:
		    if mount["destination"] == "/sys/fs/cgroup":
		        mount["options"].remove("ro")
		for path, mode in (("/run", "755"), ("/run/lock", "1777"), ("/tmp", "1777")):
		    config["mounts"].append({"destination": path, "type": "tmpfs", "source": "tmpfs",
		                             "options": ["nosuid", "nodev", "mode=" + mode]})
		json.dump(config, open(sys.argv[1], "w"))
	END
	expect_output box "$kata" run --detach --name box --memory 512M --bundle "$work/bundle"
	within 100 "$kata" exec box -- sh -c '[ "$(systemctl is-system-running)" = running ]'
	expect_output "" "$kata" exec box -- systemctl --failed --no-legend
}

services_have_groups_of_their_own() {
	expect_status 0 "$kata" exec box -- sh -c '
		printf "[Service]\nType=oneshot\nRemainAfterExit=yes\nMemoryMax=20M\nTasksMax=30\n" \
			>/run/systemd/system/test.service
		echo "ExecStart=/bin/sh -c \"cat /proc/self/cgroup >/run/test; exec sleep 0\"" \
			>>/run/systemd/system/test.service
		printf "[Service]\nMemoryMax=30M\nExecStart=sleep 1000\n" >/run/systemd/system/long.service
		systemctl daemon-reload && systemctl start test long
		cat /run/test
		cat /sys/fs/cgroup/system.slice/long.service/memory.max
		systemctl is-active long'
	expect_equal "$(cat "$work/out")" "$(printf '0::/system.slice/test.service\n31457280\nactive')"
}

execs_go_beside_it() {
	expect_output "0::/init.scope" "$kata" exec box -- cat /proc/self/cgroup
	expect_status 0 "$kata" ps box
	expect_match out 'systemd-journal'
	expect_match out 'sleep'
}

it_shuts_down_in_order() {
	expect_status 0 "$kata" kill box SIGRTMIN+3
	expect_output 0 timeout 60 "$kata" wait box
	expect_status 0 "$kata" delete box
	nothing_left
}

check "systemd boots as a container's init, and no unit fails" it_boots
check "its services run in groups of their own, with their limits" services_have_groups_of_their_own
check "execs go beside it, and ps lists all" execs_go_beside_it
check "its signal for that shuts it down in order" it_shuts_down_in_order
finish
