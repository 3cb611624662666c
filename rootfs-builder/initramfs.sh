#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the guest's initramfs: the agent as /init and, for a kernel with modules, those it needs.
set -euo pipefail

# What a distribution kernel needs for the VMM's devices and the agent's mounts; those that a
# kernel has built in are left out.
default_modules=virtio_pci,virtio_blk,virtio_net,virtio_rng,virtio_balloon
default_modules+=,vmw_vsock_virtio_transport,pvpanic_pci
default_modules+=,erofs,ext4,overlay,fuse,virtiofs,af_packet,binfmt_misc

agent=
modules_dir=
modules=$default_modules
output=
work=

usage() {
	cat <<END
Usage: initramfs.sh --agent BIN [--kernel-modules DIR [--modules NAME,...]] -o FILE

Writes an uncompressed initramfs (cpio, newc) with BIN, a static program, as /init. It needs
no root, and the same inputs give the same bytes.

  --kernel-modules DIR  for a kernel with modules: its tree, such as
                        /lib/modules/6.1.0-44-amd64 or the same folder of an unpacked package
  --modules NAME,...    which of them, with all they depend on (default:
                        ${default_modules//,/, }).
                        They are put in uncompressed, and /etc/kata-like/modules lists their
                        paths in the order in which they must be loaded.
END
}

die() {
	echo "initramfs.sh: $*" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$work" ] || rm -rf "$work"
}

check_tools() {
	local tool

	for tool in "$@"; do
		command -v "$tool" >/dev/null ||
			die "'$tool' is missing; 'scripts/setup.sh build' installs it"
	done
}

parse_arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--agent | --kernel-modules | --modules | -o)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--agent) agent=$2 ;;
			--kernel-modules) modules_dir=$2 ;;
			--modules) modules=$2 ;;
			-o) output=$2 ;;
			esac
			shift
			;;
		*) die "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ -n "$agent" ] || die "no agent given (--agent BIN)"
	[ -n "$output" ] || die "no output file given (-o FILE)"
	[ -f "$agent" ] || die "there is no agent '$agent'"
	[ "$(head -c 4 "$agent")" = $'\x7fELF' ] || die "'$agent' is not an ELF program"
	check_tools readelf
	! readelf -lW "$agent" | grep ' INTERP ' >/dev/null ||
		die "'$agent' is not static: the guest has no libraries"
	[ -d "$(dirname "$output")" ] || die "'$(dirname "$output")' is not a directory"
}

# Writes one newc record with its name and no data: MODE (octal), device MAJOR and MINOR.
cpio_record() {
	local name=$1 mode=$2 major=$3 minor=$4

	printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
		0 $((8#$mode)) 0 0 1 0 0 0 0 "$major" "$minor" $((${#name} + 1)) 0
	printf '%s\0' "$name"
	# Header and name together end on a multiple of four.
	head -c $(((4 - (110 + ${#name} + 1) % 4) % 4)) /dev/zero
}

# An archive of its own with the device node that only root could have in a real directory; the
# kernel reads archives that follow one another as one.
device_archive() {
	cpio_record dev 40755 0 0
	cpio_record dev/console 20600 5 1
	cpio_record 'TRAILER!!!' 0 0 0
}

# Makes $1 a tree in which modprobe finds the modules of $modules_dir, whatever that is called
# and whether or not depmod has run in it.
module_tree() {
	local base=$1/lib/modules version=$2

	mkdir -p "$base"
	if [ -e "$modules_dir/modules.dep.bin" ]; then
		ln -s "$(readlink -f "$modules_dir")" "$base/$version"
		return
	fi
	mkdir "$base/$version"
	cp "$modules_dir"/modules.{order,builtin*} "$base/$version/"
	cp -rs "$(readlink -f "$modules_dir")/kernel" "$base/$version/"
	depmod -b "$1" "$version"
}

# Puts the modules asked for into $1, with their list.
add_modules() {
	local root=$1 version name path target

	[ -d "$modules_dir/kernel" ] || die "'$modules_dir' is not a tree of kernel modules"
	check_tools modprobe depmod xz zstd gzip
	version=$(basename "$(readlink -f "$modules_dir")")
	module_tree "$work/tree" "$version"
	for name in ${modules//,/ }; do
		# A line is "insmod PATH [OPTION...]" or "builtin NAME".
		modprobe -d "$work/tree" -S "$version" --show-depends "$name" 2>/dev/null ||
			die "there is no module '$name' in $modules_dir"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/paths"

	mkdir -p "$root/lib/modules" "$root/etc/kata-like"
	while read -r path; do
		target=lib/modules/$(basename "$path")
		target=${target%.xz} target=${target%.zst} target=${target%.gz}
		case $path in
		*.xz) xz -dc "$path" ;;
		*.zst) zstd -qdc "$path" ;;
		*.gz) gzip -dc "$path" ;;
		*) cat "$path" ;;
		esac >"$root/$target"
		echo "/$target"
	done <"$work/paths" >"$root/etc/kata-like/modules"
}

main() {
	local root partial

	parse_arguments "$@"
	check_tools cpio
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	work=$(mktemp -d)
	root=$work/root
	mkdir -p "$root"/{dev,proc,sys,run,tmp,etc,mnt}
	install -m 755 "$agent" "$root/init"
	[ -z "$modules_dir" ] || add_modules "$root"

	chmod -R u=rwX,go=rX "$root"
	find "$root" -exec touch -h -d @0 {} +
	{
		device_archive
		cd "$root"
		find . -mindepth 1 | LC_ALL=C sort |
			cpio -o -H newc --quiet --reproducible -R 0:0
	} >"$work/initramfs"
	cd "$OLDPWD"
	# Renamed into place: a reader sees the old one or the new one, whole.
	partial=$(mktemp "$output.XXXXXX")
	cat "$work/initramfs" >"$partial"
	chmod 644 "$partial"
	mv "$partial" "$output"
}

main "$@"
