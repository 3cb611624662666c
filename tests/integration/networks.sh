#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The networks of pods, as a whole: two pods and the host by each model, traffic of every kind, loss,
# shaping and packet filters, each kind of interface, crashes, interfaces that come and go
# KATA_LIKE_NETWORK_ROUNDS times (200), and networks without privileges. Arguments choose cases.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/network-lib.sh"
need ip tc nft iperf3 nginx slirp4netns socat curl

rounds=${KATA_LIKE_NETWORK_ROUNDS:-200}

# busybox, with the distribution's nginx, iperf3 and socat.
make_rootfs() {
	local file programs=(/usr/sbin/nginx /usr/bin/iperf3 /usr/bin/socat)
	rootfs=$work/rootfs
	cp -a "$busybox" "$rootfs"
	for file in "${programs[@]}" $(ldd "${programs[@]}" | grep -o '/[^ :]*' | sort -u); do
		mkdir -p "$rootfs${file%/*}"
		cp -L "$file" "$rootfs$file"
	done
	mkdir -p "$rootfs/var/log/nginx" "$rootfs/var/lib/nginx" "$rootfs/www"
	echo 'root:x:0:0::/:/bin/sh' >"$rootfs/etc/passwd"
	echo 'root:x:0:' >"$rootfs/etc/group"
	head -c 1000000 /dev/urandom >"$rootfs/www/large"
	echo by-nginx >"$rootfs/www/index.html"
	cat >"$rootfs/nginx.conf" <<'END'
user root;
pid /tmp/nginx.pid;
error_log /tmp/error.log;
events { worker_connections 64; }
http {
	access_log off;
	server { listen 80; listen [::]:80; root /www; }
}
END
}

ping_sizes() {
	"$here/ping-sizes.py" "$@" || fail "$*"
}

# iperf SERVER OPTION…: the load arrives, if it is more than a socket's buffer; what UDP loses is shown.
iperf() {
	timeout 60 iperf3 -J -c "$@" >"$work/iperf" ||
		fail "iperf3 $*: $(grep -o '"error":.*' "$work/iperf" | head -n 1)"
	python3 - "$work/iperf" "$*" <<'PY'
import json, sys
result = json.load(open(sys.argv[1]))
if "error" in result:
    sys.exit(f"iperf3 {sys.argv[2]}: {result['error']}")
end = result["end"]
if "sum" in end and end["sum"].get("lost_percent", 0) > 5:
    sys.exit(f"iperf3 {sys.argv[2]}: {end['sum']['lost_percent']} % lost")
total = end.get("sum_received") or end["sum"]
if not total["bytes"] > 0:
    sys.exit(f"iperf3 {sys.argv[2]}: nothing arrived")
PY
}

# limited_iperf BITS_PER_SECOND SERVER OPTION…: what arrives keeps to the rate, but for the first burst.
limited_iperf() {
	local rate=$1
	shift
	iperf "$@"
	python3 - "$work/iperf" "$rate" <<'PY'
import json, sys
got = json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"]
if got > 1.3 * int(sys.argv[2]):
    sys.exit(f"{got:.0f} bit/s arrived")
PY
}

# A name server that knows one name.
serve_names() {
	# By its path, not by a function: its process is the one to be ended.
	/usr/bin/python3 - <<'PY' &
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sock.bind(("::", 53))
while True:
    query, client = sock.recvfrom(512)
    known = b"\x04name\x03pod\x04test" in query and b"\0\x01\0\x01" in query
    head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + query[4:6]
    question = query[12 : query.index(b"\0", 12) + 5]
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x01\x02\x03" if known else b""
    sock.sendto(head + (b"\0\x01" if known else b"\0\0") + b"\0\0\0\0" + question + answer, client)
PY
	names=$!
}

names_are_resolved() {
	within 10 in_pod 'nslookup -type=a name.pod.test | grep -q 10.1.2.3'
}

is_echoed() {
	echo datagram | socat -t 3 -T 3 - "UDP:$1" | grep -q datagram
}

# From the published UDP port 5353 at the address.
datagrams_come_back() {
	in_pod 'timeout 60 socat UDP-LISTEN:5300,fork EXEC:cat >/dev/null 2>&1 &'
	within 5 in_pod 'netstat -un -l | grep -q :5300'
	within 20 is_echoed "$1:5353"
}

