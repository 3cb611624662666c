#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The network of a pod in short: CNI with the default model, ports, an interface that comes late, and
# the network without privileges. networks.sh has the rest.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/network-lib.sh"
need ip curl socat slirp4netns

mistakes_are_named() {
	expect_status 2 "$kata" run --net host --rootfs "$busybox" -- true
	expect_match err 'none of none, cni, cni:NAME, user, user:PROGRAM'
	expect_status 2 "$kata" run --net cni -p 80 --rootfs "$busybox" -- true
	expect_match err 'HOST:GUEST'
	expect_status 2 "$kata" run -p 80:80 --rootfs "$busybox" -- true
	expect_match err 'ports are published with'
	expect_status 125 "$kata" run --rm --net cni:nothing --rootfs "$busybox" -- true
	expect_match err 'no CNI network is called "nothing"'
	expect_status 125 "$kata" run --rm --net netns:/no/such --rootfs "$busybox" -- true
	expect_match err '/no/such'
	nothing_of_the_network_left
}

# One pod, looked at from many sides: a virtual machine takes seconds to boot here.
a_pod_has_what_cni_made() {
	start_pod pod --net cni:test -p 8080:80
	in_pod 'ip addr show eth0; ip route; ip -6 route; cat /etc/resolv.conf' >"$work/seen"
	grep -q 'inet 10.88.0.[0-9]*/24 brd 10.88.0.255' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q 'inet6 fd88::[0-9a-f]*/64' "$work/seen" || fail "$(cat "$work/seen")"
	! grep -q tentative "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^default via 10.88.0.1 dev eth0' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^default via fd88::1 dev eth0' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^nameserver 10.88.0.1' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^search pod.test' "$work/seen" || fail "$(cat "$work/seen")"
}

packets_and_bytes_pass() {
	local address
	address=$(address_of pod)
	for size in 1 1472 4000; do
		busybox ping -c 1 -W 3 -s "$size" "$address" >/dev/null || fail "ping of $size bytes"
	done
	busybox ping -6 -c 1 -W 3 -s 1452 "$(address_of pod 6)" >/dev/null || fail "IPv6 ping"
	take_bytes 7001
	in_pod 'head -c 1000000 /dev/urandom >/tmp/data; nc 10.88.0.1 7001 </tmp/data; sha256sum </tmp/data' >"$work/sum"
	wait "$taker"
	expect_equal "$(sha256sum <"$work/received")" "$(cat "$work/sum")"
}

ports_are_published() {
	in_pod 'mkdir -p /www; echo published >/www/index.html; httpd -p 80 -h /www'
	expect_output published curl -s -m 5 "http://10.88.0.1:8080/"
}

localhost_of_the_namespace_is_the_pods() {
	in_pod 'httpd -p 127.0.0.1:81 -h /www; httpd -p "[::1]:82" -h /www'
	expect_output published nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:81/
	expect_output published nsenter --net="$netns" curl -s -m 5 "http://[::1]:82/"
	# As clients of localhost do, which try one family and then the other.
	expect_output published nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:82/
	! nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:83/ || fail "port 83 answered"
}

a_late_interface_comes_and_goes() {
	ip link add hot0 type veth peer name hot1 netns "$netns"
	ip link set hot0 up
	nsenter --net="$netns" sh -c 'ip addr add 10.99.1.2/24 dev hot1; ip link set hot1 up'
	ip addr add 10.99.1.1/24 dev hot0
	within 10 busybox ping -c 1 -W 1 10.99.1.2
	nsenter --net="$netns" ip route add 10.97.0.0/16 via 10.99.1.1
	within 5 in_pod 'ip route | grep -q "10.97.0.0/16 via 10.99.1.1"'
	ip link del hot0
	within 10 in_pod '! ip link show hot1 2>/dev/null'
}

statistics_count() {
	expect_status 0 "$kata" stats --json pod
	python3 - "$work/out" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1]))["network_interfaces"]
row = next(r for r in rows if r["Name"] == "eth0")
assert row["RxBytes"] > 5000 and row["TxBytes"] > 1000000, row
PY
	expect_status 0 "$kata" stats pod
	expect_match out 'eth0 .* received'
}

a_user_needs_no_privilege() {
	make_outside
	start_pod pod --net user -p 8081:80
	user_ports_are_published
	user_connections_end
	end_pod pod
	ip link del ext0
	nothing_of_the_network_left
}

check "what cannot be is named with its remedy" mistakes_are_named
keeps_container=1
check "a pod has the addresses, routes and name servers that CNI made" a_pod_has_what_cni_made
check "packets and bytes pass" packets_and_bytes_pass
check "published ports reach the pod" ports_are_published
check "localhost in the pod's namespace is the pod's" localhost_of_the_namespace_is_the_pods
check "an interface that comes late comes to the guest, and goes" a_late_interface_comes_and_goes
check "statistics count what was sent" statistics_count
keeps_container=
check "nothing is left of the pod's network" end_pod_and_look
check "a network without privileges brings every byte, and the end" a_user_needs_no_privilege
finish
