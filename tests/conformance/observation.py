# SPDX-License-Identifier: Apache-2.0
"""Turns what the witness wrote into leaves: {"process/uid": 0, …}, without what differs by chance.

Leaves hold strings, numbers and lists of these, so that two runs can be compared leaf by leaf. Numbers of
processes, inodes and temporary folders become what they mean: "new", "host", "joined", "ID".
"""
import json
import os
import re
import resource
import time

# Options of a file system that a config sets; the others belong to the machine.
SUPER_OPTIONS = ("size", "mode", "nr_inodes", "uid", "gid", "ptmxmode", "hidepid", "ro", "rw")
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
    "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
    "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
    "PERFMON BPF CHECKPOINT_RESTORE").split()
# Numbers of the kernel: the resource module does not name them all.
RLIMITS = {name: number for number, name in enumerate(
    "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME".split())}
STATUS = {"NoNewPrivs": "no_new_privs", "Seccomp": "seccomp/mode", "Seccomp_filters": "seccomp/filters",
          "SigBlk": "signals/blocked", "SigIgn": "signals/ignored", "SigCgt": "signals/caught",
          "SigPnd": "signals/pending"}
SCHED_DEADLINE = 6
# Inode numbers of a kernel's own namespaces: in a virtual machine, what "host" means.
INITIAL_NAMESPACES = {"time": 4026531834, "cgroup": 4026531835, "pid": 4026531836, "user": 4026531837,
                      "uts": 4026531838, "ipc": 4026531839}
TYPES = {1: "fifo", 2: "char", 4: "dir", 6: "block", 8: "file", 10: "link", 12: "socket"}


def leaves(raw, container_id, folder, join):
    """The leaves of a witness's object. folder and join are the case's, see place.py."""
    found = {}
    for part in (_process, _environment, _limits, _status, _terminal, _descriptors, _cgroup, _devices):
        part(raw, found)
    _namespaces(raw, found, join)
    _mounts(raw, found)
    for word, outcome in raw.get("probes", {}).items():
        found[f"probe/{word}"] = _plain(outcome)
    known = ((str(folder), "@CASE@"), (container_id, "ID"))
    return {_without(leaf, known): _without(value, known) for leaf, value in found.items()}


def _without(value, known):
    """A value with the names that differ from run to run replaced."""
    if isinstance(value, list):
        return [_without(item, known) for item in value]
    if isinstance(value, str):
        for name, mark in known:
            value = value.replace(name, mark)
    return value


def _plain(value):
    """What the witness wrote about one thing, as a string or a list."""
    if isinstance(value, dict) and "error" in value:
        return f"error {value['error']}"
    if isinstance(value, dict) and "mode" in value:
        kind = TYPES.get(value["type"], value["type"])
        text = f"{kind} {value['mode']:04o} {value['uid']}:{value['gid']}"
        return text + (f" {value['number']} {value['open']}" if "number" in value else "")
    return value.rstrip("\n") if isinstance(value, str) else value


def _process(raw, found):
    if "pid" not in raw:
        return
    found["process/pid"] = raw["pid"] if raw["pid"] == 1 else "other"
    found["process/ppid"] = raw["ppid"] if raw["ppid"] == 0 else "other"
    found["process/session"] = "own" if raw["sid"] == raw["pid"] else raw["sid"] and "other"
    found["process/group"] = "own" if raw["pgid"] == raw["pid"] else raw["pgid"] and "other"
    for key in ("uid", "euid", "gid", "egid", "cwd", "groups", "pdeathsig", "dumpable", "securebits",
                "keepcaps", "subreaper"):
        found[f"process/{key}"] = _plain(raw[key])
    for key in ("domainname", "machine", "ioprio", "personality"):
        found[key] = raw.get(key, "unknown")
    found["hostname"] = "@HOST@" if raw.get("hostname") == os.uname().nodename else raw.get("hostname")
    # Days by which the clocks are set off from the host's.
    found["monotonic_days"] = round((raw["monotonic"] - time.clock_gettime(time.CLOCK_MONOTONIC)) / 86400)
    found["boottime_days"] = round((raw["boottime"] - time.clock_gettime(time.CLOCK_BOOTTIME)) / 86400)
    found["process/umask"] = f"{raw['umask']:04o}"
    # Probes are arguments, too; what they are is no news.
    words = [word for word in raw["argv"] if ":" not in word]
    found["process/argv"] = [len(words), *(word[:40] for word in words[:8])]
    all_cpus = len(raw["affinity"]) == raw.get("cpus_online")
    found["affinity"] = "all" if all_cpus else _plain(raw["affinity"])
    found |= {f"scheduler/{key}": value for key, value in raw["scheduler"].items()
              if raw["scheduler"]["policy"] == SCHED_DEADLINE or key in ("policy", "flags", "nice", "priority")}
    keyring = raw["keyring"]
    found["keyring"] = _plain(keyring) if isinstance(keyring, dict) else keyring.rsplit(";", 1)[-1]