# --- Two pods and the host ---

two_pods() {
	local model=$1 first second first6 second6
	start_pod pod --net cni:test --net-model "$model" -p 8080:80 -p 5353:5300/udp
	start_pod other --net cni:test --net-model "$model"
	first=$(address_of pod) second=$(address_of other)
	first6=$(address_of pod 6) second6=$(address_of other 6)
	in_pod 'nginx -c /nginx.conf; iperf3 -s -D >/dev/null; until netstat -tln | grep -q :5201; do sleep 0.1; done'
	ping_sizes "$first" 0 1472 1
	ping_sizes "$first" 1473 9000 1500
	ping_sizes "$first6" 0 1452 100
	ping_sizes "$first6" 1440 1452 1
	"$kata" exec other -- sh -c "for size in 0 1 \$(seq 100 100 1400) 1471 1472 1473 4000; do
		ping -q -c 1 -W 5 -s \$size $first >/dev/null || { echo \$size; exit 1; }; done" ||
		fail "ping from pod to pod"
	in_pod "ping -q -c 1 -W 5 10.88.0.1 && ping -q -c 1 -W 5 $second && ping -6 -q -c 1 -W 5 $second6" >/dev/null ||
		fail "ping from the pod"
	expect_output by-nginx curl -s -m 10 "http://$first/"
	expect_output by-nginx curl -g -s -m 10 "http://[$first6]/"
	expect_output by-nginx curl -s -m 10 http://10.88.0.1:8080/
	expect_equal "$(curl -s -m 20 "http://$first/large" | sha256sum)" "$(sha256sum <"$rootfs/www/large")"
	expect_equal "$("$kata" exec other -- sh -c "wget -q -O - http://$first/large | sha256sum")" \
		"$(sha256sum <"$rootfs/www/large")"
	iperf "$first" -n 8M
	iperf "$first" -n 8M -R
	iperf "$first6" -n 4M -P 4
	iperf "$first" -n 4M -P 4 -R
	iperf "$first" -t 2 --bidir
	iperf "$first" -u -b 2M -t 2
	iperf "$first" -u -b 2M -t 2 -R
	timeout 60 "$kata" exec other -- iperf3 -c "$first" -n 4M >/dev/null || fail "iperf3 from pod to pod"
	timeout 60 "$kata" exec other -- iperf3 -c "$first6" -n 4M -R >/dev/null || fail "iperf3 -R from pod to pod"
	datagrams_come_back 10.88.0.1
	serve_names
	names_are_resolved
	kill "$names"
	end_pod other
	end_pod pod
	nothing_of_the_network_left
}

tcfilter() { two_pods tcfilter; }
macvtap() { two_pods macvtap; }
bridge() { two_pods bridge; }

# --- What the host does to a pod's frames ---

veth_of_pod() {
	ip -o link show master cni0 | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | head -n 1
}

host_side() {
	local veth address
	start_pod pod --net cni:test
	address=$(address_of pod)
	veth=$(veth_of_pod)
	in_pod 'mkdir -p /www; iperf3 -s -D >/dev/null; until netstat -tln | grep -q :5201; do sleep 0.1; done; head -c 300000 /dev/urandom >/tmp/data'
	tc qdisc add dev "$veth" root netem loss 5% delay 2ms reorder 20%
	take_bytes 7003
	in_pod 'nc 10.88.0.1 7003 </tmp/data; sha256sum </tmp/data' >"$work/sum"
	wait "$taker"
	expect_equal "$(sha256sum <"$work/received")" "$(cat "$work/sum")"
	iperf "$address" -n 1M
	tc qdisc replace dev "$veth" root tbf rate 800kbit burst 10kb latency 100ms
	# What goes to the pod is shaped; what comes from it is not.
	limited_iperf 800000 "$address" -n 200K
	! limited_iperf 800000 "$address" -n 1M -R 2>/dev/null || fail "what comes from the pod is shaped"
	tc qdisc del dev "$veth" root
	# As a NetworkPolicy has it: from the pod only this, to the pod only that.
	nft -f - <<END
table netdev test {
	chain in { type filter hook ingress device $veth priority 0; policy accept;
		ip protocol icmp drop
		tcp dport 7003 drop
	}
}
table bridge test {
	chain forward { type filter hook output priority 0; policy accept;
		oifname "$veth" tcp dport 5201 drop
	}
}
END
	! busybox ping -c 1 -W 1 "$address" >/dev/null || fail "a dropped packet arrived"
	! timeout 2 iperf3 -c "$address" -n 1K >/dev/null 2>&1 || fail "a dropped connection was made"
	nft delete table netdev test
	nft delete table bridge test
	busybox ping -c 1 -W 3 "$address" >/dev/null || fail "no packet arrives any more"
	iperf "$address" -n 2M
	end_pod_and_look
}

