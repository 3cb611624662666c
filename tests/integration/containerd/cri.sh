#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A pod through CRI of containerd 2, which has the shim make the sandbox and hands streams over its socket.
# shellcheck disable=SC2154,SC2317 # of lib.sh; called by name
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
cache=${KATA_LIKE_CACHE:-/var/cache/kata-like}
/usr/bin/python3 -c 'import grpc' 2>/dev/null || {
	echo "SKIP: needs python3-grpcio"
	exit 77
}

configure() {
	stop_containerd -TERM
	without_cri=
	write_config "[plugins.\"io.containerd.grpc.v1.cri\"]
sandbox_image = \"docker.io/test/pause:1\"
[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata-like]
runtime_type = \"$runtime\"
sandboxer = \"shim\"
io_type = \"streaming\""
	start_containerd
	"$here/oci-image.py" "$busybox" docker.io/test/pause:1 "$work/pause.tar" sleep 100000
	ctr -n k8s.io image import "$work/pause.tar" >/dev/null
	ctr -n k8s.io image import "$work/image.tar" >/dev/null
}

templates() {
	find "$cache/templates" -type f -size +1M 2>/dev/null | wc -l
}

# Its VM's template is made for it, as there is none.
a_pods_output_is_whole() {
	rm -rf "$cache/templates"
	mkdir "$work/logs"
	expect_output 7 "$here/cri.py" "$CONTAINERD_ADDRESS" kata-like "$image" "$work/logs" \
		sh -c 'seq 1 100000; echo error >&2; exit 7'
	expect_equal "$(grep -c ' stdout F ' "$work/logs/log")" 100000
	expect_equal "$(sed -n 's/.* stderr F //p' "$work/logs/log")" error
	expect_equal "$(templates)" 1
}

configure
check "a pod runs through CRI from a template, and its output comes whole over the shim's socket" \
	a_pods_output_is_whole
finish
