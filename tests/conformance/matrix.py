# SPDX-License-Identifier: Apache-2.0
"""What a case is, and the configs that the cases' tables make of base.json."""
import copy
import dataclasses
import importlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

# As the value of a change: takes the property away.
DROP = object()


@dataclasses.dataclass(frozen=True)
class Case:
    """One config.json and what the witness is to try in it.

    name     the sentence that the case proves
    change   {"process/user/uid": 1000}: what is set in the base config. A key that ends in "+" appends
             its list to the one that is there; DROP takes a property away. In strings, @CASE@ is the
             case's folder on the host, @ROOTFS@ the root filesystem, @WITNESS@ the witness on the host,
             @ID@ the container, @JOIN@ /proc/PID/ns of a process whose namespaces may be joined, @EXT4@
             a mounted file system with files of users 0 and 1000.
    probes   words for the witness (see witness.c)
    spec     answers that the specification demands and the recorded runtimes don't give: {leaf: value}
    owner    the user that the root filesystem's files belong to
    listener a seccomp listener waits at @CASE@/listener
    stdin    bytes for standard input
    spares   runtimes that are not asked
    exec     the process that the change makes is executed in a container whose own process sleeps
    cpus     how many processors the machine must have for the case to say anything
    """

    name: str
    change: dict = dataclasses.field(default_factory=dict)
    probes: tuple = ()
    spec: dict = dataclasses.field(default_factory=dict)
    owner: int = 0
    listener: bool = False
    stdin: bytes = b""
    exec: bool = False
    cpus: int = 1
    spares: tuple = ()

    def documents(self):
        """What the bundle holds, with its @PLACES@ not filled in: {"config.json": …}."""
        base = json.loads((HERE / "base.json").read_text(encoding="utf-8"))
        config = copy.deepcopy(base)
        config["process"]["args"] += self.probes
        for path, value in self.change.items():
            _set(config, path.split("/"), value)
        if not self.exec:
            return {"config.json": config}
        process = config["process"]
        config["process"] = base["process"] | {"args": ["/witness", "quiet", "sleep"]}
        return {"config.json": config, "process.json": process}


def _set(node, keys, value):
    """Sets (or appends to, or drops) what the keys lead to."""
    if isinstance(node, list):
        keys = [int(keys[0]), *keys[1:]]
    if len(keys) > 1:
        if isinstance(node, dict):
            node = node.setdefault(keys[0], {})
        else:
            node = node[keys[0]]
        _set(node, keys[1:], value)
    elif value is DROP:
        node.pop(keys[0], None)
    elif isinstance(keys[0], str) and keys[0].endswith("+"):
        node.setdefault(keys[0][:-1], []).extend(copy.deepcopy(value))
    else:
        node[keys[0]] = copy.deepcopy(value)


def namespaces(without=(), **paths):
    """The base's namespaces without some, and with those named by keyword (a path, or None for a new one)."""
    kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup"]
    listed = {kind: None for kind in kinds if kind not in without} | paths
    return [{"type": kind} | ({"path": path} if path else {}) for kind, path in listed.items()]


def mount(destination, fstype, source, *options, **more):
    """One mount, for "mounts+"."""
    return {"destination": destination, "type": fstype, "source": source, "options": list(options)} | more


def load():
    """Every case of cases/*.py, by name, in the files' order; the first is the base config itself."""
    cases = {}
    for path in sorted((HERE / "cases").glob("*.py")):
        for case in importlib.import_module(f"cases.{path.stem}").CASES:
            if case.name in cases:
                raise ValueError(f"{path.name}: two cases say that {case.name!r}")
            cases[case.name] = case
    return cases
