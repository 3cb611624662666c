#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The network of pods, with real network namespaces: CNI, each model, traffic of every kind, ports,
# interfaces that come and go, passt. KATA_LIKE_NETWORK_ROUNDS says how often they come and go.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

rounds=${KATA_LIKE_NETWORK_ROUNDS:-20}
export NETCONFPATH=$work/net.d

for tool in ip tc nft iperf3 nginx passt socat; do
	command -v "$tool" >/dev/null || {
		echo "SKIP: $tool is not installed"
		exit 77
	}
done
[ -x /usr/lib/cni/bridge ] || {
	echo "SKIP: the CNI plugins are not installed"
	exit 77
}

mkdir "$NETCONFPATH"
cat >"$NETCONFPATH/10-test.conflist" <<END
{"cniVersion": "0.4.0", "name": "test", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "dns": {"nameservers": ["10.88.0.1"], "search": ["pod.test"]},
   "ipam": {"type": "host-local", "dataDir": "$work/ipam",
    "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd88::/64"}]],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END

# --- What a case may leave behind beside what lib.sh looks for ---

links() {
	ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v '^cni0$' | sort
}

network_left() {
	comm -13 <(printf '%s\n' "$links_before") <(links) | sed 's/^/link: /'
	find /run/netns -name 'kata-like-*' 2>/dev/null | sed 's/^/namespace: /'
	find "$work/ipam" -type f -name '[0-9f]*' 2>/dev/null | sed 's/^/address: /'
	pgrep -x 'passt.*' | sed 's/^/passt: /'
	return 0
}

nothing_of_the_network_left() {
	local left
	for _ in $(seq 30); do
		left=$(network_left)
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	fail "left behind: $left"
}

in_pod() {
	"$kata" exec pod -- sh -c "$1"
}

# A pod that only waits, in the background.
start_pod() {
	local name=$1
	shift
	expect_status 0 "$kata" run -d --name "$name" "$@" --rootfs "$busybox" -- sleep 1000
}

end_pod() {
	"$kata" delete --force "$1"
}

address_of() {
	"$kata" exec "$1" -- sh -c "ip -4 -o addr show eth0" | sed 's/.*inet \([0-9.]*\).*/\1/'
}

# --- CNI with the default model ---

# One pod, looked at from many sides: a virtual machine takes seconds to boot here.
a_pod_has_what_cni_made() {
	start_pod pod --net cni:test -p 8080:80 -p 5353:53/udp
	in_pod 'ip addr show eth0; ip route; ip -6 route; cat /etc/resolv.conf' >"$work/seen"
	grep -q 'inet 10.88.0.[0-9]*/24 brd 10.88.0.255' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q 'inet6 fd88::[0-9a-f]*/64' "$work/seen" || fail "$(cat "$work/seen")"
	! grep -q tentative "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^default via 10.88.0.1 dev eth0' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^default via fd88::1 dev eth0' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^nameserver 10.88.0.1' "$work/seen" || fail "$(cat "$work/seen")"
	grep -q '^search pod.test' "$work/seen" || fail "$(cat "$work/seen")"
}

every_ping_size_passes() {
	local size
	address=$(address_of pod)
	for size in 0 1 100 1471 1472 1473 4000; do
		busybox ping -c 1 -W 3 -s "$size" "$address" >/dev/null || fail "ping of $size bytes"
	done
	busybox ping -6 -c 1 -W 3 -s 1452 fd88::2 >/dev/null || fail "IPv6 ping"
	in_pod 'for size in $(seq 1400 9 1472); do
		ping -q -c 1 -W 3 -s $size 10.88.0.1 >/dev/null || exit 1; done' ||
		fail "ping from the pod"
}

tcp_and_udp_pass() {
	address=$(address_of pod)
	in_pod 'dd if=/dev/zero bs=64k count=64 2>/dev/null | nc -l -p 7000 -e sh -c "cat >/dev/null; true" &
		true' &
	socat -u TCP-LISTEN:7001,reuseaddr - >"$work/received" &
	in_pod 'head -c 3000000 /dev/urandom >/tmp/data; nc 10.88.0.1 7001 </tmp/data; sha256sum </tmp/data' >"$work/sum"
	wait %2 || true
	expect_equal "$(sha256sum <"$work/received")" "$(cat "$work/sum")"
	socat -u UDP-RECV:7002 - >"$work/datagram" &
	# Its first datagram has the file's name in it; nobody answers.
	in_pod 'timeout 2 tftp -g -r datagram -l /tmp/none 10.88.0.1 7002; true'
	within 3 grep -q datagram "$work/datagram"
	kill %3 2>/dev/null || true
}

ports_are_published() {
	in_pod 'mkdir -p /www; echo published >/www/index.html; httpd -p 80 -h /www'
	expect_output published curl -s -m 5 "http://10.88.0.1:8080/"
}

