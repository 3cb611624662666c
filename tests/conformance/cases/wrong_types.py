"""Every property with a value of the wrong type."""
from matrix import Case

# What each property is; the wrong values are all that belong to another type.
PROPERTIES = {
    "ociVersion": "string", "hostname": "string", "domainname": "string", "root": "object",
    "root/path": "string", "root/readonly": "bool", "process": "object", "process/terminal": "bool",
    "process/consoleSize": "object", "process/user": "object", "process/user/uid": "number",
    "process/user/gid": "number", "process/user/umask": "number", "process/user/additionalGids": "list",
    "process/args": "list", "process/args/0": "string", "process/env": "list", "process/cwd": "string",
    "process/capabilities": "object", "process/capabilities/bounding": "list", "process/rlimits": "list",
    "process/rlimits/0": "object", "process/rlimits/0/soft": "number", "process/rlimits/0/type": "string",
    "process/noNewPrivileges": "bool", "process/oomScoreAdj": "number", "process/apparmorProfile": "string",
    "mounts": "list", "mounts/0": "object", "mounts/0/destination": "string", "mounts/0/options": "list",
    "mounts/0/type": "string", "linux": "object", "linux/namespaces": "list", "linux/namespaces/0": "object",
    "linux/namespaces/0/type": "string", "linux/devices": "list", "linux/resources": "object",
    "linux/resources/devices": "list", "linux/resources/memory": "object",
    "linux/resources/memory/limit": "number", "linux/resources/cpu": "object",
    "linux/resources/cpu/shares": "number", "linux/resources/pids/limit": "number",
    "linux/resources/unified": "object", "linux/resources/blockIO": "object", "linux/seccomp": "object",
    "linux/maskedPaths": "list", "linux/readonlyPaths": "list", "linux/rootfsPropagation": "string",
    "linux/sysctl": "object", "linux/cgroupsPath": "string", "linux/uidMappings": "list", "hooks": "object",
    "hooks/prestart": "list", "annotations": "object", "linux/personality": "object",
}
VALUES = {"string": "words", "number": 7, "list": [1], "object": {"strange": 1}, "bool": True}
# One wrong value for each property: the one that a lax reader would take most easily.
WRONG = {"string": "number", "number": "string", "list": "object", "object": "list", "bool": "string"}

CASES = [
    Case(f"{path} as a {WRONG[kind]}", {path: VALUES[WRONG[kind]]}, ("quiet",))
    for path, kind in PROPERTIES.items()
] + [
    Case(f"{path} as a fraction", {path: 1.5}, ("quiet",))
    for path, kind in PROPERTIES.items() if kind == "number"
]
