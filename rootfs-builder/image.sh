#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root filesystem image (EROFS or ext4) from a directory.
set -euo pipefail

# Fixed, so that the same tree gives the same image.
uuid=6b617461-6c69-6b65-0000-000000000001

type=erofs
size=
source=
output=
all_root=no
partial=

usage() {
	cat <<'END'
Usage: image.sh [--type erofs|ext4] [--size SIZE] [--all-root] DIR -o FILE

Makes a filesystem image FILE of the tree DIR, which is only read.

  --type erofs  read-only and uncompressed, with extended attributes (the default)
  --type ext4   writable
  --size SIZE   of an ext4 image, with K, M or G (default: what DIR takes, a quarter more,
                and 16 MiB); the file is sparse
  --all-root    every file belongs to root, whoever it belongs to in DIR

The same tree gives the same image, byte for byte (times of change inside it count, an ext4
image's inode times other than that of change do not).
END
}

die() {
	echo "image.sh: $*" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$partial" ] || rm -f "$partial"
}

parse_arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--all-root) all_root=yes ;;
		--type | --size | -o)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--type) type=$2 ;;
			--size) size=$2 ;;
			-o) output=$2 ;;
			esac
			shift
			;;
		-*) die "unknown option '$1' (see --help)" ;;
		*)
			[ -z "$source" ] || die "two directories: '$source' and '$1'"
			source=$1
			;;
		esac
		shift
	done
	[ -n "$source" ] || die "no directory given (see --help)"
	[ -n "$output" ] || die "no output file given (-o FILE)"
	[ -d "$source" ] || die "'$source' is not a directory"
	[ -d "$(dirname "$output")" ] || die "'$(dirname "$output")' is not a directory"
	[ -z "$size" ] || [ "$type" = ext4 ] || die "--size is for ext4; an EROFS image has no free space"
	[[ -z $size || $size =~ ^[1-9][0-9]*[KMG]$ ]] || die "'$size' is not a size such as 512M"
}

run_tool() {
	local log

	command -v "$1" >/dev/null || die "'$1' is missing; 'scripts/setup.sh build' installs it"
	log=$("$@" 2>&1) || die "no image of '$source': $1 says: $log"
}

make_erofs() {
	local -a owner=()

	[ "$all_root" = no ] || owner=(--all-root)
	run_tool mkfs.erofs -U "$uuid" -T 0 --preserve-mtime "${owner[@]}" "$partial" "$source"
}

make_ext4() {
	local kib inodes
	local -a as_root=()

	if [ -z "$size" ]; then
		kib=$(du -sk --apparent-size "$source" | cut -f1)
		# Each file takes whole blocks and an inode, which the apparent size leaves out.
		inodes=$(find "$source" | wc -l)
		size=$((kib + kib / 4 + inodes * 4 + 16384))K
	fi
	if [ "$all_root" = yes ] && [ "$(id -u)" != 0 ]; then
		as_root=(unshare --map-root-user)
	fi
	E2FSPROGS_FAKE_TIME=1735689600 run_tool "${as_root[@]}" mkfs.ext4 -q -F -m 0 -U "$uuid" \
		-E "hash_seed=$uuid,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0" \
		-d "$source" "$partial" "$size"
}

main() {
	parse_arguments "$@"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	partial=$(mktemp "$output.XXXXXX")
	case $type in
	erofs) make_erofs ;;
	ext4) make_ext4 ;;
	*) die "unknown type '$type' (erofs or ext4)" ;;
	esac
	chmod 644 "$partial"
	mv "$partial" "$output"
	partial=
}

main "$@"
