# SPDX-License-Identifier: Apache-2.0
"""Writes docs/CONFORMANCE.md from differences.py and the recorded answers, or tells whether it is in step."""
import json
import pathlib
import sys

import answers
import matrix
from differences import DIFFERENCES, VM_DIFFERENCES

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs/CONFORMANCE.md"

HEAD = """\
# Conformance

`tests/conformance/` holds {cases} configs. Each varies one property of a base `config.json` (on, off, \
extreme, wrong), and in each runs the *witness*: a static program that writes what it finds as a container's \
process (identity, limits, namespaces, mounts, devices, control group, terminal, …) and what happens when it \
tries what its arguments name. What runc {runc} and crun {crun} show for the same configs on Linux {kernel} \
is recorded in `expected.json`; the test `conformance` compares the agent's container engine \
with it, leaf by leaf. Where runc and crun differ, either is right. Every other difference has to be in \
the table below, or the test fails. This file is written by `tests/conformance/conform.py --document`.

```
meson test -C build --suite conformance                            # a third of the matrix, as make check does
meson test -C build --suite conformance-whole                      # all of it
tests/conformance/conform.py --build build --only '*umask*' --show   # what the witness finds, as root
tests/conformance/conform.py --build build --record                # ask runc and crun anew
```

## Differences, and why they are right

| what | in which case | kata-like's answer | reason |
|---|---|---|---|
"""

VM_HEAD = """
## In a virtual machine

The test `conformance in a VM` runs each fourteenth of the cases that say something there (those without \
files, devices or namespaces of the host) by `kata-like run`, as members of one pod. The machine and its kernel \
are others than those of the recorded answers, so what counts is what a property changes: a leaf that it changes \
with runc or crun must be as with one of them, any other as with our base config. \
`conform.py --runtime kata-like` runs all of them. Beside the differences above there are these:

| what | in which case | kata-like's answer | reason |
|---|---|---|---|
"""

SPEC_HEAD = """
## Where the specification decides

These answers are the specification's; the recorded versions of runc and crun do not know the property, or \
take a wrong value without a word.

| case | answer |
|---|---|
"""

APART_HEAD = """
## Where runc and crun differ

In {differing} cases they differ in some leaf. Of these, one runs what the other refuses in:

| case | runc | crun | kata-like |
|---|---|---|---|
"""

BASE_HEAD = """
And with the base config, so in nearly every case:

| what | runc | crun |
|---|---|---|
"""


def write(check):
    """Writes the file, or with check compares; returns the exit status."""
    text = compose()
    if not check:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{FILE} is not what tests/conformance/conform.py --document writes", file=sys.stderr)
    return 1


def compose():
    """The whole text."""
    recorded = answers.load()
    cases = matrix.load()
    runc, crun = (recorded["answers"][name] for name in answers.REFERENCES)
    text = HEAD.format(cases=len(cases), **recorded["versions"])
    text += "".join(_row(_words(d.leaves), _words(d.cases), d.answer, d.reason) for d in DIFFERENCES)
    text += VM_HEAD
    text += "".join(_row(_words(d.leaves), _words(d.cases), d.answer, d.reason) for d in VM_DIFFERENCES)
    text += SPEC_HEAD
    text += "".join(_row(case.name, ", ".join(f"{leaf} = {json.dumps(value)}" for leaf, value in
                                              case.spec.items())) for case in cases.values() if case.spec)
    differing = [name for name in cases if name in runc and name in crun and runc[name] != crun[name]]
    text += APART_HEAD.format(differing=len(differing))
    text += "".join(_row(name, runc[name]["outcome"], crun[name]["outcome"], _choice(cases[name]))
                    for name in differing if runc[name]["outcome"] != crun[name]["outcome"])
    text += BASE_HEAD
    base = next(iter(cases))
    text += "".join(_row(leaf, *(json.dumps(side.get(leaf, answers.ABSENT)) for side in (runc[base], crun[base])))
                    for leaf in sorted(set(runc[base]) | set(crun[base]))
                    if runc[base].get(leaf) != crun[base].get(leaf))
    return text


def _words(patterns):
    """Patterns as a list; * by itself is any."""
    return ", ".join("any" if pattern == "*" else f"`{pattern}`" for pattern in patterns)


def _choice(case):
    """What ours does where the references disagree, as far as a table says so."""
    return case.spec.get("outcome", "either")


def _row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"
