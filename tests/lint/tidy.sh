#!/bin/sh
# Runs clang-tidy over every C file of the programs; findings are errors.
# Usage: tidy.sh SOURCE BUILD
set -eu
cd "$1"
command -v clang-tidy >/dev/null || {
	echo "skipped: clang-tidy is not installed"
	exit 77
}
python3 - "$2/compile_commands.json" "$1" <<'PY' | sort -u |
import json, os, sys
root = os.path.realpath(sys.argv[2]) + "/"
for entry in json.load(open(sys.argv[1])):
    path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
    ours = path.startswith(root) and not path.startswith(root + "tests/")
    if ours and path.endswith(".c") and ".pb-c." not in path:
        print(path)
PY
	xargs -P "$(nproc)" -n 4 clang-tidy -p "$2" --quiet --warnings-as-errors='*'
echo "clang-tidy has nothing to say"