bandwidth_plugin() {
	sed 's/"name": "test"/"name": "slow"/; s/{"type": "portmap"/{"type": "bandwidth", "ingressRate": 800000, "ingressBurst": 80000, "egressRate": 1600000, "egressBurst": 80000},\n&/' \
		"$NETCONFPATH/10-test.conflist" >"$NETCONFPATH/20-slow.conflist"
	start_pod pod --net cni:slow
	in_pod 'iperf3 -s -D >/dev/null; until netstat -tln | grep -q :5201; do sleep 0.1; done'
	limited_iperf 800000 "$(address_of pod)" -n 300K
	limited_iperf 1600000 "$(address_of pod)" -n 500K -R
	end_pod_and_look
	rm "$NETCONFPATH/20-slow.conflist"
}

# --- Each kind of interface, several at once, in a namespace of somebody else's ---

addresses_are_settled() {
	! ip -n "$1" addr | grep -q tentative
}

# All of the namespace that a VM could change.
look_of() {
	ip -n "$1" -o link show | sed 's/^[0-9]*: //; s/ qlen.*//'
	ip -n "$1" -o addr show | sed 's/valid_lft.*//'
	ip -n "$1" route
	ip -n "$1" -6 route
	tc -n "$1" qdisc
	for interface in $(ip -n "$1" -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
		tc -n "$1" filter show dev "$interface" ingress
	done
}

# The kernel takes its time to tell that nobody holds the tap any more.
looks_like() {
	[ "$(look_of kinds)" = "$1" ]
}

end_kinds() {
	ip netns del kinds
	ip link del up0
	ip link del up2
}

make_kinds() {
	end_kinds 2>/dev/null || true
	ip netns add kinds
	ip link add up0 type veth peer name up1
	ip link add up2 type veth peer name up3
	ip link set up0 up
	ip link set up1 up
	ip link set up2 up
	ip link set up3 up
	ip addr add 10.77.1.1/24 dev up0
	ip addr add 10.77.4.1/24 dev up2
	ip addr add fd77::1/64 dev up0 nodad
	ip link add link up0 name up0.5 type vlan id 5
	ip addr add 10.77.3.1/24 dev up0.5
	ip link set up0.5 up
	ip link add link up1 name mv0 type macvlan mode bridge
	ip link add link up1 name vl0 type vlan id 5
	ip link add link up3 name iv0 type ipvlan mode l2
	ip link set mv0 netns kinds
	ip link set vl0 netns kinds
	ip link set iv0 netns kinds
	ip -n kinds tuntap add dev own0 mode tap vnet_hdr
	ip -n kinds link set own0 addrgenmode none
	ip -n kinds addr add 10.77.1.2/24 dev mv0
	ip -n kinds addr add fd77::2/64 dev mv0 nodad
	ip -n kinds link set mv0 up
	ip -n kinds addr add 10.77.3.2/24 dev vl0
	ip -n kinds link set vl0 up
	ip -n kinds addr add 10.77.4.2/24 dev iv0
	ip -n kinds link set iv0 up
	ip -n kinds addr add 10.77.5.2/24 dev own0
	ip -n kinds link set own0 up
	ip -n kinds neigh add 10.77.1.9 lladdr 02:00:00:00:00:09 dev mv0 nud permanent
	ip -n kinds route add 10.70.0.0/16 via 10.77.1.1 metric 50
	ip -n kinds route add 10.71.0.0/16 dev vl0
	ip -n kinds route add default via 10.77.1.1 src 10.77.1.2
	# It stays up: port-forward set it so, and others may have come to need it.
	ip -n kinds link set lo up
	within 5 addresses_are_settled kinds
}


kinds_pass() {
	for address in 10.77.1.2 10.77.3.2 10.77.4.2 fd77::2; do
		busybox ping -c 1 -W 3 "$address" >/dev/null || fail "$address does not answer"
	done
	ping_sizes 10.77.3.2 1460 1472 1
	ping_sizes 10.77.4.2 1460 1472 1
	in_pod 'ip addr; ip route; ip neigh' >"$work/seen"
	for line in 'inet 10.77.5.2/24 .* own0' '^10.70.0.0/16 via 10.77.1.1 dev mv0 *metric 50' \
		'^10.71.0.0/16 dev vl0' '^default via 10.77.1.1 dev mv0 *src 10.77.1.2' \
		'^10.77.1.9 dev mv0 lladdr 02:00:00:00:00:09 .*PERMANENT'; do
		grep -Eq "$line" "$work/seen" || fail "no \"$line\" in $(cat "$work/seen")"
	done
}

kinds_of_interfaces() {
	local before
	make_kinds
	before=$(look_of kinds)
	start_pod pod --net netns:/run/netns/kinds
	kinds_pass
	expect_status 125 "$kata" run --rm --net netns:/run/netns/kinds --rootfs "$busybox" -- true
	expect_match err 'another VM'
	# A VMM that dies: the shim undoes it.
	kill -KILL "$(pgrep -x kata-like-vmm | head -n 1)"
	within 10 looks_like "$before"
	end_pod pod
	start_pod pod --net netns:/run/netns/kinds
	# A shim that dies leaves it to delete.
	kill -KILL "$(pid_in pod shim.pid)"
	end_pod pod
	within 10 looks_like "$before"
	end_kinds
	nothing_of_the_network_left
}

# refused PATTERN: a VM in the namespace kinds is.
refused() {
	expect_status 125 "$kata" run --rm --net netns:/run/netns/kinds --rootfs "$busybox" -- true
	expect_match err "$1"
}

what_cannot_be_is_refused() {
	local before
	make_kinds
	ip -n kinds route add 10.80.0.0/16 via 10.77.1.1 table 100
	before=$(look_of kinds)
	refused 'table 100'
	ip -n kinds route del 10.80.0.0/16 table 100
	ip -n kinds route add 10.80.0.0/16 nexthop via 10.77.1.1 nexthop via 10.77.3.1
	refused 'next hops'
	ip -n kinds route del 10.80.0.0/16
	ip -n kinds route add blackhole 10.72.0.0/16
	refused '10.72.0.0/16 goes to no interface'
	ip -n kinds route del 10.72.0.0/16
	expect_equal "$(look_of kinds)" "$before"
	ip -n kinds link del iv0
	ip link add link up3 name iv1 type ipvlan mode l3
	ip link set iv1 netns kinds
	ip -n kinds addr add 10.77.4.2/24 dev iv1
	ip -n kinds link set iv1 up
	refused 'iv1'
	ip -n kinds link del iv1
	expect_status 125 "$kata" run --rm --net netns:/run/netns/kinds --net-model macvtap --rootfs "$busybox" -- true
	expect_match err 'mv0: the network model macvtap cannot join a macvlan; use tcfilter'
	end_kinds
	# A plugin that is not installed.
	cat >"$NETCONFPATH/30-none.conflist" <<END
{"cniVersion": "0.4.0", "name": "none-such", "plugins": [{"type": "no-such-plugin"}]}
END
	expect_status 125 "$kata" run --rm --net cni:none-such --rootfs "$busybox" -- true
	expect_match err 'no-such-plugin'
	rm "$NETCONFPATH/30-none.conflist"
	nothing_of_the_network_left
}

# --- Router advertisements ---

advertisements_are_not_heeded() {
	start_pod pod --net cni:test
	in_pod 'ip -6 addr show eth0; ip -6 route' >"$work/before"
	python3 - <<'PY'
import socket, struct
sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.getprotobyname("ipv6-icmp"))
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
prefix = socket.inet_pton(socket.AF_INET6, "fd99::")
data = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
data += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + prefix
for _ in range(3):
    sock.sendto(data, ("ff02::1", 0, 0, socket.if_nametoindex("cni0")))
PY
	sleep 1
	in_pod 'ip -6 addr show eth0; ip -6 route' >"$work/after"
	expect_equal "$(cat "$work/after")" "$(cat "$work/before")"
	iperf_server=$(address_of pod 6)
	in_pod 'iperf3 -s -D >/dev/null; until netstat -tln | grep -q :5201; do sleep 0.1; done'
	iperf "$iperf_server" -n 1M
	end_pod_and_look
}

