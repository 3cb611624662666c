"""A process that joins a running container."""
from matrix import DROP, Case

USER = {"uid": 1000, "gid": 1001, "additionalGids": [5, 7]}
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def ex(name, change=None, probes=(), **more):
    """A case of an exec."""
    return Case(f"exec: {name}", change or {}, probes, exec=True, **more)


CASES = [
    ex("a process as the container's own"),
    ex("an exit status passes through", probes=("quiet", "exit:42")),
    ex("death by a signal is 128 plus the signal", probes=("quiet", "crash")),
    ex("standard input is passed on", probes=("quiet", "stdin"), stdin=b"x" * 100000),
    ex("a terminal", {"process/terminal": True}),
    ex("a terminal with a size",
       {"process/terminal": True, "process/consoleSize": {"height": 13, "width": 57}}),
    ex("a user and groups", {"process/user": USER}),
    ex("a umask", {"process/user": USER | {"umask": 0o27}}),
    ex("other capabilities", {"process/capabilities": {kind: ["CAP_CHOWN"] for kind in SETS}}),
    ex("no capabilities", {"process/capabilities": {kind: [] for kind in SETS}}),
    ex("no capabilities object", {"process/capabilities": DROP}),
    ex("ambient capabilities of a user",
       {"process/user": USER, "process/capabilities": {kind: ["CAP_KILL"] for kind in SETS}}),
    ex("without no_new_privs", {"process/noNewPrivileges": False, "process/user": USER},
       ("exec:/setuid-witness",)),
    ex("limits", {"process/rlimits": [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 128}]}),
    ex("no limits", {"process/rlimits": DROP}),
    ex("oom_score_adj", {"process/oomScoreAdj": 500}, spec={"proc/oom_score_adj": "500"}),
    ex("a cwd", {"process/cwd": "/dir"}),
    ex("a missing cwd", {"process/cwd": "/not/there"}),
    ex("a cwd that is a file is refused", {"process/cwd": "/file"}),
    ex("an environment", {"process/env": ["A=1", "PATH=/bin"], "process/args": ["witness"]}),
    ex("an empty environment", {"process/env": []}),
    ex("a missing program is refused", {"process/args": ["/nothing-here"]}),
    ex("a missing program is refused when it is searched", {"process/args": ["nothing-here"]}),
    ex("a program that is not executable is refused", {"process/args": ["/file"]}),
    ex("no args are refused", {"process/args": []}),
    ex("a relative cwd is refused", {"process/cwd": "dir"}),
    ex("an unknown limit is refused", {"process/rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]}),
    ex("sees the container's mounts and devices",
       probes=("list:/", "create:/dev/shm", "read:/proc/keys", "write:/proc/sysrq-trigger", "mknod:c:1:11:/dev/k")),
    ex("the container's seccomp filter is not an exec's unless it is listed",
       {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                          "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}},
       ("syscall:110",)),
    ex("in a user namespace",
       {"linux/namespaces+": [{"type": "user"}],
        "linux/uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "linux/gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]}, owner=100000),
    ex("without a pid namespace",
       {"linux/namespaces": [{"type": kind} for kind in ("network", "ipc", "uts", "mount", "cgroup")]}),
    ex("scheduler batch", {"process/scheduler": {"policy": "SCHED_BATCH", "nice": 5}},
       spec={"outcome": "ran", "scheduler/policy": 3, "scheduler/nice": 5}),
    ex("I/O priority", {"process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 2}},
       spec={"outcome": "ran", "ioprio": 2 << 13 | 2}),
    ex("final CPU affinity", {"process/execCPUAffinity": {"initial": "0-1", "final": "0"}},
       spec={"outcome": "ran", "affinity": [0]}, cpus=2),
    ex("an affinity to a CPU that does not exist is refused",
       {"process/execCPUAffinity": {"initial": "0", "final": "1000"}}, spec={"outcome": "refused"}),
    ex("an affinity of nonsense is refused",
       {"process/execCPUAffinity": {"initial": "all"}}, spec={"outcome": "refused"}),
]