def _environment(raw, found):
    for pair in raw.get("env", []):
        name, sign, value = pair.partition("=")
        if not sign:
            value = "(no value)"
        found[f"env/{name}"] = value if len(value) < 200 else f"{len(value)} bytes"


def _limits(raw, found):
    for name, limit in raw.get("rlimits", {}).items():
        own = tuple(resource.RLIM_INFINITY if value == "unlimited" else value for value in limit.values())
        inherited = own == resource.prlimit(0, RLIMITS[name])
        found[f"rlimit/{name}"] = "inherited" if inherited else [limit["soft"], limit["hard"]]


def _status(raw, found):
    for name, text in raw.get("proc", {}).items():
        if name not in ("status", "mountinfo", "cgroup"):
            found[f"proc/{name}"] = " ".join(text.split()) if isinstance(text, str) else _plain(text)
    text = raw.get("proc", {}).get("status", "")
    for line in text.splitlines() if isinstance(text, str) else ():
        key, _, value = line.partition(":\t")
        if key.startswith("Cap"):
            bits = int(value, 16)
            found[f"capabilities/{key[3:].lower()}"] = [
                name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1]
        elif key in STATUS:
            found[STATUS[key]] = value


def _terminal(raw, found):
    for key, value in raw.get("terminal", {}).items():
        found[f"terminal/{key}"] = value


def _descriptors(raw, found):
    table = raw.get("descriptors", {})
    for number, target in table.items() if "error" not in table else ():
        target = re.sub(r"^(pipe|socket|anon_inode):.*", r"\1", target)
        found[f"descriptor/{number}"] = re.sub(r"^/dev/pts/\d+$", "/dev/pts/N", target)


def _namespaces(raw, found, join):
    for kind, link in raw.get("namespaces", {}).items():
        if isinstance(link, dict):
            found[f"namespaces/{kind}"] = _plain(link)
        elif link in (os.readlink(f"/proc/self/ns/{kind}"), f"{kind}:[{INITIAL_NAMESPACES.get(kind)}]"):
            found[f"namespaces/{kind}"] = "host"
        else:
            found[f"namespaces/{kind}"] = "joined" if link == os.readlink(f"{join}/{kind}") else "new"


def _cgroup(raw, found):
    text = raw.get("proc", {}).get("cgroup")
    if isinstance(text, str):
        found["cgroup/path"] = text.strip().rpartition(":")[2]
    for name, value in raw.get("cgroup", {}).items():
        found[f"cgroup/{name}"] = _plain(value)


def _devices(raw, found):
    for name, device in raw.get("dev", {}).items():
        target = _plain(device)
        found[f"dev/{name}"] = re.sub(r"pts/\d+$", "pts/N", target)


def _mounts(raw, found):
    text = raw.get("proc", {}).get("mountinfo")
    for line in text.splitlines() if isinstance(text, str) else ():
        before, _, after = line.partition(" - ")
        fields, (fstype, _, super_options) = before.split(" "), after.split(" ", 2)
        leaf = f"mount{fields[4]}"
        while f"{leaf}/options" in found:
            leaf += "+"
        found[f"{leaf}/options"] = sorted(fields[5].split(","))
        found[f"{leaf}/propagation"] = sorted({field.partition(":")[0] for field in fields[6:]})
        if fields[4] != "/":
            found[f"{leaf}/type"] = fstype
        if fields[4] != "/" and fstype != "devtmpfs":
            found[f"{leaf}/super"] = sorted(
                option for option in super_options.split(",") if option.partition("=")[0] in SUPER_OPTIONS)


def hook_leaves(text, where, container_id):
    """What the hooks left behind, in their order."""
    found = {}
    for number, line in enumerate(text.splitlines()):
        hook = json.loads(line)
        leaf = f"hook/{where}/{number}"
        found[leaf] = hook["stage"]
        try:
            state = json.loads(hook["state"])
        except ValueError:
            state = {}
        found |= {f"{leaf}/status": state.get("status"), f"{leaf}/id": state.get("id") == container_id,
                  f"{leaf}/has_pid": state.get("pid", 0) > 0, f"{leaf}/bundle": bool(state.get("bundle")),
                  f"{leaf}/version": bool(state.get("ociVersion")),
                  f"{leaf}/annotations": sorted(state.get("annotations") or {}),
                  f"{leaf}/in_root": hook["in_root"], f"{leaf}/env": hook["env"]}
        for kind in ("mnt", "pid", "net", "uts"):
            own = hook[kind] == os.readlink(f"/proc/self/ns/{kind}")
            found[f"{leaf}/{kind}"] = "host" if own else "new"
    return found
