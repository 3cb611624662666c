#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The configuration file: what it sets arrives in the guest, what it does not allow is refused.
# shellcheck disable=SC2016,SC2317 # the shell in the container expands; cases are called by name
. "$(dirname "$0")/lib.sh"

export KATA_LIKE_CONFIG=$work/config.ini

# configure MAIN [DROP-IN]
configure() {
	rm -rf "$KATA_LIKE_CONFIG" "$KATA_LIKE_CONFIG.d"
	mkdir "$KATA_LIKE_CONFIG.d"
	printf '%b' "$1" >"$KATA_LIKE_CONFIG"
	[ $# -lt 2 ] || printf '%b' "$2" >"$KATA_LIKE_CONFIG.d/50-site.ini"
}

# annotated KEY VALUE: a bundle whose pod asks for something.
annotated() {
	rm -rf "$work/bundle"
	mkdir "$work/bundle"
	ln -s "$busybox" "$work/bundle/rootfs"
	"$kata" spec --bundle "$work/bundle"
	sed -i -e 's/"terminal": *true/"terminal": false/' \
		-e "0,/{/s|{|{\"annotations\": {\"$1\": \"$2\"},|" "$work/bundle/config.json"
}

a_drop_in_sets_memory_and_a_kernel_parameter() {
	configure '[vm]\nmemory = 128M\ncpus = 2\n' \
		'[vm]\nmemory = 200M\ncmdline = site.parameter=7\n'
	annotated io.kata-like.cmdline pod.parameter=8
	expect_status 0 "$kata" run --name box --detach --cpus 1 --bundle "$work/bundle" -- sleep 1000
	expect_output 'ok 1 8' "$kata" exec box -- sh -c '
		parameters=$(cat /proc/cmdline)
		case $parameters in
		*" site.parameter=7 pod.parameter=8"*) set -- 8 ;;
		*) set -- "$parameters" ;;
		esac
		awk -v rest="$(nproc) $1" '\''/MemTotal/ {
			print($2 > 150000 && $2 < 204800 ? "ok" : $2, rest) }'\'' /proc/meminfo'
	"$kata" config box >"$work/out"
	expect_match out 'memory = 200M *; file .*/config.ini.d/50-site.ini:2$'
	expect_match out 'cpus = 1 *; option --cpus$'
	expect_match out 'cmdline = .* ; annotation .*50-site.ini:3, io.kata-like.cmdline$'
	expect_match out 'console = false *; default$'
	"$kata" config --json box | python3 -c '
import json, sys
settings = {s["name"]: s for s in json.load(sys.stdin)["settings"]}
assert settings["vm.memory"]["source"] == "file", settings["vm.memory"]
assert settings["vm.cpus"] == {"name": "vm.cpus", "value": "1", "source": "option", "where": "--cpus",
	"annotation": "io.kata-like.cpus", "annotationAllowed": True}, settings["vm.cpus"]'
	"$kata" delete --force box
}

an_annotation_that_the_file_does_not_allow_is_refused() {
	configure '[annotations]\nallow = memory\n'
	annotated io.kata-like.kernel /boot/own
	expect_status 125 "$kata" run --rm --bundle "$work/bundle" -- true
	expect_match err 'io.kata-like.kernel.*may not set it.*config.ini:2'
	annotated io.kata-like.file_server /bin/sh
	expect_status 125 "$kata" run --rm --bundle "$work/bundle" -- true
	expect_match err 'io.kata-like.file_server.*not known'
}

a_mistake_in_a_file_is_named() {
	configure '[vm]\nmemory = 128M\n' '# ours\n[vm]\nmemry = 1G\n'
	expect_status 125 "$kata" run --rm --rootfs "$busybox" -- true
	expect_match err '50-site.ini:3: .*memry.*it has kernel, initrd, cmdline, cpus, memory'
	expect_status 1 "$kata" config
	expect_match err '50-site.ini:3: .*memry'
	rm "$KATA_LIKE_CONFIG" "$KATA_LIKE_CONFIG.d/50-site.ini"
	expect_status 125 "$kata" run --rm --rootfs "$busybox" -- true
	expect_match err "$KATA_LIKE_CONFIG: No such file"
}

options_for_a_machine_that_runs_are_refused() {
	configure ''
	expect_status 125 "$kata" run --rm --pod box --memory 1G --rootfs "$busybox" -- true
	expect_match err 'pod box.*first container'
}

check "a drop-in sets memory and a kernel parameter; annotations and options are told apart" \
	a_drop_in_sets_memory_and_a_kernel_parameter
check "an annotation that the file does not allow is refused by name" \
	an_annotation_that_the_file_does_not_allow_is_refused
check "a mistake in a file is named with file and line" a_mistake_in_a_file_is_named
check "options that shape a machine are refused where it runs already" \
	options_for_a_machine_that_runs_are_refused
finish
