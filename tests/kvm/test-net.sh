#!/bin/bash
# Network interfaces on taps: every size of frame, TCP and UDP both ways with offloads and without, several
# queue pairs, a cable that is pulled, and interfaces that come to a running VM and go again
# (KATA_LIKE_NET_TIMES times, 20 if not set).
# Usage: test-net.sh [one|hotplug|pairs]...
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# A network namespace of its own, so that taps and addresses go with the test.
[ -n "${KATA_LIKE_NET_NAMESPACE-}" ] || KATA_LIKE_NET_NAMESPACE=1 exec unshare --net "$0" "$@"
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

times=${KATA_LIKE_NET_TIMES:-20}
load=$KATA_LIKE_BUILD/tests/kvm/net-load
with_tap=$KATA_LIKE_BUILD/tests/kvm/with-tap
guest=10.7.0.2
mac=02:00:00:00:00:05
initrd=$work/initrd-net
cp "$KATA_LIKE_BUILD/tests/kvm/guest-init-net" "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc --quiet) >"$initrd"
ip link set lo up
mkfifo "$work/commands"

# make_tap NAME NETWORK [FLAG…]: a tap, the host's end of 10.NETWORK.0.0/24.
make_tap()
{
	local name=$1 network=$2
	shift 2
	ip tuntap add dev "$name" mode tap vnet_hdr "$@" && ip link set "$name" up &&
		ip address add "10.$network.0.1/24" dev "$name"
}

answers()
{
	grep -q -- "$1" "$work/answers"
}

answers_are()
{
	[ "$(grep -c -- "$1" "$work/answers")" = "$2" ]
}

tell()
{
	echo "$*" >&5
}

# start TAP QUEUES ARGUMENT…: a VM with that tap as descriptors 10, 11, … and a controlling process that
# does what it is told; its answers go to $work/answers.
start()
{
	local tap=$1 queues=$2
	shift 2
	rm -f "$work/console" "$work/log"
	: >"$work/answers"
	"$with_tap" "$tap" "$queues" 10 "$client" "$vmm" --console "$work/console" --log "$work/log" \
		--log-level debug --initrd "$initrd" --kernel "$KATA_LIKE_KERNEL" \
		--cmdline "$serial test_ip=$guest" "$@" <"$work/commands" >"$work/answers" &
	exec 5>"$work/commands"
	until_true 60 console 'guest: eth0 0'
}

stop()
{
	tell stop
	tell wait
	until_true 20 answers '^exit 0$'
	local good=$?
	exec 5>&-
	wait
	return "$good"
}

# Prints what the load program says, indented.
runs()
{
	local output
	output=$("$load" "$@") || return
	echo "	$*: $output"
}

ask()
{
	"$load" ask "$guest" "$@"
}

# The same name for the host's end: TCP to and from the guest, in little and in large pieces.
tcp()
{
	runs send "$guest" 4000000 65536 && runs receive "$guest" 4000000 65536 &&
		runs send "$guest" 1000000 1000 && runs receive "$guest" 1000000 1000 &&
		runs rr "$guest" 100 1
}

tcp6()
{
	local address
	# Not before the guest made sure that nobody else has its address.
	address=fe80::ff:fe00:5%$1
	until_true 10 "$load" rr "$address" 1 1 >/dev/null && runs send "$address" 4000000 65536 &&
		runs receive "$address" 4000000 65536
}

# Frames that tap0 received (RX) or sent, by the host's count. (Our /sys is of another namespace.)
frames()
{
	ip -s link show tap0 | awk -v way="$1:" 'seen { print $2; exit } $1 == way { seen = 1 }'
}

large_frames()
{
	local before after packets
	before=$(frames "$1")
	runs "$2" "$guest" 4000000 65536 || return
	after=$(frames "$1")
	packets=$((after - before))
	echo "	$packets frames for 4 MB"
	# 2,800 without segmentation offload.
	[ "$packets" -gt 0 ] && [ "$packets" -lt 1500 ]
}

counts()
{
	tell net-stats
	until_true 5 answers '^net .* tx_dropped=' &&
		grep -q "^net 0000:00:00.0 mac=$mac link=1 rx=[1-9][0-9]*/[1-9][0-9]*/0 tx=[1-9][0-9]*/[1-9][0-9]* tx_dropped=0" "$work/answers"
}

carrier_is()
{
	ask i eth0 | grep -q "carrier=$1"
}

