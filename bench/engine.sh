#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Resident memory of the agent in a VM, without containers of note and with ten more.
set -euo pipefail
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

export KATA_LIKE_STATE
KATA_LIKE_STATE=$(mktemp -d)
work=$(mktemp -d)
kata=$build/kata-like
more=10
# shellcheck disable=SC2317 # called by trap
clean_up() {
	"$kata" delete --force pod >/dev/null 2>&1 || true
	rm -rf "$work" "$KATA_LIKE_STATE"
}
trap clean_up EXIT

# bundle NAME [PYTHON]
bundle() {
	mkdir "$work/$1"
	ln -s "$rootfs" "$work/$1/rootfs"
	"$kata" spec --bundle "$work/$1"
	python3 - "$work/$1/config.json" "${2-}" <<-'END'
		import json, sys
		config = json.load(open(sys.argv[1]))
		config["process"] |= {"terminal": False, "args": ["sleep", "10000"]}
		linux = config["linux"]
		exec(sys.argv[2])
		json.dump(config, open(sys.argv[1], "w"))
	END
}

# Of the VM's first process, as a container sees it that has no pid namespace of its own. Pages of the binary
# are not counted: they lie in the initramfs, which is memory already, and are there once.
# shellcheck disable=SC2016 # awk expands
agent_kib() {
	"$kata" exec pod -- awk '/^RssAnon/ { anon = $2 } /^VmRSS/ { all = $2 } END { print all, anon }' /proc/1/status
}

bundle pod "linux['namespaces'] = [n for n in linux['namespaces'] if n['type'] != 'pid']"
bundle member
"$kata" run --detach --name pod --memory 512M --bundle "$work/pod" >/dev/null </dev/null
read -r idle idle_anon < <(agent_kib)
for ((i = 0; i < more; i++)); do
	"$kata" run --detach --pod pod --name "member-$i" --bundle "$work/member" >/dev/null </dev/null
done
read -r full full_anon < <(agent_kib)
row "agent resident with one container" "$idle" "KiB ($idle_anon of it not the binary's)"
row "  more for each container, of $more" "$(((full - idle) / more))" "KiB ($full_anon not the binary's in all)"