localhost_of_the_namespace_is_the_pods() {
	local netns=/run/netns/kata-like-default-pod
	in_pod 'httpd -p 127.0.0.1:81 -h /www; httpd -p "[::1]:82" -h /www'
	expect_output published nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:81/
	expect_output published nsenter --net="$netns" curl -s -m 5 "http://[::1]:82/"
	# As clients of localhost do, which try one family and then the other.
	expect_output published nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:82/
	! nsenter --net="$netns" curl -s -m 5 http://127.0.0.1:83/ || fail "port 83 answered"
}

host_side_rules_work() {
	local veth
	address=$(address_of pod)
	veth=$(ip -o link show master cni0 | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | head -n 1)
	tc qdisc add dev "$veth" root netem loss 5% delay 2ms reorder 20%
	socat -u TCP-LISTEN:7003,reuseaddr - >"$work/received" &
	in_pod 'head -c 300000 /tmp/data | nc 10.88.0.1 7003; head -c 300000 /tmp/data | sha256sum' >"$work/sum"
	wait $! || true
	expect_equal "$(sha256sum <"$work/received")" "$(cat "$work/sum")"
	tc qdisc replace dev "$veth" root tbf rate 800kbit burst 10kb latency 100ms
	local before=${EPOCHREALTIME/./}
	in_pod 'head -c 200000 /tmp/data >/www/large'
	curl -s -m 20 -o "$work/large" "http://$address/large"
	# 200 kB towards the host are not shaped; what goes to the pod is.
	in_pod 'nc -l -p 7004 >/tmp/in' &
	sleep 1
	before=${EPOCHREALTIME/./}
	head -c 150000 /dev/zero | socat -u - "TCP:$address:7004"
	wait $! || true
	[ $((${EPOCHREALTIME/./} - before)) -gt 1000000 ] || fail "150 kB at 800 kbit/s took $((${EPOCHREALTIME/./} - before)) us"
	tc qdisc del dev "$veth" root
	nft add table netdev test
	nft "add chain netdev test in { type filter hook ingress device $veth priority 0; }"
	nft add rule netdev test in ip protocol icmp drop
	! busybox ping -c 1 -W 1 "$address" >/dev/null || fail "a dropped packet arrived"
	nft delete table netdev test
	busybox ping -c 1 -W 3 "$address" >/dev/null || fail "no packet arrives any more"
}

statistics_count() {
	expect_status 0 "$kata" stats --json pod
	python3 - "$work/out" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1]))["network_interfaces"]
row = next(r for r in rows if r["Name"] == "eth0")
assert row["RxBytes"] > 100000 and row["TxBytes"] > 1000000, row
PY
	expect_status 0 "$kata" stats pod
	expect_match out 'eth0 .* received'
}

# --- Interfaces that come and go ---

interfaces_come_and_go() {
	local netns=/run/netns/kata-like-default-pod i fds_before fds_after shim
	shim=$(cut -d' ' -f1 "$KATA_LIKE_STATE/default/pod/shim.pid")
	fds_before=$(find "/proc/$shim/fd" | wc -l)
	for i in $(seq "$rounds"); do
		ip link add hot0 type veth peer name hot1 netns "$netns"
		ip link set hot0 up
		nsenter --net="$netns" sh -c "ip addr add 10.99.$i.2/24 dev hot1; ip link set hot1 up"
		within 10 in_pod "ip addr show hot1 | grep -q 10.99.$i.2/24"
		if [ "$i" = 1 ]; then
			ip addr add 10.99.1.1/24 dev hot0
			within 5 busybox ping -c 1 -W 1 10.99.1.2
			nsenter --net="$netns" ip addr add 10.98.0.2/24 dev hot1
			nsenter --net="$netns" ip route add 10.97.0.0/16 via 10.98.0.1
			within 5 in_pod 'ip route | grep -q "10.97.0.0/16 via 10.98.0.1"'
			nsenter --net="$netns" ip addr del 10.98.0.2/24 dev hot1
			within 5 in_pod '! ip addr show hot1 | grep -q 10.98.0.2'
		fi
		ip link del hot0
		within 10 in_pod '! ip link show hot1 2>/dev/null'
	done
	sleep 0.5
	fds_after=$(find "/proc/$shim/fd" | wc -l)
	[ "$fds_after" -le $((fds_before + 1)) ] || fail "descriptors: $fds_before before, $fds_after after"
	! nsenter --net="$netns" ip -o link show | grep -v 'kltap[0-9]*:' | grep 'kl[a-z]*[0-9]' ||
		fail "devices are left"
	expect_equal "$(nsenter --net="$netns" ip -o link show | grep -c kltap)" 1
	busybox ping -c 1 -W 3 "$(address_of pod)" >/dev/null || fail "the first interface is gone too"
}

the_pod_ends() {
	end_pod pod
	nothing_of_the_network_left
}

# --- Other models ---

