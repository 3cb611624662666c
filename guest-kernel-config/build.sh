#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the guest kernel from Debian's kernel source package and the fragments in this folder.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
package=linux-source-6.12
cache_root=${KATA_LIKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kata-like}
jobs=$(nproc)
tarball=
print_path=no
configure_only=no
work=
make_pid=

usage() {
	cat <<END
Usage: build.sh [--jobs N] [--source TARBALL] [--configure-only | --print-path]

Configures and builds the guest kernel, and keeps it in
$cache_root/kernel/<hash>/: vmlinux (ELF, stripped, for PVH), bzImage, System.map and
the complete configuration (config). The hash covers everything that goes in, so a second
call is quick. The last line of standard output is the path of vmlinux; progress goes to
standard error.

  --jobs N          compile with N processes (default: one a CPU)
  --source TARBALL  kernel source (default: /usr/src/$package.tar.xz, or the
                    package $package downloaded by apt-get, not installed)
  --configure-only  only make the configuration, check it, and print it
  --print-path      print where vmlinux is or would be, and build nothing; status 1
                    when it has not been built

KATA_LIKE_CACHE names another cache folder than ~/.cache/kata-like.
END
}

say() {
	echo "build.sh: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	if [ -n "$make_pid" ]; then
		kill "$make_pid" 2>/dev/null || true
		wait "$make_pid" 2>/dev/null || true
	fi
	[ -z "$work" ] || rm -rf "$work"
}

parse_arguments() {
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--jobs | --source)
			[ $# -ge 2 ] || die "$1 needs a value"
			if [ "$1" = --jobs ]; then jobs=$2; else tarball=$2; fi
			shift
			;;
		--configure-only) configure_only=yes ;;
		--print-path) print_path=yes ;;
		*) die "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "--jobs needs a number, not '$jobs'"
}

# Sets $tarball: the one asked for, the installed one, or one downloaded once into the cache.
find_source() {
	local dir=$cache_root/kernel-source
	local -a have

	if [ -n "$tarball" ]; then
		[ -r "$tarball" ] || die "kernel source '$tarball' cannot be read"
		return
	fi
	tarball=/usr/src/$package.tar.xz
	[ ! -r "$tarball" ] || return 0

	tarball=$dir/$package.tar.xz
	[ ! -r "$tarball" ] || return 0
	[ "$print_path" = no ] || die "no kernel has been built yet"
	mkdir -p "$dir"
	work=$(mktemp -d "$dir/.download-XXXXXX")
	say "downloading $package (140 MB)"
	(cd "$work" && apt-get download "$package" >&2) ||
		die "cannot download $package; is a Debian 12 mirror with security updates reachable?"
	have=("$work"/*.deb)
	dpkg-deb -x "${have[0]}" "$work/x"
	mv "$work/x/usr/src/$package.tar.xz" "$tarball"
	rm -rf "$work"
	work=
}

check_tools() {
	local tool
	local -a missing=()

	for tool in make gcc perl ld flex bison bc xz tar strip lz4; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[ -e /usr/include/libelf.h ] || missing+=(libelf-dev)
	[ ${#missing[@]} -eq 0 ] ||
		die "missing: ${missing[*]}; 'scripts/setup.sh build' installs what is needed"
}

# Covers the source, the requests, the steps below and the compiler, but no comments. The source
# is known by size and date (the package's): reading all of it takes long where processors
# are emulated.
input_hash() {
	{
		stat -L -c '%s %Y' "$tarball"
		grep -hE '^(CONFIG_|# CONFIG_[A-Z0-9_]+ is not set)' "$here"/*.config
		grep -v '^#' "$here/edit-source.sh"
		cat "$here"/fuse/*
		declare -f configure build install_result
		gcc --version
		ld --version
	} | sha256sum | cut -c1-16
}

# Prints the symbols that did not end up as the fragments ask, with both values.
unmet_requests() {
	awk '
		function want(line) {
			if (line ~ /^# CONFIG_[A-Za-z0-9_]+ is not set$/) {
				split(line, part, " ")
				name = part[2]; value = "n"
				return 1
			}
			if (line !~ /^CONFIG_/) return 0
			name = line; sub(/=.*/, "", name)
			value = line; sub(/^[^=]*=/, "", value)
			return 1
		}
		FNR == 1 { file++ }
		!want($0) { next }
		file == 1 { got[name] = value; next }
		{ have = (name in got) ? got[name] : "n" }
		have != value { print "  " name ": asked " value ", got " have " (" FILENAME ")" }
	' "$1" "$here"/*.config
}

