#!/bin/sh
# Checks every shell script of the project with shellcheck.
set -eu
cd "$1"
command -v shellcheck >/dev/null || {
	echo "skipped: shellcheck is not installed"
	exit 77
}
scripts=$(git ls-files --cached --others --exclude-standard 2>/dev/null || find . -type f) || exit 1
for file in $scripts; do
	[ -f "$file" ] || continue
	case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
	'#!/bin/sh'* | '#!/bin/bash'* | '#!/usr/bin/env bash'*) echo "$file" ;;
	esac
done | xargs shellcheck -x --source-path=SCRIPTDIR
echo "every shell script passes shellcheck"
