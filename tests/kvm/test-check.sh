#!/bin/bash
# `kata-like-vmm --check` says yes on a host that passes the other tests, and no where it must.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

says_yes()
{
	status 0 timeout 10 "$vmm" --check >"$work/log" && log '^This host can run virtual machines' &&
		log '^ok *guest: timer interrupt' && ! log '^MISSING'
}

says_yes_in_json()
{
	status 0 timeout 10 "$vmm" --check --json >"$work/log" && log '"usable":true}$' &&
		log '{"name":"guest: POPCNT","ok":true,'
}

says_no()
{
	status 1 timeout 10 "$vmm" --check --kvm "$1" >"$work/log" &&
		log '^This host cannot run virtual machines' && log "^MISSING.*$2"
}

prove 'this host can run virtual machines' says_yes
prove 'programs can read that' says_yes_in_json
prove 'a missing device is named, with what to do' says_no /nonexistent 'load the kvm_intel'
prove 'a device that is not KVM is named' says_no /dev/null 'not /dev/kvm'

finish