a_model_passes_traffic() {
	start_pod pod --net cni --net-model "$1"
	address=$(address_of pod)
	busybox ping -c 2 -W 3 "$address" >/dev/null || fail "ping by $1"
	busybox ping -c 1 -W 3 -s 4000 "$address" >/dev/null || fail "large ping by $1"
	busybox ping -c 1 -W 3 fd88::"${address##*.}" >/dev/null || true
	in_pod 'mkdir -p /www; echo by-model >/www/index.html; httpd -p 80 -h /www'
	expect_output by-model curl -s -m 5 "http://$address/"
	end_pod pod
	nothing_of_the_network_left
}

macvtap_passes_traffic() {
	a_model_passes_traffic macvtap
}

bridge_passes_traffic() {
	a_model_passes_traffic bridge
}

addresses_are_settled() {
	! ip -n "$1" addr | grep -q tentative
}

# Interfaces of four kinds in a namespace of somebody else's, which is as it was afterwards.
kinds_of_interfaces_pass_traffic() {
	local before
	ip netns add kinds
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip addr add 10.77.1.1/24 dev up0
	ip addr add 10.77.2.1/24 dev up0
	ip link add link up0 name up0.5 type vlan id 5
	ip addr add 10.77.3.1/24 dev up0.5
	ip link set up0.5 up
	ip link add link up1 name mv0 type macvlan mode bridge
	ip link add link up1 name vl0 type vlan id 5
	ip link set mv0 netns kinds
	ip link set vl0 netns kinds
	ip -n kinds addr add 10.77.1.2/24 dev mv0
	ip -n kinds link set mv0 up
	ip -n kinds addr add 10.77.3.2/24 dev vl0
	ip -n kinds link set vl0 up
	# It stays up: port-forward set it so, and others may have come to need it.
	ip -n kinds link set lo up
	within 5 addresses_are_settled kinds
	before=$(ip -n kinds -o link show | sed 's/^[0-9]*: //; s/ qlen.*//'; ip -n kinds addr; tc -n kinds qdisc)
	start_pod pod --net netns:/run/netns/kinds
	busybox ping -c 1 -W 3 10.77.1.2 >/dev/null || fail "macvlan"
	busybox ping -c 1 -W 3 10.77.3.2 >/dev/null || fail "vlan"
	expect_status 125 "$kata" run --rm --net netns:/run/netns/kinds --rootfs "$busybox" -- true
	expect_match err 'another VM'
	# A shim that dies leaves it to delete.
	kill -KILL "$(cut -d' ' -f1 "$KATA_LIKE_STATE/default/pod/shim.pid")"
	end_pod pod
	expect_equal "$(ip -n kinds -o link show | sed 's/^[0-9]*: //; s/ qlen.*//'; ip -n kinds addr; tc -n kinds qdisc)" "$before"
	ip netns del kinds
	ip link del up0
}

# --- passt ---

user_needs_no_tap() {
	ip link add ext0 type veth peer name ext1
	ip addr add 192.0.2.1/24 dev ext0
	ip link set ext0 up
	ip link set ext1 up
	ip route add default via 192.0.2.254
	start_pod pod --net user -p 8081:80
	in_pod 'mkdir -p /www; echo by-passt >/www/index.html; httpd -p 80 -h /www; ip addr show eth0'
	expect_output by-passt curl -s -m 5 http://127.0.0.1:8081/
	echo from-host >"$work/page"
	socat -U TCP-LISTEN:7005,reuseaddr "OPEN:$work/page" &
	expect_output from-host "$kata" exec pod -- sh -c 'timeout 10 nc 192.0.2.1 7005; true'
	end_pod pod
	ip link del ext0
	nothing_of_the_network_left
}

# --- Mistakes are named ---

mistakes_are_named() {
	expect_status 2 "$kata" run --net host --rootfs "$busybox" -- true
	expect_match err 'none of none, cni, cni:NAME, user and netns:PATH'
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

ip link set lo up
links_before=$(links)
check "what cannot be is named with its remedy" mistakes_are_named
keeps_container=1
check "a pod has the addresses, routes and name servers that CNI made" a_pod_has_what_cni_made
check "pings of every size up to the MTU and beyond pass" every_ping_size_passes
check "TCP and UDP pass" tcp_and_udp_pass
check "published ports reach the pod" ports_are_published
check "localhost in the pod's namespace is the pod's" localhost_of_the_namespace_is_the_pods
check "loss, shaping and a packet filter at the host's end act on the pod" host_side_rules_work
check "statistics count what was sent" statistics_count
check "interfaces that come and go do so in the guest, $rounds times" interfaces_come_and_go
keeps_container=
check "nothing is left of the pod's network" the_pod_ends
check "the model bridge passes traffic" bridge_passes_traffic
check "the model macvtap passes traffic" macvtap_passes_traffic
check "macvlan and vlan interfaces pass traffic, and are as they were after a crash" kinds_of_interfaces_pass_traffic
check "passt gives a network without a tap" user_needs_no_tap
finish
