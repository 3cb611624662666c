#!/bin/sh
# Checks that every C file is laid out as .clang-format says.
set -eu
cd "$1"
command -v clang-format >/dev/null || {
	echo "skipped: clang-format is not installed"
	exit 77
}
find lib proto oci shim cli vmm agent tests bench -name '*.[ch]' -print0 |
	xargs -0 clang-format --dry-run --Werror
echo "every C file is formatted"
