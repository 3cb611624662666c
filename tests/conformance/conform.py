#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the matrix of configs through runtimes and compares what the witness sees in each.

  conform.py --build DIR                   the engine of this tree against the recorded answers
  conform.py --build DIR --runtime NAME    another runtime (runc, crun, engine, kata-like) against them
  conform.py --record                      asks runc and crun anew and writes expected.json; with --only
                                           just about those cases
  conform.py --document                    writes docs/CONFORMANCE.md; with --check only compares it
  conform.py … --only PATTERN              just the cases whose names fit (shell pattern)
  conform.py … --part N/M                  just each Mth case, from the Nth on
  conform.py … --show                      prints each case's leaves

Exits with 0 if every difference is listed in differences.py, 1 if not, 77 if it cannot run here.
"""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import platform
import re
import shutil
import sys
import time

import answers
import document
import matrix
import observation
import runtimes
from differences import DIFFERENCES, VM_DIFFERENCES
from listener import Listener
from place import Place, share_mounts

CGROUP_ROOT = pathlib.Path("/sys/fs/cgroup")
WORKERS = 2 * (os.cpu_count() or 1)


def cannot_run(why):
    """Ends as a test that cannot run here."""
    print(f"conform: {why}", file=sys.stderr)
    sys.exit(77)


def parse_witness(ending):
    """The witness's object, or None where it wrote none. crun passes what a terminal shows to its standard
    error if that is none, in pieces with an end of line behind each."""
    for stream in (ending.out, ending.err):
        text = re.sub("[\r\n]", "", stream.decode("latin-1"))
        begin = re.search(r'\{"(pid|probes)":', text)
        try:
            return json.JSONDecoder().raw_decode(text, begin.start())[0]
        except (AttributeError, ValueError):
            continue
    return None


def left_behind(container_id):
    """Control groups that bear the container's name."""
    return [os.path.relpath(os.path.join(folder, name), CGROUP_ROOT)
            for folder, names, _ in os.walk(CGROUP_ROOT) for name in names if name.endswith(container_id)]


def hooks_of(bundle, container_id):
    """The leaves of the hooks that ran."""
    found = {}
    for where, path in (("host", bundle / "hooks"), ("container", bundle / "rootfs/hooks")):
        if path.exists():
            found |= observation.hook_leaves(path.read_text(encoding="utf-8"), where, container_id)
    return found


def witness_in(runtime, case, place, number):
    """Runs one case; returns its leaves and what the runtime wrote to standard error."""
    container_id = f"c{number}-{runtime.name}"
    bundle = place.bundle(case, container_id)
    listener = Listener(bundle / "listener") if case.listener else None
    ending = runtime.run(bundle, container_id, case)
    container_id = runtime.container_id(container_id, ending)
    raw = parse_witness(ending)
    leaves = {"outcome": "ran" if raw is not None else "refused"}
    if ending.status == -1:
        leaves["outcome"] = "timed out"
    if raw is not None:
        leaves["exit"] = ending.status
        leaves |= observation.leaves(raw, container_id, bundle, place.join)
        leaves["stderr"] = "the witness speaks" if b"the witness speaks" in ending.err else ""
    leaves |= hooks_of(bundle, container_id)
    if listener:
        leaves |= listener.close()
    if case.exec:
        runtime.clean(container_id)
    leaves["left/cgroups"] = [path.replace(container_id, "ID") for path in left_behind(container_id)]
    runtime.clean(container_id)
    leaves["left/mounts"] = [os.path.relpath(path, bundle) for path in place.remove(bundle)]
    return leaves, ending


def ask(runtime, cases, witness, report=None):
    """Runs all cases through a runtime; returns {case: leaves} and {case: ending}."""
    place = Place(witness)
    try:
        runtime.begin(place.bundle(matrix.Case("the runtime's own"), "own"))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            jobs = {case.name: pool.submit(witness_in, runtime, case, place, number)
                    for number, case in enumerate(cases)}
            results = {}
            for name, job in jobs.items():
                results[name] = job.result()
                if report:
                    report(name, *results[name])
    finally:
        runtime.end()
        place.close()
    return {name: leaves for name, (leaves, _) in results.items()}, \
           {name: ending for name, (_, ending) in results.items()}


def last_words(ending):
    """The end of what a runtime wrote to standard error, on one line."""
    lines = ending.err.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][-300:] if lines else "(it said nothing)"


def listed(runtime, case, leaf):
    """The difference that justifies a leaf, or None."""
    table = DIFFERENCES + (VM_DIFFERENCES if runtime.by_change else ())
    return next((difference for difference in table if difference.covers(leaf, case.name)), None)