# --- Interfaces that come and go ---

come_and_go() {
	local i fds_before fds_after shim vmm vmm_before
	start_pod pod --net cni:test
	shim=$(pid_in pod shim.pid)
	vmm=$(pgrep -x kata-like-vmm | head -n 1)
	fds_before=$(find "/proc/$shim/fd" | wc -l) vmm_before=$(find "/proc/$vmm/fd" | wc -l)
	for i in $(seq "$rounds"); do
		ip link add hot0 type veth peer name hot1 netns "$netns"
		ip link set hot0 up
		nsenter --net="$netns" sh -c "ip addr add 10.99.$i.2/24 dev hot1; ip link set hot1 up"
		ip addr add "10.99.$i.1/24" dev hot0
		within 10 busybox ping -c 1 -W 1 "10.99.$i.2"
		if [ "$i" = 1 ]; then
			nsenter --net="$netns" ip addr add 10.98.0.2/24 dev hot1
			nsenter --net="$netns" ip route add 10.97.0.0/16 via 10.98.0.1
			within 5 in_pod 'ip route | grep -q "10.97.0.0/16 via 10.98.0.1"'
			nsenter --net="$netns" ip addr del 10.98.0.2/24 dev hot1
			within 5 in_pod '! ip addr show hot1 | grep -q 10.98.0.2'
		fi
		ip link del hot0
		[ $((i % 20)) != 1 ] || within 10 in_pod '! ip link show hot1 2>/dev/null'
	done
	within 10 in_pod '! ip link show hot1 2>/dev/null'
	sleep 0.5
	fds_after=$(find "/proc/$shim/fd" | wc -l)
	[ "$fds_after" -le $((fds_before + 1)) ] || fail "the shim's descriptors: $fds_before before, $fds_after after"
	fds_after=$(find "/proc/$vmm/fd" | wc -l)
	[ "$fds_after" -le $((vmm_before + 1)) ] || fail "the VMM's descriptors: $vmm_before before, $fds_after after"
	! nsenter --net="$netns" ip -o link show | grep -v 'kltap[0-9]*:' | grep 'kl[a-z]*[0-9]' ||
		fail "devices are left"
	expect_equal "$(nsenter --net="$netns" ip -o link show | grep -c kltap)" 1
	expect_equal "$(nsenter --net="$netns" tc qdisc | grep -c ingress)" 2
	busybox ping -c 1 -W 3 "$(address_of pod)" >/dev/null || fail "the first interface is gone too"
	end_pod_and_look
}