pulled()
{
	tell "set-link 0000:00:00.0 0"
	until_true 5 answers '^ok set-link' || return
	! "$load" ping "$guest" 0 0 >/dev/null || return
	tell "set-link 0000:00:00.0 1"
	until_true 5 answers_are '^ok set-link' 2 && until_true 10 "$load" ping "$guest" 0 0 &&
		carrier_is 1
}

one_pair()
{
	start tap0 1 --net "fd:10,mac=$mac,mtu=1500"
}

prove_one_pair()
{
	prove 'a guest finds its interface' one_pair
	prove 'its address and MTU are those of the command line' \
		console "guest: eth0 0000:00:00.0 $mac mtu=1500 queues=1 carrier=1"
	prove 'ping with each payload up to the MTU is answered' "$load" ping "$guest" 0 1472
	prove 'and with payloads that are sent in fragments' "$load" ping "$guest" 65500 65507
	prove 'TCP runs both ways' tcp
	prove 'the guest sends large frames' large_frames RX receive
	prove 'the guest receives large frames' large_frames TX send
	prove 'TCP over IPv6 runs both ways' tcp6 tap0
	prove 'UDP comes back, also in fragments' runs udp "$guest" 200 1472
	prove 'likewise in fragments' runs udp "$guest" 30 20000
	prove 'four streams at once' runs receive "$guest" 1000000 65536 4
	prove 'the packets are counted' counts
	prove 'a cable that is pulled carries nothing until it is back' pulled
	ip link set tap0 down
	ip link set tap0 up
	prove 'an interface that was down on the host works again' "$load" ping "$guest" 0 3
	prove 'the VM ends in order' stop
}

prove_pairs()
{
	prove 'a guest with two CPUs uses two queue pairs' start tap1 4 \
		--cpus 2 --net "fd:10,fd:11,fd:12,fd:13,mac=$mac,mtu=9000"
	prove 'it has an MTU of 9000' console "guest: eth0 0000:00:00.0 $mac mtu=9000 queues=2"
	prove 'ping with large payloads is answered' "$load" ping "$guest" 8960 8972
	prove 'eight streams at once to the guest' runs send "$guest" 500000 65536 8
	prove 'and from it' runs receive "$guest" 500000 65536 8
	prove 'the guest takes one pair' ask q 1
	prove 'TCP runs on' runs send "$guest" 500000 65536 4
	prove 'the guest takes all four' ask q 4
	prove 'TCP runs on with four' runs receive "$guest" 500000 65536 8
	prove 'the VM with several pairs ends in order' stop
}

# The n-th answer to add-net.
address()
{
	sed -n 's/^ok add-net //p' "$work/answers" | sed -n "$1p"
}

come_and_go()
{
	local line
	tell fds
	for ((i = 1; i <= times; i++)); do
		tell "add-net tap2 1 1500"
		until_true 15 answers_are '^ok add-net' "$i" || return
		line=$(ask n 10.8.0.2) || return
		[[ $line = eth*" $(address "$i") "*mtu=1500* ]] || { echo "	$line"; return 1; }
		"$load" ping 10.8.0.2 1400 1403 || return
		[ "$(ask r "$(address "$i")")" = gone ] || return
		tell "remove $(address "$i")"
		until_true 15 answers_are '^ok remove$' "$i" || return
	done
	tell fds
	until_true 5 answers_are '^fds ' 2
}

same_fds()
{
	echo "	$(grep '^fds ' "$work/answers" | tr '\n' ' ')"
	[ "$(grep '^fds ' "$work/answers" | sort -u | wc -l)" = 1 ]
}

refused()
{
	tell 'add-net lo 1 1500'
	until_true 5 answers '^failed add-net: .*tap' || return
	"$load" ping "$guest" 0 0
}

prove_hotplug()
{
	prove 'a VM to which interfaces are added' start tap0 1 --net "fd:10,mac=$mac" --rng
	prove "an interface comes, moves frames and goes, $times times" come_and_go
	prove 'no descriptor of the VMM is left open' same_fds
	prove 'what is no tap is refused, and the VM goes on' refused
	prove 'the VM of comings and goings ends in order' stop
}

# Each part with the taps that it needs; all of them if none is named.
part()
{
	case $1 in
	one)
		make_tap tap0 7
		prove_one_pair
		ip link del tap0
		;;
	hotplug)
		make_tap tap0 7
		make_tap tap2 8
		prove_hotplug
		ip link del tap0
		ip link del tap2
		;;
	pairs)
		make_tap tap1 7 multi_queue
		ip link set tap1 mtu 9000
		prove_pairs
		ip link del tap1
		;;
	esac
}

[ $# -gt 0 ] || set -- one hotplug pairs
for name in "$@"; do
	part "$name"
done
finish
