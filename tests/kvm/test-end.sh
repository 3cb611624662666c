#!/bin/bash
# Every way in which a VM ends: the exit status, the reason in the log, and nothing left behind.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

kernel=(--kernel "$KATA_LIKE_KERNEL")

# Runs a VM in the background whose guest prints ticks; $pid is its VMM.
start_spinning()
{
	rm -f "$work/console" "$work/log"
	"$vmm" --console "$work/console" --log "$work/log" --log-level debug --initrd "$initrd" \
		"${kernel[@]}" --cmdline "$serial test_end=spin" "$@" &
	pid=$!
	until_true 60 console 'guest: tick 1'
}

ends_by_signal()
{
	start_spinning || return 1
	kill "-$1" "$pid"
	status 0 wait "$pid" && log 'stopped: '
}

# All of these are the VMM's own, so they are gone with it.
killed_leaves_nothing()
{
	start_spinning --vsock-uds "$work/vsock" || return 1
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	! pgrep -f "^$vmm " >/dev/null
}

socket_is_replaced()
{
	start_spinning --vsock-uds "$work/vsock" || return 1
	kill -TERM "$pid"
	status 0 wait "$pid"
}

socket_in_use_is_not()
{
	start_spinning --vsock-uds "$work/vsock2" || return 1
	status 1 "$vmm" "${kernel[@]}" --vsock-uds "$work/vsock2" 2>"$work/refused"
	kill -TERM "$pid"
	status 0 wait "$pid" && grep -q 'Address already in use' "$work/refused"
}

# Answers of the test client go to $work/answers.
controlled()
{
	rm -f "$work/console" "$work/log"
	"$client" "$vmm" --console "$work/console" --log "$work/log" --log-level debug \
		--initrd "$initrd" "${kernel[@]}" --cpus 2 --cmdline "$serial test_end=spin" \
		>"$work/answers"
}

ticks()
{
	grep -c 'guest: tick' "$work/console"
}

pauses()
{
	{
		until_true 60 console 'guest: tick 1' || echo failed
		echo pause
		echo pause
		echo state
		until_true 20 grep -q 'state paused=1' "$work/answers"
		ticks >"$work/ticks"
		sleep 1
		ticks >>"$work/ticks"
		echo resume
		echo state
		until_true 20 grep -q 'state paused=0' "$work/answers"
		sleep 1
		ticks >>"$work/ticks"
		echo stop
		echo wait
	} | controlled
	{
		read -r before
		read -r meanwhile
		read -r after
	} <"$work/ticks"
	echo "	ticks: $before when paused, $meanwhile a second later, $after a second after that"
	[ "$before" = "$meanwhile" ] && [ "$after" -gt "$meanwhile" ] &&
		grep -q 'cpus=2 memory=268435456 exits=[1-9]' "$work/answers" &&
		grep -q '^ok stop$' "$work/answers" && grep -q '^exit 0$' "$work/answers"
}

ends_with_its_controller()
{
	{
		until_true 60 console 'guest: tick 1' || echo failed
		echo close
		echo wait
	} | controlled
	grep -q '^exit 0$' "$work/answers" && log 'the controlling process is gone'
}

stays_small()
{
	start_spinning --memory 128 || return 1
	# Beside guest memory, which is all that lies in areas of a MiB and more without a file.
	awk '/^[0-9a-f]+-[0-9a-f]+ / { file = NF > 5 }
		/^Size:/ { large = $2 >= 32768 }
		/^Rss:/ && (file || !large) { sum += $2 }
		END { print sum }' "/proc/$pid/smaps" >"$work/rss"
	kill -TERM "$pid"
	wait "$pid"
	echo "	resident beside guest memory: $(cat "$work/rss") KiB"
	[ "$(cat "$work/rss")" -le 3072 ]
}

prove 'a panic ends the VM with status 3' \
	status 3 vm 60 "${kernel[@]}" --pvpanic --cmdline "$serial test_end=panic"
prove 'the log tells of the panic' log 'kernel panicked on vCPU 0'
prove 'the log has the registers' log 'rip=ffffffff[0-9a-f]* rsp='
prove 'a triple fault ends the VM with status 4' \
	status 4 vm 60 "${kernel[@]}" --cmdline "$serial reboot=t"
prove 'the log tells of the triple fault' log 'triple fault on vCPU 0'
prove 'the log has the registers then too' log 'rip=[0-9a-f]* rsp='
prove 'SIGTERM stops it' ends_by_signal TERM
prove 'SIGINT stops it' ends_by_signal INT
prove 'killed, it leaves no process' killed_leaves_nothing
prove 'the socket that it left is made anew' socket_is_replaced
prove 'one that is in use is not' socket_in_use_is_not
prove 'it pauses and resumes on request, and stops' pauses
prove 'it ends with the process that controls it' ends_with_its_controller
prove 'it needs at most 3 MiB beside guest memory' stays_small

finish
