# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of networks share: a network namespace of their own, in which bridges, addresses and
# packet filters go with the test, a CNI network in it, and the look for what was left behind.
[ -n "${KATA_LIKE_NETWORK_NAMESPACE-}" ] || KATA_LIKE_NETWORK_NAMESPACE=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/lib.sh"

export NETCONFPATH=$work/net.d
# shellcheck disable=SC2034 # for the tests
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2034
netns=/run/netns/kata-like-default-pod

# need TOOL…: skips the test without one of them, or without the CNI plugins.
need() {
	local tool
	for tool in "$@" /usr/lib/cni/bridge; do
		command -v "$tool" >/dev/null || {
			echo "SKIP: $tool is not installed"
			exit 77
		}
	done
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

links() {
	ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v '^cni0$' | sort
}

network_left() {
	comm -13 <(printf '%s\n' "$links_before") <(links) | sed 's/^/link: /'
	find /run/netns -name 'kata-like-*' 2>/dev/null | sed 's/^/namespace: /'
	find "$work/ipam" -type f -name '[0-9f]*' 2>/dev/null | sed 's/^/address: /'
	{ pgrep -x 'passt.*' || pgrep slirp4netns; } | sed 's/^/process: /'
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

# start_pod NAME OPTION…: one that only waits, in the background, on the rootfs $rootfs.
rootfs=$busybox
start_pod() {
	local name=$1
	shift
	expect_status 0 "$kata" run -d --name "$name" "$@" --rootfs "$rootfs" -- sleep 100000
}

end_pod() {
	"$kata" delete --force "$1"
}

end_pod_and_look() {
	end_pod pod
	nothing_of_the_network_left
}

# address_of POD [FAMILY]: of its eth0, without the link-local one.
address_of() {
	"$kata" exec "$1" -- ip "-${2:-4}" -o addr show eth0 |
		sed -n '/scope global/s/.*inet6* \([0-9a-f.:]*\).*/\1/p' | head -n 1
}

# The host beyond pods, which --net user reaches: 192.0.2.1 and 2001:db8::1, with default routes.
make_outside() {
	ip link del ext0 2>/dev/null || true
	ip link add ext0 type veth peer name ext1
	ip addr add 192.0.2.1/24 dev ext0
	ip addr add 2001:db8::1/64 dev ext0 nodad
	ip link set ext0 up
	ip link set ext1 up
	ip route add default via 192.0.2.254
	ip -6 route add default via 2001:db8::fe
}

is_listening() {
	ss -H -l -t -n | grep -q ":$1 "
}

# take_bytes PORT: one connection's, into $work/received, when it listens. Sets $taker.
take_bytes() {
	timeout 60 socat -u "TCP-LISTEN:$1,reuseaddr" - >"$work/received" &
	# shellcheck disable=SC2034 # for the tests
	taker=$!
	within 10 is_listening "$1"
}

# serve_file FILE ADDRESS PORT: to whoever connects, ending each connection after it. Sets $server.
serve_file() {
	local listen=TCP4-LISTEN bind=$2
	[[ $2 != *:* ]] || listen=TCP6-LISTEN bind="[$2]"
	socat -U "$listen:$3,bind=$bind,reuseaddr,fork" "OPEN:$1" >/dev/null 2>&1 &
	server=$!
	within 10 is_listening "$3"
}

# What a connection is worth that the guest closes first, in its direction: all bytes, and its end.
user_connections_end() {
	local sum
	head -c 300000 /dev/urandom >"$work/page"
	sum=$(sha256sum <"$work/page")
	serve_file "$work/page" 192.0.2.1 7005
	in_pod 'for i in 1 2 3 4 5 6; do timeout 10 nc 192.0.2.1 7005 </dev/null | sha256sum; done' >"$work/sums"
	kill "$server"
	expect_equal "$(uniq -c "$work/sums" | sed 's/^ *//')" "6 $sum"
	# The other way round: the server answers when it has seen the guest's end.
	socat TCP-LISTEN:7006,reuseaddr,fork EXEC:sort >/dev/null 2>&1 &
	server=$!
	within 10 is_listening 7006
	expect_output "$(printf 'a\nb')" "$kata" exec pod -- \
		sh -c 'printf "b\na\n" | timeout 10 nc 192.0.2.1 7006'
	kill "$server"
}

user_ports_are_published() {
	in_pod 'mkdir -p /www; echo by-user >/www/index.html; httpd -p 80 -h /www'
	expect_output by-user curl -s -m 5 http://127.0.0.1:8081/
	expect_status 125 "$kata" run --rm --net user -p 8081:80 --rootfs "$busybox" -- true
	expect_match err 'TCP port 8081 of the host: Address already in use; choose another'
}

ip link set lo up
# The first one mounts /run/netns, which stays.
ip netns add kata-like-test
ip netns del kata-like-test
# shellcheck disable=SC2034 # for network_left
links_before=$(links)
