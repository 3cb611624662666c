#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hooks: those of the host and those of the guest, in their order, with their state; failing ones. One
# machine for all members of a pod.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

keeps_container=yes
log=$work/hooks.log
in_guest=/run/kata-like/root

# A hook that notes its stage, its environment and its state; then behaves as its second argument says.
cat >"$work/hook" <<-END
	#!/bin/sh
	state=\$(cat)
	pid=\$(echo "\$state" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
	{
		echo "stage \$1 \$(env | cut -d= -f1 | sort | tr '\n' ' ')"
		echo "\$state"
		[ -z "\$pid" ] || [ -d "/proc/\$pid" ] || echo "there is no process \$pid"
	} >>"$log"
	case \$2 in
	fail) echo "on purpose" >&2; exit 3 ;;
	hang) echo \$\$ >"$work/hanging"; exec sleep 1000 ;;
	esac
END
chmod +x "$work/hook"

# bundle NAME PYTHON: one that runs a shell, with `hooks` as the Python code sets them. h(STAGE) is a hook
# of the host, g(SCRIPT) one that the container's own shell runs in the guest.
bundle() {
	mkdir -p "$work/$1"
	rm -f "$work/$1/config.json" "$log"
	ln -sfn "$busybox" "$work/$1/rootfs"
	"$kata" spec --bundle "$work/$1"
	python3 - "$work/$1/config.json" "$2" <<-END
		import json, sys, textwrap
		def h(stage, behaviour="", **more):
		    return {"path": "$work/hook", "args": ["hook", stage, behaviour], "env": ["HOOK=yes"]} | more
		def g(script, root="$in_guest"):
		    return {"path": root + "/bin/busybox", "args": ["sh", "-c", script]}
		config = json.load(open(sys.argv[1]))
		process = config["process"]
		process["terminal"] = False
		process["args"] = ["sh", "-c", "cat /guest; echo ran; echo 'stage ran' >/proc/self/fd/2"]
		hooks = config["hooks"] = {}
		config["annotations"] = {"org.example.key": "value"}
		exec(textwrap.dedent(sys.argv[2]))
		json.dump(config, open(sys.argv[1], "w"))
	END
}

stages() {
	sed -n 's/^stage \([^ ]*\).*/\1/p' "$log" | tr '\n' ' '
}

member() {
	timeout 100 "$kata" run --rm --pod pod --name "$1" --bundle "$work/$1"
}

gone() {
	expect_status 1 "$kata" state "$1"
}

a_pod_stands() {
	expect_output pod "$kata" run --detach --name pod --rootfs "$busybox" -- sleep 1000
}

all_run_in_their_order() {
	bundle all "
		for s in ('prestart', 'createRuntime', 'poststart', 'poststop'): hooks[s] = [h(s), h(s + '2')]
		hooks['createContainer'] = [g('echo create \$(cat) >>$in_guest/guest')]
		hooks['startContainer'] = [g('echo start \$(cat) >>/guest', '')]"
	expect_status 0 member all
	expect_match out '^create .*"status":"creating"'
	expect_match out '^start .*"status":"created"'
	expect_equal "$(tail -n 1 "$work/out")" ran
	expect_equal "$(stages)" \
		"prestart prestart2 createRuntime createRuntime2 poststart poststart2 poststop poststop2 "
	# Only what the hook names; PWD and the like are the shell's.
	[ "$(grep -c '^stage.* HOOK' "$log")" = 8 ] || fail "environment: $(cat "$log")"
	! grep -q '^stage.* \(HOME\|PATH\|KATA_LIKE_STATE\)' "$log" || fail "environment: $(cat "$log")"
	! grep 'no process' "$log" || fail "a pid of nothing"
	python3 - "$log" <<-'END'
		import json, sys
		lines = open(sys.argv[1]).read().splitlines()
		states = [json.loads(line) for line in lines if line.startswith("{")]
		assert [s["status"] for s in states] == \
		    ["creating"] * 4 + ["running"] * 2 + ["stopped"] * 2, states
		for state in states:
		    assert state["id"] == "all" and state["ociVersion"] == "1.2.0", state
		    assert state["annotations"]["org.example.key"] == "value", state
		    assert state["bundle"].startswith("/"), state
		    assert ("pid" in state) == (state["status"] != "stopped"), state
	END
	gone all
}

a_failing_create_hook_fails_the_create() {
	local stage
	for stage in prestart createRuntime; do
		bundle failing "hooks['$stage'] = [h('$stage', 'fail'), h('never')]; hooks['poststop'] = [h('poststop')]"
		expect_status 125 member failing
		expect_match err "$stage hook $work/hook: it ended with status 3: on purpose"
		! grep -q ran "$work/out" || fail "it ran all the same"
		expect_equal "$(stages)" "$stage poststop "
		gone failing
	done
}

a_missing_hook_fails_the_create() {
	bundle missing "hooks['createRuntime'] = [h('x', path='/nothing-here')]"
	expect_status 125 member missing
	expect_match err 'createRuntime hook /nothing-here: .*No such file'
	gone missing
}

a_hook_that_takes_too_long_is_killed() {
	bundle slow "hooks['createRuntime'] = [h('createRuntime', 'hang', timeout=1)]"
	expect_status 125 member slow
	expect_match err 'createRuntime hook .*longer than 1 seconds'
	[ ! -d "/proc/$(cat "$work/hanging")" ] || fail "the hook goes on"
	gone slow
}

a_failing_guest_hook_fails_its_step() {
	bundle guest "hooks['createContainer'] = [g('echo create failed >&2; exit 4')]; hooks['poststop'] = [h('poststop')]"
	expect_status 125 member guest
	expect_match err 'createContainer hook .*busybox: it ended with status 4: create failed'
	expect_equal "$(stages)" "poststop "
	gone guest
	bundle guest "hooks['startContainer'] = [g('exit 5', '')]; hooks['poststop'] = [h('poststop')]"
	expect_status 125 member guest
	expect_match err 'startContainer hook /bin/busybox: it ended with status 5'
	expect_equal "$(stages)" "poststop "
	gone guest
}

a_failing_poststart_hook_stops_it() {
	bundle late "
		hooks['poststart'] = [h('poststart', 'fail')]; hooks['poststop'] = [h('poststop')]
		process['args'] = ['sleep', '1000']"
	expect_status 125 member late
	expect_match err 'poststart hook .*status 3'
	expect_equal "$(stages)" "poststart poststop "
	gone late
}

a_failing_poststop_hook_stops_nothing() {
	bundle end "hooks['poststop'] = [h('one', 'fail'), h('two')]"
	expect_status 0 member end
	expect_equal "$(stages)" "one two "
	gone end
}

nothing_stays() {
	expect_status 0 "$kata" delete --force pod
	nothing_left
}

check "a pod stands" a_pod_stands
check "hooks of all stages run in their order, with the state on their input" all_run_in_their_order
check "a failing hook of prestart or createRuntime fails the create, and poststop runs" \
	a_failing_create_hook_fails_the_create
check "a missing hook fails the create" a_missing_hook_fails_the_create
check "a hook that takes longer than its timeout is killed, and fails the create" \
	a_hook_that_takes_too_long_is_killed
check "a failing hook of the guest fails the create or the start" a_failing_guest_hook_fails_its_step
check "a failing hook of poststart stops the container" a_failing_poststart_hook_stops_it
check "a failing hook of poststop stops nothing" a_failing_poststop_hook_stops_nothing
keeps_container=
check "nothing stays" nothing_stays
finish
