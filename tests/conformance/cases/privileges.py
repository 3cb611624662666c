"""Capabilities, no_new_privs, rlimits, oom_score_adj, scheduling, personality, labels."""
from matrix import DROP, Case

ALL = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
]
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
USER = {"process/user": {"uid": 1000, "gid": 1000}}


def caps(**sets):
    """A change that sets just these capability sets."""
    return {"process/capabilities": sets}


def limit(kind, soft, hard):
    """A change that sets one limit."""
    return {"process/rlimits": [{"type": f"RLIMIT_{kind}", "soft": soft, "hard": hard}]}


def scheduler(**attributes):
    """A change that sets the scheduler."""
    return {"process/scheduler": attributes}


LIMITS = [
    Case(f"the limit {kind}", limit(kind, soft, hard))
    for kind, soft, hard in [
        ("AS", 1 << 32, 1 << 33), ("CORE", 0, 0), ("CPU", 100, 200), ("DATA", 1 << 31, 1 << 32),
        ("FSIZE", 1 << 30, 1 << 30), ("LOCKS", 10, 20), ("MEMLOCK", 65536, 131072),
        ("MSGQUEUE", 1000, 2000), ("NICE", 1, 2), ("NPROC", 100, 200), ("RSS", 1 << 30, 1 << 30),
        ("RTPRIO", 1, 2), ("RTTIME", 1000, 2000), ("SIGPENDING", 50, 60), ("STACK", 1 << 20, 1 << 23),
    ]
]

