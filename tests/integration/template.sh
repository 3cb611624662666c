#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VMs that start from a template: what they share, what they must not, and what becomes of bad ones.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

export KATA_LIKE_CACHE=$work/cache
templates=$KATA_LIKE_CACHE/templates

# Of the VM that a pod in the background runs in.
vmm_arguments() {
	tr '\0' '\n' <"/proc/$(cut -d ' ' -f 1 "$KATA_LIKE_STATE"/*/"$1"/vmm.pid)/cmdline"
}

count_is() {
	expect_equal "$(find "$templates" -type f 2>/dev/null | wc -l)" "$1"
}

the_first_vm_leaves_one() {
	expect_output one "$kata" run --rm --rootfs "$busybox" -- echo one
	count_is 1
	expect_equal "$(find "$templates" -type f -printf '%m')" 400
	expect_output two "$kata" run --rm --rootfs "$busybox" -- echo two
	count_is 1
}

the_next_one_starts_from_it() {
	"$kata" run -d --name t --rootfs "$busybox" -- sleep 1000
	vmm_arguments t | grep -q '^--template$' || fail "the VM booted: $(vmm_arguments t)"
	"$kata" delete --force t
}

siblings_have_nothing_secret_in_common() {
	local i
	for i in 1 2; do
		"$kata" run --rm --rootfs "$busybox" -- sh -c '
			cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid
			head -c 32 /dev/urandom | od -An -tx1' >"$work/random.$i"
		[ "$(wc -l <"$work/random.$i")" = 4 ] || fail "only: $(cat "$work/random.$i")"
	done
	[ -z "$(sort "$work/random.1" "$work/random.2" | uniq -d)" ] ||
		fail "both have: $(sort "$work/random.1" "$work/random.2" | uniq -d)"
}

# The template is older than the VM: time must not be, nor stand still.
its_clock_is_right() {
	local guest host
	touch -d '1 hour ago' "$templates"/*
	host=$(date +%s)
	guest=$("$kata" run --rm --rootfs "$busybox" -- sh -c '
		a=$(date +%s); sleep 2; b=$(date +%s)
		[ $((b - a)) -ge 2 ] && [ $((b - a)) -le 20 ] && echo $a')
	[ -n "$guest" ] || fail "two seconds do not take two seconds"
	[ $((guest - host)) -ge -1 ] || fail "the host had $host, the guest $guest"
	[ $((guest - host)) -le 30 ] || fail "the host had $host, the guest $guest"
}

it_has_processors_and_memory() {
	local i
	for i in 1 2; do
		expect_output "3 yes" "$kata" run --rm --cpus 3 --memory 200M --rootfs "$busybox" -- sh -c '
			echo $(nproc) $(awk '\''/MemTotal/ { print ($2 > 150000) ? "yes" : $2 }'\'' /proc/meminfo)'
	done
	count_is 2
}

it_shares_files_of_the_host() {
	mkdir "$work/data"
	echo one >"$work/data/file"
	expect_output one "$kata" run --rm --rootfs "$busybox" \
		--mount "type=bind,source=$work/data,target=/data" -- sh -c '
		cat /data/file; echo two >/data/new'
	expect_equal "$(cat "$work/data/new")" two
}

a_bad_one_is_removed_and_named() {
	local file
	for file in "$templates"/*; do
		chmod 600 "$file"
		truncate -s 100000 "$file"
	done
	expect_status 125 "$kata" run --rm --rootfs "$busybox" -- true
	expect_match err 'template .*cut short'
	expect_output again "$kata" run --rm --rootfs "$busybox" -- echo again
}

# What is left where a host does not restore what it saved.
an_empty_one_is_not_tried() {
	local file
	for file in "$templates"/*; do
		chmod 600 "$file"
		truncate -s 0 "$file"
	done
	expect_output booted "$kata" run --rm --rootfs "$busybox" -- echo booted
	[ -z "$(find "$templates" -type f -size +0)" ] || fail "$(find "$templates" -type f -size +0 -ls)"
}

without_one_it_boots() {
	rm -rf "$templates"
	printf '[vm]\ntemplate = false\n' >"$work/config.ini"
	KATA_LIKE_CONFIG=$work/config.ini expect_output booted "$kata" run --rm --rootfs "$busybox" -- echo booted
	count_is 0
	expect_output console "$kata" run --rm --console --rootfs "$busybox" -- echo console
	count_is 0
}

check "the first VM of its kind leaves a template" the_first_vm_leaves_one
check "the next one starts from it" the_next_one_starts_from_it
check "two VMs of one template draw different random numbers" siblings_have_nothing_secret_in_common
check "the clock of a VM from a template is right" its_clock_is_right
check "a template is of one number of processors and size of memory" it_has_processors_and_memory
check "a VM from a template shares files of the host" it_shares_files_of_the_host
check "a template that is cut short is named, and removed" a_bad_one_is_removed_and_named
check "where an empty file says that the host cannot, a VM boots" an_empty_one_is_not_tried
check "with a console, or where the configuration says so, a VM boots" without_one_it_boots
finish