def judge(runtime, cases, found, endings, whole):
    """Prints each difference that is not listed; returns how many cases have one."""
    recorded = answers.load()["answers"]
    wrong, used = 0, set()
    for case in cases:
        unlisted = []
        leaves = found[case.name]
        if runtime.by_change:
            compared = answers.compare_changes(case, leaves, found[cases[0].name], recorded)
        else:
            compared = answers.compare(case, leaves, recorded)
        for leaf, values, value in compared:
            difference = listed(runtime, case, leaf)
            if difference:
                used.add(difference)
            else:
                unlisted.append((leaf, values, value))
        if leaves["outcome"] == "refused" and not endings[case.name].err.strip():
            unlisted.append(("message", ["a reason"], "none"))
        if not unlisted:
            continue
        wrong += 1
        print(f"\n{case.name}")
        for leaf, values, value in unlisted:
            expected = " or ".join(dict.fromkeys(json.dumps(v) for v in values))
            print(f"  {leaf}: expected {expected}, got {json.dumps(value)}")
        if found[case.name]["outcome"] != "ran":
            print(f"  said: {last_words(endings[case.name])}")
    if whole:
        for difference in set(DIFFERENCES) - used:
            print(f"\ndifferences.py lists what does not differ: {difference.leaves} in {difference.cases}")
            wrong += 1
    print(f"\n{runtime.name}: {len(cases)} cases, {len(cases) - wrong} as runc or crun answer or as "
          f"differences.py justifies, {wrong} not")
    return wrong


def record(cases, everyone, witness):
    """Asks the references and writes what they say, beside what they said about other cases before."""
    found = answers.load()["answers"] if answers.FILE.exists() else {name: {} for name in answers.REFERENCES}
    for name in answers.REFERENCES:
        start = time.monotonic()
        asked = [case for case in cases if name not in case.spares]
        found[name] |= ask(everyone[name], asked, witness)[0]
        print(f"{name}: {len(asked)} cases in {time.monotonic() - start:.0f} s", flush=True)
    versions = {name: everyone[name].version() for name in answers.REFERENCES}
    everything = matrix.load()
    found = {name: {case: told[case] for case in everything if case in told} for name, told in found.items()}
    answers.save(versions | {"kernel": platform.release()}, found)


def show(name, leaves, ending):
    """Prints one case's leaves."""
    print(f"\n{name} ({ending.seconds:.1f} s)")
    for leaf, value in leaves.items():
        print(f"  {leaf} = {json.dumps(value)}")
    if ending.err.strip():
        print(f"  said: {last_words(ending)}", flush=True)


def part(text):
    """N/M as two numbers."""
    found = re.fullmatch("([1-9][0-9]*)/([1-9][0-9]*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError("a part is N/M, such as 1/3")
    return int(found[1]), int(found[2])


def chosen(args, runtime):
    """The cases that are asked for and that say something about the runtime on this machine. Where changes
    are compared, the base config comes first."""
    first, step = args.part
    everything = [case for case in matrix.load().values() if runtime.takes(case)]
    named = [case for case in everything if fnmatch.fnmatch(case.name, args.only)][first - 1::step]
    if runtime.by_change and everything[0] not in named:
        named.insert(0, everything[0])
    cases = [case for case in named if case.cpus <= (os.cpu_count() or 1)]
    if len(cases) < len(named):
        print(f"conform: left out, for want of processors: {len(named) - len(cases)} of {len(named)} cases")
    return cases


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=os.path.abspath, help="the folder with this tree's programs")
    parser.add_argument("--witness", help="the witness (else the build folder's)")
    parser.add_argument("--runtime", default="engine")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--document", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="*")
    parser.add_argument("--part", default="1/1", type=part)
    parser.add_argument("--show", action="store_true")
    return parser.parse_args()


def main():
    args = arguments()
    if args.document:
        return document.write(check=args.check)
    if os.geteuid() != 0 or not (CGROUP_ROOT / "cgroup.controllers").exists():
        cannot_run("it needs root and cgroup v2 at /sys/fs/cgroup")
    everyone = runtimes.known(args.build)
    wanted = answers.REFERENCES if args.record else [args.runtime]
    for name in wanted:
        if name not in everyone or not everyone[name].program:
            cannot_run(f"there is no {name}")
    witness = args.witness or shutil.which(f"{args.build}/tests/conformance/witness")
    if not witness:
        cannot_run("there is no witness; give --build or --witness")
    if "CONFORMANCE_UNSHARED" not in os.environ:
        # Mounts that a runtime leaves must not stay.
        os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv],
                   os.environ | {"CONFORMANCE_UNSHARED": "1"})
    share_mounts()
    runtime = everyone[args.runtime]
    cases = chosen(args, runtime)
    if args.record:
        record(cases, everyone, witness)
        return 0
    found, endings = ask(runtime, cases, witness, show if args.show else None)
    whole = args.only == "*" and args.part == (1, 1) and not runtime.by_change
    return 1 if not args.show and judge(runtime, cases, found, endings, whole) else 0


if __name__ == "__main__":
    sys.exit(main())