CASES = LIMITS + [
    Case("no capabilities at all", caps(**{kind: [] for kind in SETS})),
    Case("all capabilities in all sets", caps(**{kind: ALL for kind in SETS})),
    Case("only a bounding set", caps(bounding=["CAP_CHOWN", "CAP_KILL"])),
    Case("bounding without effective",
         caps(bounding=["CAP_CHOWN", "CAP_KILL"], permitted=["CAP_CHOWN", "CAP_KILL"])),
    Case("effective outside of permitted is refused or dropped",
         caps(bounding=["CAP_CHOWN"], effective=["CAP_CHOWN", "CAP_KILL"], permitted=["CAP_CHOWN"])),
    Case("permitted outside of bounding",
         caps(bounding=["CAP_CHOWN"], effective=["CAP_KILL"], permitted=["CAP_KILL"])),
    Case("inheritable capabilities",
         caps(bounding=ALL, effective=["CAP_KILL"], permitted=["CAP_KILL"], inheritable=["CAP_KILL"])),
    Case("ambient capabilities of a user",
         caps(**{kind: ["CAP_NET_RAW", "CAP_KILL"] for kind in SETS}) | USER),
    Case("ambient without inheritable is refused or dropped",
         caps(bounding=["CAP_KILL"], effective=["CAP_KILL"], permitted=["CAP_KILL"],
              ambient=["CAP_KILL"]) | USER),
    Case("capabilities of a user without ambient ones are gone after exec",
         caps(bounding=["CAP_KILL"], effective=["CAP_KILL"], permitted=["CAP_KILL"]) | USER),
    Case("no capabilities object", {"process/capabilities": DROP}),
    Case("no capabilities object for a user", {"process/capabilities": DROP} | USER),
    Case("an unknown capability is refused or left out",
         caps(bounding=["CAP_FLY", "CAP_KILL"], effective=["CAP_KILL"], permitted=["CAP_KILL"])),
    Case("a capability in small letters", caps(bounding=["cap_kill"], permitted=["cap_kill"])),
    Case("an empty capability", caps(bounding=[""])),
    Case("no_new_privs on stops setuid programs",
         {"process/noNewPrivileges": True} | USER, ("exec:/setuid-witness",)),
    Case("no_new_privs off lets setuid programs be",
         {"process/noNewPrivileges": False} | USER, ("exec:/setuid-witness",)),
    Case("a limit without end", limit("NOFILE", 2**64 - 1, 2**64 - 1)),
    Case("a limit of zero", limit("NPROC", 0, 0)),
    Case("a soft limit above the hard one is refused", limit("NOFILE", 200, 100)),
    Case("an unknown limit is refused", limit("HAPPINESS", 1, 1)),
    Case("a limit without its prefix is refused",
         {"process/rlimits": [{"type": "NOFILE", "soft": 1, "hard": 1}]}),
    Case("a limit given twice is refused",
         {"process/rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100},
                              {"type": "RLIMIT_NOFILE", "soft": 200, "hard": 200}]},
         spec={"outcome": "refused"}),
    Case("a limit above 64 bits is refused", limit("NOFILE", 2**64, 2**64)),
    Case("a negative limit is refused", limit("NOFILE", -1, -1)),
    Case("oom_score_adj", {"process/oomScoreAdj": 100}),
    Case("the highest oom_score_adj", {"process/oomScoreAdj": 1000}),
    Case("the lowest oom_score_adj", {"process/oomScoreAdj": -1000}),
    Case("oom_score_adj zero", {"process/oomScoreAdj": 0}),
    Case("oom_score_adj out of range is refused", {"process/oomScoreAdj": 1001}),
    Case("scheduler batch with nice", scheduler(policy="SCHED_BATCH", nice=5),
         spec={"outcome": "ran", "scheduler/policy": 3, "scheduler/nice": 5}),
    Case("scheduler other with the lowest nice", scheduler(policy="SCHED_OTHER", nice=-20),
         spec={"outcome": "ran", "scheduler/policy": 0, "scheduler/nice": -20}),
    Case("scheduler idle", scheduler(policy="SCHED_IDLE"), spec={"outcome": "ran", "scheduler/policy": 5}),
    Case("scheduler fifo with a priority", scheduler(policy="SCHED_FIFO", priority=10),
         spec={"outcome": "ran", "scheduler/policy": 1, "scheduler/priority": 10}),
    Case("scheduler rr with the highest priority and reset on fork",
         scheduler(policy="SCHED_RR", priority=99, flags=["SCHED_FLAG_RESET_ON_FORK"]),
         spec={"outcome": "ran", "scheduler/policy": 2, "scheduler/priority": 99, "scheduler/flags": 1}),
    Case("scheduler fifo with priority zero is refused", scheduler(policy="SCHED_FIFO", priority=0),
         spec={"outcome": "refused"}),
    Case("an unknown scheduler is refused", scheduler(policy="SCHED_LUCKY"), spec={"outcome": "refused"}),
    Case("an unknown scheduler flag is refused", scheduler(policy="SCHED_OTHER", flags=["SCHED_FLAG_X"]),
         spec={"outcome": "refused"}),
    Case("I/O priority best effort", {"process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 2}},
         spec={"outcome": "ran", "ioprio": 2 << 13 | 2}),
    Case("I/O priority real time", {"process/ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 7}},
         spec={"outcome": "ran", "ioprio": 1 << 13 | 7}),
    Case("I/O priority idle", {"process/ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0}},
         spec={"outcome": "ran", "ioprio": 3 << 13}),
    Case("an I/O priority above 7 is refused",
         {"process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}, spec={"outcome": "refused"}),
    Case("an unknown I/O class is refused",
         {"process/ioPriority": {"class": "IOPRIO_CLASS_VIP", "priority": 1}}, spec={"outcome": "refused"}),
    Case("personality LINUX32", {"linux/personality": {"domain": "LINUX32"}}),
    Case("personality LINUX", {"linux/personality": {"domain": "LINUX"}}),
    Case("an unknown personality is refused", {"linux/personality": {"domain": "PLAN9"}},
         spec={"outcome": "refused"}),
    Case("an AppArmor profile without AppArmor is refused",
         {"process/apparmorProfile": "docker-default"}),
    Case("an empty AppArmor profile is none", {"process/apparmorProfile": ""}),
    Case("an SELinux label without SELinux is refused or ignored",
         {"process/selinuxLabel": "system_u:system_r:svirt_lxc_net_t:s0:c124,c675"}),
    Case("an empty SELinux label is none", {"process/selinuxLabel": ""}),
    Case("a mount label without SELinux is refused or ignored",
         {"linux/mountLabel": "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"}),
]
