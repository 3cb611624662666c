#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guest of our own attacks every device of its machine (hostile/attacks.h). The VMM goes on, every
# device works again, and neither memory nor descriptors nor the log grow with the attacks. Meant for a
# VMM with sanitizers; needs less of KVM than Linux does, so it often runs where Linux cannot.
#
#	KATA_LIKE_BUILD		the build directory, with kata-like-vmm in it
#	KATA_LIKE_ROUNDS	how often everything is attacked (1)
# shellcheck disable=SC2317 # functions are called through prove
set -u

: "${KATA_LIKE_BUILD:?name the build directory}"
rounds=${KATA_LIKE_ROUNDS:-1}
vmm=$KATA_LIKE_BUILD/kata-like-vmm
guest=$KATA_LIKE_BUILD/tests/kvm/hostile-guest
with_fs=$KATA_LIKE_BUILD/tests/kvm/with-fs
with_tap=$KATA_LIKE_BUILD/tests/kvm/with-tap
tap=hostile$$
failures=0
work=$(mktemp -d)
client=
cleanup()
{
	ip link delete "$tap" 2>/dev/null
	[ -z "$client" ] || kill "$client" 2>/dev/null
	[ ! -s "$work/server.pid" ] || kill "$(cat "$work/server.pid")" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

[ -w /dev/kvm ] || {
	echo "skipped: /dev/kvm is not there or may not be used"
	exit 77
}
command -v python3 >/dev/null || {
	echo "skipped: needs python3"
	exit 77
}

prove()
{
	local sentence=$1
	shift
	if "$@"; then
		echo "ok: $sentence"
		return
	fi
	echo "FAILED: $sentence"
	failures=$((failures + 1))
	tail -n 5 "$work/console" "$work/log" "$work/err" 2>/dev/null | sed 's/^/	/'
}

# The other end of vsock: connects to the guest's port 52, again and again, and sends.
connect_forever()
{
	exec python3 - "$work/vsock" <<'END'
import socket, sys, time
while True:
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(1)
            peer.connect(sys.argv[1])
            peer.sendall(b"CONNECT 52\n")
            peer.sendall(bytes(300000))
            while peer.recv(65536):
                pass
    except OSError:
        pass
    time.sleep(0.05)
END
}

# Runs a command with an interface behind descriptor 12, whose other end sends all frames back.
# shellcheck disable=SC2016 # Python's own
with_echo='
import os, socket, sys
ours, theirs = socket.socketpair()
if os.fork() == 0:
    theirs.close()
    try:
        while True:
            data = ours.recv(65536)
            ours.sendall(data)
            if not data:
                break
    except OSError:
        pass
    os._exit(0)
ours.close()
os.dup2(theirs.fileno(), 12)
os.execv(sys.argv[1], sys.argv[1:])
'

# "KIB DESCRIPTORS" of the VMM, guest memory left out.
size()
{
	local pid
	pid=$(cat "$work/vmm.pid")
	awk '/^[0-9a-f]+-[0-9a-f]+ / { guest = 0 }
		/^Size:/ { guest = $2 == 65536 }
		/^Rss:/ && !guest { sum += $2 }
		END { printf "%d ", sum }' "/proc/$pid/smaps"
	find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l
}

# Samples before the first round and at the end of each.
watch_rounds()
{
	local round=0
	while [ "$round" -le "$rounds" ] && kill -0 "$1" 2>/dev/null; do
		if grep -qx "round $round" "$work/console" 2>/dev/null; then
			size >>"$work/sizes"
			round=$((round + 1))
		fi
		sleep 0.05
	done
}

attack()
{
	local server=() fs=() candidate net=(--net "socket:12,mac=02:00:00:00:00:0e") taps=()
	truncate -s 1M "$work/disk"
	head -c 1M /dev/urandom >"$work/read-only"
	cp "$work/read-only" "$work/read-only.before"
	mkdir "$work/share"
	echo outside >"$work/outside"
	for candidate in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
		[ "$(id -u)" = 0 ] || continue
		[ -x "$candidate" ] || continue
		server=("$with_fs" "$work/server.pid" "$candidate" --fd=% -o "source=$work/share" --)
		fs=(--fs "fd:9,tag=share")
	done
	if ip tuntap add dev "$tap" mode tap multi_queue 2>/dev/null; then
		ip link set "$tap" up
		taps=("$with_tap" "$tap" 2 13)
		net+=(--net "fd:13,fd:14,mac=02:00:00:00:00:01")
	fi
	connect_forever &
	client=$!
	export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=1 UBSAN_OPTIONS=print_stacktrace=1
	# The shell's id becomes the VMM's.
	# shellcheck disable=SC2016
	bash -c 'echo $$ >"$0"; exec "$@"' "$work/vmm.pid" "${server[@]}" \
		"$(command -v python3)" -c "$with_echo" "${taps[@]}" "$vmm" \
		--console "$work/console" --log "$work/log" --kernel "$guest" --memory 64 \
		--disk "$work/disk" --disk "$work/read-only,ro" --rng --pvpanic \
		--vsock-uds "$work/vsock" "${fs[@]}" "${net[@]}" --cmdline "rounds=$rounds" \
		>"$work/err" 2>&1 &
	local vmm_job=$!
	watch_rounds "$vmm_job"
	wait "$vmm_job"
	echo $? >"$work/status"
	kill "$client"
	client=
}

ended_well()
{
	echo "	status $(cat "$work/status")"
	[ "$(cat "$work/status")" = 0 ] && grep -qx 'done' "$work/console"
}

nothing_failed()
{
	! grep -a '^FAILED' "$work/console"
}

no_sanitizer_spoke()
{
	! grep -aE 'runtime error|AddressSanitizer|LeakSanitizer|Assertion' "$work/err" "$work/log"
}

# From before the first attack to after the last.
did_not_grow()
{
	local first last
	first=$(head -n 1 "$work/sizes")
	last=$(tail -n 1 "$work/sizes")
	echo "	KiB and descriptors before: $first; after: $last"
	[ "${last% *}" -gt 0 ] && [ $((${last% *} - ${first% *})) -le 4096 ] && [ $((${last#* } - ${first#* })) -le 2 ]
}

# Some MiB of escape sequences were written to it first.
console_is_bounded_and_clean()
{
	local bytes
	bytes=$(stat -c %s "$work/console")
	echo "	$bytes bytes"
	[ "$bytes" -lt 1200000 ] && grep -aq '\\x1b' "$work/console" &&
		! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$work/console"
}

log_is_bounded()
{
	local bytes
	bytes=$(stat -c %s "$work/log")
	echo "	$bytes bytes"
	[ "$bytes" -lt 262144 ]
}

disk_is_untouched()
{
	cmp "$work/read-only" "$work/read-only.before" && [ -z "$(ls -A "$work/share")" ] &&
		[ "$(cat "$work/outside")" = outside ]
}

SECONDS=0
attack
echo "	$(grep -ac '^survived' "$work/console") attacks in $SECONDS s: $(
	sed -n 's/^found: //p' "$work/console" | sort | uniq -c | tr -s ' \n' ' '
)"
prove 'the VMM outlives every attack, and ends when the guest says so' ended_well
prove 'every device works again after every attack' nothing_failed
prove 'no sanitizer has anything to say' no_sanitizer_spoke
prove 'memory and descriptors do not grow' did_not_grow
prove 'the log does not grow without bound' log_is_bounded
prove 'the console is bounded, and nothing in it commands a terminal' console_is_bounded_and_clean
prove 'a read-only disk and what lies outside of a share are untouched' disk_is_untouched

[ "$failures" = 0 ] || echo "$failures failed"
[ "$failures" = 0 ]
