#!/usr/bin/env python3
"""Adds up meson's test logs and prints one line: N passed, N failed, N skipped.

Tests that were skipped are named with the reason that they gave. Exits 1 if any failed or none ran.
"""
import json
import sys


def results(paths):
    """Yields each test's record from each log."""
    for path in paths:
        with open(path, encoding="utf-8") as log:
            yield from (json.loads(line) for line in log if line.strip())


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for test in results(sys.argv[1:]):
        kind = {"OK": "passed", "SKIP": "skipped"}.get(test["result"], "failed")
        counts[kind] += 1
        if kind == "skipped":
            reason = (test.get("stdout") or "no reason given").strip().splitlines()[-1]
            print(f"skipped: {test['name']}: {reason}")
        elif kind == "failed":
            print(f"failed: {test['name']} ({test['result']})")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
