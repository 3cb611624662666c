#!/bin/bash
# A guest works on a folder of the host through virtio-fs and the distribution's file server, and goes
# on without it when that dies.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

files=${KATA_LIKE_TEST_FILES:-10000}
big_mib=32
with_fs=$KATA_LIKE_BUILD/tests/kvm/with-fs
server=
for candidate in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
	[ ! -x "$candidate" ] || server=$candidate
done
[ -n "$server" ] || {
	echo "skipped: there is no virtiofsd here"
	exit 77
}
initrd=$work/initrd-fs
cp "$KATA_LIKE_BUILD/tests/kvm/guest-init-fs" "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc --quiet) >"$initrd"

share=$work/share
mkdir -p "$share/many"
printf first >"$share/first"
for ((i = 0; i < files; i++)); do
	printf %d "$i" >"$share/many/$i"
done
head -c "${big_mib}M" /dev/urandom >"$share/big"

# fs_vm SECONDS CMDLINE ARGUMENT…: a VM with the share; $work/server.pid has the file server's id.
fs_vm()
{
	local seconds=$1 words=$2
	shift 2
	rm -f "$work/console" "$work/log"
	"$with_fs" "$work/server.pid" "$server" --fd=% -o "source=$share" -- /usr/bin/timeout "$seconds" \
		"$vmm" --console "$work/console" --log "$work/log" --log-level debug \
		--initrd "$initrd" --kernel "$KATA_LIKE_KERNEL" --fs fd:9,tag=share \
		--cmdline "$serial $words" "$@" 2>>"$work/server.log"
}

works()
{
	status 0 fs_vm 300 "test_write=1 test_rebind=5 test_big=1" && console 'guest: done'
}

reads_many()
{
	local before after
	before=$(date +%s%N)
	status 0 fs_vm 580 test_files=1 || return 1
	after=$(date +%s%N)
	echo "	$(((after - before) / 1000000)) ms for the whole VM"
	console "guest: files seen=$files bad=0 read=$((files / 10)) removed=$((files / 10))\>" &&
		[ "$(find "$share/many" -type f | wc -l)" = $((files - files / 10)) ]
}

server_dies()
{
	local ended=0
	fs_vm 120 test_error=1 &
	until_true 60 console 'guest: reading' || return 1
	sleep 0.5
	kill -KILL "$(cat "$work/server.pid")"
	wait $! || ended=$?
	[ "$ended" = 0 ] && console 'guest: done'
}

same_sum()
{
	console "guest: big bytes=$((big_mib << 20)) fnv=" && cmp "$share/big" "$share/big-copy"
}

come_later()
{
	until_true 60 console 'guest: looking' || return
	echo 'add-fs share'
	until_true 30 console 'guest: done'
}

comes_later()
{
	rm -f "$work/console" "$work/log" "$share/renamed" "$share/linked"
	{
		come_later
		echo stop
		echo wait
	} | "$with_fs" "$work/server.pid" "$server" --fd=% -o "source=$share" -- \
		"$client" "$vmm" --console "$work/console" --log "$work/log" --log-level debug \
		--initrd "$initrd" --kernel "$KATA_LIKE_KERNEL" --shared-memory \
		--cmdline "$serial test_rescan=1 test_write=1" >"$work/answers" 2>>"$work/server.log"
	sed 's/^/	answers: /' "$work/answers"
	grep -q '^ok add-fs 0000:00:0[0-9a-f].0$' "$work/answers" && console 'guest: write ok'
}

refuses_a_dead_server()
{
	status 1 "$with_fs" "$work/server.pid" /bin/true -- "$vmm" --kernel "$KATA_LIKE_KERNEL" \
		--fs fd:9,tag=share 2>"$work/log" && log 'file system share: the vhost-user backend failed'
}

prove 'a guest mounts, writes, renames and links' works
prove 'it reads what the host wrote' console 'guest: first=first'
prove 'its file has the right size, links and mode' console 'write ok, size=15 links=2 mode=640'
prove 'the host reads what the guest wrote' grep -q '^from the guest$' "$share/renamed"
prove 'the device works after its driver was taken off and put back, 5 times' \
	console 'guest: rebind good=5'
prove "$big_mib MiB are read and written back unchanged" same_sum
prove "$files files are found, and each tenth is read and removed" reads_many
prove 'a file system may come later' comes_later
prove 'the VM goes on when the file server is killed' server_dies
prove 'the log says so' log 'the file server is gone: it closed the socket'
prove 'reading fails in the guest' console 'guest: read failed: Transport endpoint is not connected'
prove 'creating fails in the guest' console 'guest: create failed: Transport endpoint is not connected'
prove 'what was mounted can be left' console 'guest: umount ok'
prove 'mounting again does not hang' console 'guest: mounted again, Connection refused'
prove 'a VM with a file server that is not there does not start' refuses_a_dead_server

finish
