# SPDX-License-Identifier: Apache-2.0
"""What runtimes answered: kept in expected.json, compared with what another one answers."""
import fnmatch
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent / "expected.json"
REFERENCES = ("runc", "crun")
ABSENT = "(absent)"


def load():
    """The recorded answers: {"versions": {…}, "answers": {runtime: {case: leaves}}}."""
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    answers = {name: {} for name in REFERENCES}
    for name in REFERENCES:
        base = recorded["base"][name]
        for case, by_runtime in recorded["cases"].items():
            changes = by_runtime.get("both", by_runtime.get(name))
            if changes is not None:
                answers[name][case] = _patched(base, changes)
    return {"versions": recorded["versions"], "answers": answers}


def save(versions, answers):
    """Writes the answers: in full for the first case, the base; for each other one only what differs."""
    base_case = next(iter(answers[REFERENCES[0]]))
    base = {name: answers[name][base_case] for name in REFERENCES}
    cases = {}
    for case in answers[REFERENCES[0]]:
        told = [name for name in REFERENCES if case in answers[name]]
        changes = {name: _changes(base[name], answers[name][case]) for name in told}
        same = told == list(REFERENCES) and changes["runc"] == changes["crun"]
        cases[case] = {"both": changes[REFERENCES[0]]} if same else changes
    text = json.dumps({"versions": versions, "base": base, "cases": cases}, indent=1, sort_keys=False)
    FILE.write_text(_compact(text) + "\n", encoding="utf-8")


def _compact(text):
    """Lists on one line: the file is for reading, too."""
    lines, depth = [], 0
    for line in text.splitlines():
        if depth:
            lines[-1] += line.strip() + (" " if line.endswith(",") else "")
        else:
            lines.append(line)
        depth += line.endswith("[") - line.strip().startswith("]")
    return "\n".join(lines)


def _changes(base, leaves):
    """What turns base into leaves; a refusal has nothing of the base."""
    if leaves["outcome"] != "ran" or "process/pid" not in leaves:
        return {"only": leaves}
    changed = {leaf: value for leaf, value in leaves.items() if base.get(leaf, ABSENT) != value}
    return changed | {leaf: ABSENT for leaf in base if leaf not in leaves}


def _patched(base, changes):
    if "only" in changes:
        return changes["only"]
    return {leaf: value for leaf, value in (base | changes).items() if value != ABSENT}


def accepted(case, leaf, recorded, outcome):
    """The values that a leaf may have: the specification's, or those of the references whose outcome is
    the same; where one of them shows what it shows in the base, also what the others show there. An empty
    list means that no reference says anything about it."""
    if leaf in case.spec:
        return [case.spec[leaf]]
    told = [name for name in REFERENCES if case.name in recorded[name]]
    if leaf == "outcome":
        return [recorded[name][case.name]["outcome"] for name in told]
    told = [name for name in told if recorded[name][case.name]["outcome"] == outcome]
    values = [recorded[name][case.name].get(leaf, ABSENT) for name in told]
    base = {name: next(iter(recorded[name].values())).get(leaf, ABSENT) for name in REFERENCES}
    if any(base[name] == value != ABSENT for name, value in zip(told, values)):
        values += base.values()
    return values


def compare(case, leaves, recorded):
    """Yields (leaf, accepted values, value) for each leaf that is not as accepted."""
    told = set(leaves) | set(case.spec)
    for name in REFERENCES:
        if recorded[name].get(case.name, {}).get("outcome") == leaves["outcome"]:
            told |= set(recorded[name][case.name])
    for leaf in sorted(told):
        if leaf != "outcome" and leaves["outcome"] != "ran":
            continue
        values = accepted(case, leaf, recorded, leaves["outcome"])
        if values and leaves.get(leaf, ABSENT) not in values:
            yield leaf, values, leaves.get(leaf, ABSENT)


def compare_changes(case, leaves, base_leaves, recorded):
    """The same for what differs from the base config's leaves: a leaf that the property changes with every
    reference must be as with one of them, a leaf that it changes with none must be as in our base."""
    values = accepted(case, "outcome", recorded, None)
    if leaves["outcome"] not in values:
        yield "outcome", values, leaves["outcome"]
    told = [name for name in REFERENCES if recorded[name].get(case.name, {}).get("outcome") == leaves["outcome"]]
    if leaves["outcome"] != "ran" or not told:
        return
    base = {name: next(iter(recorded[name].values())) for name in told}
    everything = set(leaves) | set(base_leaves) | {leaf for name in told for leaf in recorded[name][case.name]}
    for leaf in sorted(everything):
        theirs = {name: recorded[name][case.name].get(leaf, ABSENT) for name in told}
        changed = [theirs[name] != base[name].get(leaf, ABSENT) for name in told]
        ours, our_base = leaves.get(leaf, ABSENT), base_leaves.get(leaf, ABSENT)
        if leaf in case.spec:
            values = [case.spec[leaf]]
        else:
            values = (list(theirs.values()) if any(changed) else []) + ([] if all(changed) else [our_base])
        if ours not in values:
            yield leaf, values, ours


def matches(pattern, text):
    """Whether a pattern with * fits; other signs stand for themselves."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