configure() {
	local source=$1 out=$2 unmet

	mkdir -p "$out"
	cat "$here"/*.config >"$out/requests"
	make -s -C "$source" O="$out" ARCH=x86_64 KCONFIG_ALLCONFIG="$out/requests" \
		allnoconfig >&2
	unmet=$(unmet_requests "$out/.config")
	[ -z "$unmet" ] || die "the kernel's dependencies changed these requests:
$unmet"
}

build() {
	local source=$1 out=$2 log=$3

	# Fixed user, host and date: the same inputs give the same bytes.
	# In the background, so that a signal ends it at once.
	make -C "$source" O="$out" ARCH=x86_64 -j"$jobs" \
		KBUILD_BUILD_USER=kata-like KBUILD_BUILD_HOST=kata-like \
		KBUILD_BUILD_TIMESTAMP='2025-01-01 00:00:00 UTC' \
		vmlinux bzImage >"$log" 2>&1 &
	make_pid=$!
	if ! wait "$make_pid"; then
		tail -n 30 "$log" >&2
		cp "$log" "$cache_root/kernel/failed-build.log"
		die "the kernel did not build; the whole log is $cache_root/kernel/failed-build.log"
	fi
	make_pid=
}

# Puts what is kept of a build into $2.
install_result() {
	local out=$1 result=$2

	mkdir "$result"
	strip --strip-all -o "$result/vmlinux" "$out/vmlinux"
	cp "$out/arch/x86/boot/bzImage" "$out/System.map" "$result/"
	cp "$out/.config" "$result/config"
	chmod 755 "$result"
}

main() {
	local dir hash start=$SECONDS

	parse_arguments "$@"
	# A caller's make, or a kernel developer's environment, is not part of this build.
	unset MAKEFLAGS MFLAGS MAKELEVEL KBUILD_OUTPUT CROSS_COMPILE LOCALVERSION ARCH
	export LC_ALL=C
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	check_tools
	find_source
	hash=$(input_hash)
	dir=$cache_root/kernel/$hash

	if [ "$print_path" = yes ]; then
		echo "$dir/vmlinux"
		[ -f "$dir/vmlinux" ]
		return
	fi
	mkdir -p "$cache_root/kernel"
	exec 9>"$cache_root/kernel/lock"
	flock 9
	if [ "$configure_only" = no ] && [ -f "$dir/vmlinux" ]; then
		say "the kernel is in the cache"
		echo "$dir/vmlinux"
		return
	fi

	work=$(mktemp -d "$cache_root/kernel/.build-XXXXXX")
	say "unpacking $tarball"
	mkdir "$work/source"
	tar -xf "$tarball" -C "$work/source" --strip-components=1 ||
		die "$tarball is not a kernel source tarball"
	"$here/edit-source.sh" "$work/source"
	configure "$work/source" "$work/out"
	if [ "$configure_only" = yes ]; then
		cat "$work/out/.config"
		return
	fi

	say "building with $jobs jobs; this takes about $((12 / jobs + 1)) minutes"
	build "$work/source" "$work/out" "$work/build.log"
	install_result "$work/out" "$work/result"
	mv -T "$work/result" "$dir"
	say "built in $((SECONDS - start)) s"
	echo "$dir/vmlinux"
}

main "$@"