# --- Without privileges ---

# Makes $kata the program as a person runs it who may open /dev/kvm and nothing else, in $KATA_LIKE_STATE's
# folder, and $rootfs and $busybox folders of that person.
become_ordinary() {
	local home=${KATA_LIKE_STATE%/*} user=54321 group
	group=$(stat -c %g /dev/kvm)
	# Where nobody has set that up.
	[ "$group" != 0 ] || chgrp $((group = user)) /dev/kvm
	chmod g+rw /dev/kvm
	chmod 711 "$work"
	cp -a "$busybox" "$home.busybox"
	cp -a "$rootfs" "$home.rootfs"
	mkdir "$home" "$home.home"
	chown -R "$user:$user" "$home" "$home".*
	cat >"$work/kata-like" <<END
#!/bin/sh
cd "$home.home"
exec setpriv --reuid $user --regid $user --groups $group --inh-caps=-all -- \
	env -i PATH=/usr/bin:/bin HOME="$home.home" XDG_RUNTIME_DIR="$home" "$kata" "\$@"
END
	chmod 755 "$work/kata-like"
	kata=$work/kata-like busybox=$home.busybox rootfs=$home.rootfs
}

# The VM and its helper are the user's, and have no capability.
nobody_has_privileges() {
	local pid
	for pid in $(pgrep 'kata-like-vmm|slirp4netns'); do
		grep -Pq '^Uid:\t54321\t54321\t' "/proc/$pid/status" || fail "$(cat "/proc/$pid/status")"
		[ "$(cat "/proc/$pid/comm")" != slirp4netns ] ||
			grep -Pq '^CapEff:\t0*$' "/proc/$pid/status" || fail "$(cat "/proc/$pid/status")"
	done
}

without_privileges() {
	become_ordinary
	make_outside
	expect_output "1: lo:" "$kata" run --rm --net none --rootfs "$busybox" -- sh -c 'ip -o link | grep -o "^.: [^ ]*"'
	expect_status 125 "$kata" run --rm --net cni --rootfs "$busybox" -- true
	expect_match err '--net cni needs root.*; --net user does not'
	expect_status 125 "$kata" run --rm --net user -p 80:80 --rootfs "$busybox" -- true
	expect_match err 'TCP port 80 of the host: Permission denied'
	serve_names
	echo 'nameserver 192.0.2.1' >"$work/resolv.conf"
	chmod 644 "$work/resolv.conf"
	expect_status 0 unshare --mount sh -c 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"' x \
		"$work/resolv.conf" "$kata" run -d --name pod --net user -p 8081:80 -p 5353:5300/udp \
		--rootfs "$rootfs" -- sleep 100000
	nobody_has_privileges
	user_ports_are_published
	user_connections_end
	names_are_resolved
	kill "$names"
	serve_file "$rootfs/www/large" 2001:db8::1 7007
	in_pod 'timeout 10 nc 2001:db8::1 7007 </dev/null | sha256sum' >"$work/sum"
	kill "$server"
	expect_equal "$(cat "$work/sum")" "$(sha256sum <"$rootfs/www/large")"
	datagrams_come_back 192.0.2.1
	iperf3 -s -D -I "$work/iperf.pid" >/dev/null
	in_pod 'iperf3 -c 192.0.2.1 -n 4M && iperf3 -c 192.0.2.1 -n 4M -R -P 4' >/dev/null || fail iperf3
	kill "$(tr -d '\0' <"$work/iperf.pid")"
	# The host's own localhost is not the guest's to reach.
	serve_file "$work/page" 127.0.0.1 7009
	! in_pod 'timeout 3 nc 10.0.2.2 7009 </dev/null | grep -q .' || fail "the host's localhost answered"
	kill "$server"
	expect_status 0 "$kata" stats pod
	expect_match out 'eth0 .* received'
	end_pod pod
	ip link del ext0
	nothing_of_the_network_left
}

by_passt() {
	command -v passt >/dev/null || return 0
	make_outside
	start_pod pod --net user:passt -p 8081:80
	user_ports_are_published
	end_pod pod
	ip link del ext0
	nothing_of_the_network_left
}

make_rootfs
[ $# != 0 ] || set -- tcfilter macvtap bridge host_side bandwidth_plugin kinds_of_interfaces \
	what_cannot_be_is_refused advertisements_are_not_heeded come_and_go without_privileges by_passt
for name; do
	case $name in
	tcfilter | macvtap | bridge)
		check "two pods and the host talk with each other by $name" "$name"
		;;
	host_side) check "loss, shaping and packet filters at the host's end act on the pod" "$name" ;;
	bandwidth_plugin) check "the bandwidth plugin limits both directions" "$name" ;;
	kinds_of_interfaces) check "every kind of interface passes traffic, and is as it was after a crash" "$name" ;;
	what_cannot_be_is_refused) check "what cannot be joined is refused by name, and left as it was" "$name" ;;
	advertisements_are_not_heeded) check "IPv6 is the host's, whatever is advertised" "$name" ;;
	come_and_go) check "interfaces that come and go do so in the guest, $rounds times" "$name" ;;
	without_privileges)
		KATA_LIKE_STATE=$work/user/kata-like \
			check "an ordinary user's network has ports, names and both protocols" "$name"
		;;
	by_passt) check "passt makes a network on demand" "$name" ;;
	*) fail "there is no case $name" ;;
	esac
done
finish
