# shellcheck shell=bash disable=SC2034 # the variables are for the tests
# What the tests that need KVM share. Each test is a script that sources this, calls `prove SENTENCE
# COMMAND…` for each thing it proves, and ends with `finish`.
#
#	KATA_LIKE_BUILD		the build directory, with kata-like-vmm in it
#	KATA_LIKE_KERNEL	a vmlinux, that of the build if not set; its bzImage stands beside it
#	KATA_LIKE_STOCK_KERNEL	a distribution's vmlinuz; the emulated host's if not set
#
# In $work there is room for files that go with the test.
set -u

: "${KATA_LIKE_BUILD:?name the build directory}"
: "${KATA_LIKE_KERNEL:=$KATA_LIKE_BUILD/guest/vmlinux}"
vmm=$KATA_LIKE_BUILD/kata-like-vmm
client=$KATA_LIKE_BUILD/tests/kvm/vmm-client
guest_init=$KATA_LIKE_BUILD/tests/kvm/guest-init
bzimage=$(dirname "$KATA_LIKE_KERNEL")/bzImage
: "${KATA_LIKE_STOCK_KERNEL:=$HOME/.cache/kata-like/kvmhost/kernel/vmlinuz}"
[ -e "$KATA_LIKE_STOCK_KERNEL" ] || KATA_LIKE_STOCK_KERNEL=
serial='console=ttyS0 8250.nr_uarts=1 quiet panic=-1'
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -w /dev/kvm ] || {
	echo "skipped: /dev/kvm is not there or may not be used"
	exit 77
}

# An initramfs that holds the test guests' init.
mkdir "$work/root"
cp "$guest_init" "$work/root/init"
initrd=$work/initrd
(cd "$work/root" && echo init | cpio -o -H newc --quiet) >"$initrd"

# prove SENTENCE COMMAND…: the sentence holds if the command succeeds.
prove()
{
	local sentence=$1
	shift
	if "$@"; then
		echo "ok: $sentence"
	else
		echo "FAILED: $sentence"
		failures=$((failures + 1))
		[ ! -s "$work/console" ] || sed 's/^/	console: /' "$work/console" | tail -25
		[ ! -s "$work/log" ] || sed 's/^/	log: /' "$work/log" | tail -25
	fi
}

finish()
{
	[ "$failures" = 0 ] || echo "$failures failed"
	[ "$failures" = 0 ]
	exit
}

# vm SECONDS ARGUMENT…: runs a VM with the test init; $work/console and $work/log get what it says.
# The status is the VMM's, or 124 when it did not end in time.
vm()
{
	local seconds=$1
	shift
	rm -f "$work/console" "$work/log"
	timeout "$seconds" "$vmm" --console "$work/console" --log "$work/log" --log-level debug \
		--initrd "$initrd" "$@"
}

# console TEXT, log TEXT: the last VM said so (a basic regular expression).
console()
{
	grep -q -- "$1" "$work/console"
}

log()
{
	grep -q -- "$1" "$work/log"
}

# status N COMMAND…: the command ends with that status.
status()
{
	local want=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || {
		echo "	status $got instead of $want"
		return 1
	}
}

# until_true SECONDS COMMAND…: tries it ten times a second.
until_true()
{
	local tries=$(($1 * 10))
	shift
	while ! "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}
