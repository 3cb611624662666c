#!/usr/bin/env python3
"""Holds docs/THREAT-MODEL.md to its word: each claim names a test, and each test that it names is there.

Reads the tables whose last column is headed "test", or "test (`FILE` where no other is named)". A cell
is a list, parted by semicolons, of

    `FILE`: sentence    a test of that name in the file
    sentence            one in the file named before, or in the heading
    `FILE`              the whole file
    suite `NAME`        a suite of meson's

A sentence is a test's if it stands in its file, be it as a function's name: letters and digits count.
"""
import pathlib
import re
import sys

DOCUMENT = "docs/THREAT-MODEL.md"
PATH = re.compile(r"^`(tests/[^`]+)`(?:: *(.*))?$")
SUITE = re.compile(r"^suite `([^`]+)`$")


def normal(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def rows(text):
    """(line number, cells, default file) of each row of a table of claims."""
    default = None
    in_table = False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            in_table = False
        elif not in_table:
            in_table = cells[-1].startswith("test")
            found = re.search(r"`(tests/[^`]+)`", cells[-1])
            default = found.group(1) if found else None
        elif not set(cells[-1]) <= set("-: "):
            yield number, cells, default


def check_entry(root, suites, entry, file):
    """What is wrong with one entry, and the file that it names."""
    suite = SUITE.match(entry)
    path = PATH.match(entry)
    if suite:
        return (None if suite.group(1) in suites else f"there is no suite {suite.group(1)}"), file
    sentence = entry
    if path:
        file, sentence = path.group(1), path.group(2)
    if not file:
        return f'"{entry}" names no file', file
    if not (root / file).is_file():
        return f"there is no {file}", file
    if sentence and normal(sentence) not in normal((root / file).read_text()):
        return f'{file} has no test "{sentence}"', file
    return None, file


def main():
    root = pathlib.Path(sys.argv[1])
    suites = set()
    for build in root.glob("tests/**/meson.build"):
        suites |= set(re.findall(r"suite: '([^']+)'", build.read_text()))
    problems, claims = [], 0
    for number, cells, file in rows((root / DOCUMENT).read_text()):
        claims += 1
        if not cells[-1]:
            problems.append(f"{DOCUMENT}:{number}: a claim without a test")
        for entry in filter(None, (part.strip() for part in cells[-1].split(";"))):
            problem, file = check_entry(root, suites, entry, file)
            if problem:
                problems.append(f"{DOCUMENT}:{number}: {problem}")
    print("\n".join(problems) or f"each of {claims} claims has a test that is there")
    return 1 if problems or claims == 0 else 0


sys.exit(main())
