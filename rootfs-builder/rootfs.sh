#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes root filesystem trees to run containers from: a busybox one, a Debian one, and one with systemd.
set -euo pipefail

suite=bookworm
cache=${KATA_LIKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kata-like}
refresh=no
kind=
dir=
work=

usage() {
	cat <<END
Usage: rootfs.sh busybox DIR
       rootfs.sh [--refresh] debian|systemd DIR

busybox  a tree with one static busybox and links for its commands
debian   Debian 12 (minbase) made by mmdebstrap. The tree is kept as a tarball in
         $cache and reused; --refresh makes it anew.
systemd  the same, with systemd as its init

DIR must be empty or not be there yet.
END
}

die() {
	echo "rootfs.sh: $*" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$work" ] || rm -rf "$work"
}

need() {
	command -v "$1" >/dev/null || die "'$1' is missing; 'scripts/setup.sh demo' installs it"
}

parse_arguments() {
	local -a words=()

	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--refresh) refresh=yes ;;
		-*) die "unknown option '$1' (see --help)" ;;
		*) words+=("$1") ;;
		esac
		shift
	done
	[ ${#words[@]} -eq 2 ] || die "a kind and a directory are needed (see --help)"
	kind=${words[0]}
	dir=${words[1]}
	[ ! -e "$dir" ] || [ -d "$dir" ] || die "'$dir' is not a directory"
	[ -z "$(ls -A "$dir" 2>/dev/null)" ] || die "'$dir' is not empty"
}

make_busybox() {
	local busybox applet

	need busybox
	busybox=$(command -v busybox)
	! readelf -lW "$busybox" | grep ' INTERP ' >/dev/null || die "$busybox is not static; install busybox-static"
	mkdir -p "$dir"/{bin,dev,etc,home,mnt,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var/log,var/tmp}
	chmod 1777 "$dir/tmp" "$dir/var/tmp"
	chmod 700 "$dir/root"
	install -m 755 "$busybox" "$dir/bin/busybox"
	"$busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
	done
	ln -s ../../bin/env "$dir/usr/bin/env"

	cat >"$dir/etc/passwd" <<-'END'
	root:x:0:0:root:/root:/bin/sh
	daemon:x:1:1:daemon:/:/bin/false
	user:x:1000:1000:user:/home/user:/bin/sh
	nobody:x:65534:65534:nobody:/:/bin/false
	END
	cat >"$dir/etc/group" <<-'END'
	root:x:0:
	daemon:x:1:
	tty:x:5:
	audio:x:29:user
	user:x:1000:
	nogroup:x:65534:
	END
	echo '127.0.0.1 localhost' >"$dir/etc/hosts"
	cat >"$dir/etc/os-release" <<-END
	NAME="BusyBox"
	ID=busybox
	PRETTY_NAME="$("$busybox" | sed -n '1s/ (.*//p')"
	END
	install -d -m 755 "$dir/home/user"
	[ "$(id -u)" != 0 ] || chown 1000:1000 "$dir/home/user"
}

# make_debian NAME [MMDEBSTRAP_OPTION…]
make_debian() {
	local tarball=$cache/debian-$suite-$1.tar

	shift

	if [ ! -e "$tarball" ] || [ "$refresh" = yes ]; then
		need mmdebstrap
		mkdir -p "$cache"
		work=$(mktemp -d "$cache/.debian-XXXXXX")
		# Whoever may not make device nodes gets a tree without them; a container's /dev is
		# made by its runtime in any case.
		mmdebstrap --variant=minbase --aptopt='Acquire::Languages "none"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-include=/usr/share/doc/*/copyright' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' "$@" \
			"$suite" "$work/tree.tar" >"$work/log" 2>&1 || {
			tail -n 20 "$work/log" >&2
			die "mmdebstrap could not make the tree; is a Debian mirror reachable?"
		}
		mv "$work/tree.tar" "$tarball"
	fi
	mkdir -p "$dir"
	tar -xf "$tarball" -C "$dir" --numeric-owner --exclude='./dev/*'
}

main() {
	parse_arguments "$@"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	case $kind in
	busybox) make_busybox ;;
	debian) make_debian minbase ;;
	systemd) make_debian systemd --include=systemd-sysv ;;
	*) die "unknown kind '$kind' (busybox, debian or systemd)" ;;
	esac
}

main "$@"
