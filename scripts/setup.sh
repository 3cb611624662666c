#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building, the demo or the tests need (packages.list).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
list_only=no
sets=()

usage() {
	cat <<'END'
Usage: setup.sh [--list] SET...

Installs by apt-get, with sudo when not root, what is missing of the sets
  build  compile the programs, the guest kernel, the initramfs and images
  demo   run a container in a VM, also where KVM is not usable
  check  run every test
and does nothing when all is there. --list only prints what is missing.
END
}

die() {
	echo "setup.sh: $*" >&2
	exit 1
}

# Prints the packages of the sets asked for, one a line.
wanted() {
	local set

	for set in "${sets[@]}"; do
		awk -v set="$set" '
			/^[ \t]*(#|$)/ { next }
			("," $1 ",") ~ ("," set ",") { print $2 }
		' "$here/packages.list"
	done | sort -u
}

missing() {
	local package state

	while read -r package; do
		# shellcheck disable=SC2016 # a format of dpkg-query, not of the shell
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
		[ "$state" = installed ] || echo "$package"
	done < <(wanted)
}

main() {
	local -a packages as_root=()

	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--list) list_only=yes ;;
		build | demo | check) sets+=("$1") ;;
		*) die "unknown argument '$1' (see --help)" ;;
		esac
		shift
	done
	[ ${#sets[@]} -gt 0 ] || die "which set? (see --help)"
	command -v dpkg-query >/dev/null ||
		die "this is not a Debian system; $here/packages.list says what is needed"

	mapfile -t packages < <(missing)
	[ ${#packages[@]} -gt 0 ] || return 0
	if [ "$list_only" = yes ]; then
		printf '%s\n' "${packages[@]}"
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "install as root (there is no sudo): apt-get install ${packages[*]}"
		as_root=(sudo)
	fi
	echo "setup.sh: installing ${packages[*]}" >&2
	"${as_root[@]}" apt-get update -q >&2 ||
		die "apt-get update failed; is a Debian mirror reachable?"
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "${packages[@]}" >&2 ||
		die "apt-get could not install: ${packages[*]}"
}

main "$@"
