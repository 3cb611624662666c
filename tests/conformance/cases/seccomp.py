"""linux.seccomp: actions, arguments, architectures, flags, listener."""
from matrix import DROP, Case

# Numbers of x86-64; the witness has only numbers.
GETPPID, MKDIR, UNAME, PERSONALITY, KILL, GETPRIORITY = 110, 83, 63, 135, 62, 140
X86_64 = ["SCMP_ARCH_X86_64"]


def rule(names, action, **more):
    """One rule."""
    return {"names": names.split(), "action": action} | more


def allow_but(*rows, **more):
    """A filter that allows all but what the rules say."""
    return {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": X86_64,
                              "syscalls": list(rows)} | more}


def errno_for(args):
    """kill(a, b) fails with 77 if the arguments fit."""
    return allow_but(rule("kill", "SCMP_ACT_ERRNO", errnoRet=77, args=args))


def arg(index, value, op, **more):
    """One condition on an argument."""
    return {"index": index, "value": value, "op": f"SCMP_CMP_{op}"} | more


def kills(*pairs):
    """Probes that call kill(a, 64 + b): without a filter ESRCH, EINVAL or the like."""
    return tuple(f"syscall:{KILL},{a},{b}" for a, b in pairs)


# Processes that do not exist, so that nothing is killed.
NONE = 1 << 21
PAIRS = kills((NONE + 1, 0), (NONE + 2, 0), (NONE + 3, 0), (NONE + 4, 0), (NONE + 3, 5))
ACTIONS = [
    Case(f"action {action} on a call",
         allow_but(rule("getpriority", f"SCMP_ACT_{action}")), (f"deadly:{GETPRIORITY}",))
    for action in ("ALLOW", "ERRNO", "KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP", "TRACE", "LOG")
]
OPERATORS = [
    Case(f"argument operator {op}", errno_for([arg(0, NONE + 3, op)]), PAIRS)
    for op in ("NE", "LT", "LE", "EQ", "GE", "GT")
]

CASES = ACTIONS + OPERATORS + [
    Case("no filter", {"linux/seccomp": DROP}, (f"syscall:{UNAME},0",)),
    Case("a filter that allows all", allow_but()),
    Case("an error of one's choice",
         allow_but(rule("getppid mkdir", "SCMP_ACT_ERRNO", errnoRet=99)),
         (f"syscall:{GETPPID}", f"syscall:{MKDIR},path,0", f"syscall:{UNAME},0")),
    Case("error zero", allow_but(rule("getppid", "SCMP_ACT_ERRNO", errnoRet=0)), (f"syscall:{GETPPID}",)),
    Case("no error given is EPERM", allow_but(rule("getppid", "SCMP_ACT_ERRNO")), (f"syscall:{GETPPID}",)),
    Case("an error above 4095 is refused or cut",
         allow_but(rule("getppid", "SCMP_ACT_ERRNO", errnoRet=5000)), (f"syscall:{GETPPID}",)),
    Case("trace with an error", allow_but(rule("getppid", "SCMP_ACT_TRACE", errnoRet=12)),
         (f"syscall:{GETPPID}",)),
    Case("the default action denies",
         {"linux/seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 88, "architectures": X86_64,
                            "syscalls": [rule(
                                "execve exit_group exit read write open openat close fstat newfstatat mmap brk "
                                "arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat "
                                "getrandom mprotect ioctl getuid geteuid getgid getegid getpid getppid getgroups "
                                "getdents64 lstat stat getcwd umask uname prctl futex fcntl access faccessat "
                                "capget capset setgroups setuid setgid setresuid setresgid chdir getsid "
                                "clone fork wait4 rt_sigaction rt_sigprocmask rt_sigreturn dup dup2 dup3 socket "
                                "connect sendmsg recvmsg munmap fchdir fchmod fchown close_range epoll_ctl "
                                "nanosleep gettid tgkill statfs fstatfs seccomp poll ppoll lseek writev "
                                "epoll_pwait sched_yield sigaltstack madvise getpgid clock_gettime statx",
                                "SCMP_ACT_ALLOW")]}},
         (f"syscall:{MKDIR},path,0", f"syscall:{PERSONALITY},0xffffffff", f"syscall:{GETPPID}")),
    Case("two arguments must both fit",
         errno_for([arg(0, NONE + 3, "EQ"), arg(1, 5, "EQ")]), PAIRS),
    Case("two conditions on one argument",
         errno_for([arg(0, NONE + 1, "GT"), arg(0, NONE + 4, "LT")]), PAIRS),
    Case("a masked argument",
         errno_for([arg(0, 0x3, "MASKED_EQ", valueTwo=0x3)]), PAIRS),
    Case("a masked argument that never fits",
         errno_for([arg(0, 0x3, "MASKED_EQ", valueTwo=0x4)]), PAIRS),
    Case("an argument of 64 bits",
         allow_but(rule("lseek", "SCMP_ACT_ERRNO", errnoRet=77, args=[arg(1, 1 << 40, "EQ")])),
         (f"syscall:8,99,{1 << 40},0", "syscall:8,99,0,0")),
    Case("an argument index of 5",
         allow_but(rule("mmap", "SCMP_ACT_ERRNO", errnoRet=77, args=[arg(5, 12345, "EQ")])),
         ("syscall:9,0,0,0,0,0,12345", "syscall:9,0,0,0,0,0,1")),
    Case("an argument index of 6 is refused", errno_for([arg(6, 0, "EQ")])),
    Case("an unknown operator is refused", errno_for([arg(0, 0, "ROUGHLY")])),
    Case("an unknown call is left out", allow_but(rule("getppid fly_away", "SCMP_ACT_ERRNO")),
         (f"syscall:{GETPPID}",)),
    Case("an unknown action is refused", allow_but(rule("getppid", "SCMP_ACT_SHRUG"))),
    Case("an unknown default action is refused", {"linux/seccomp": {"defaultAction": "SCMP_ACT_SHRUG"}}),
    Case("no default action is refused", {"linux/seccomp": {"syscalls": []}}),
    Case("a rule without names is refused or ignored", allow_but({"names": [], "action": "SCMP_ACT_ERRNO"})),
    Case("the default action again in a rule", allow_but(rule("getppid", "SCMP_ACT_ALLOW")),
         (f"syscall:{GETPPID}",)),
    Case("two rules for one call", allow_but(rule("getppid", "SCMP_ACT_ERRNO", errnoRet=70),
                                             rule("getppid", "SCMP_ACT_ERRNO", errnoRet=71)),
         (f"syscall:{GETPPID}",)),
    Case("no architectures are the machine's own",
         {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                            "syscalls": [rule("getppid", "SCMP_ACT_ERRNO", errnoRet=77)]}},
         (f"syscall:{GETPPID}",)),
    Case("a call by the gate of another architecture", allow_but(rule("getppid", "SCMP_ACT_ERRNO")),
         ("syscall32:64",)),
    Case("the 32-bit architecture listed",
         {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                            "syscalls": [rule("getppid", "SCMP_ACT_ERRNO", errnoRet=77)]}},
         ("syscall32:64", f"syscall:{GETPPID}")),
    Case("a foreign architecture listed",
         {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
                            "syscalls": [rule("getppid", "SCMP_ACT_ERRNO", errnoRet=77)]}},
         (f"syscall:{GETPPID}",)),
    Case("an unknown architecture is refused",
         {"linux/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_PDP11"]}}),
    Case("flag TSYNC", allow_but(flags=["SECCOMP_FILTER_FLAG_TSYNC"])),
    Case("flag LOG", allow_but(flags=["SECCOMP_FILTER_FLAG_LOG"])),
    Case("flag SPEC_ALLOW", allow_but(flags=["SECCOMP_FILTER_FLAG_SPEC_ALLOW"])),
    Case("an unknown flag is refused", allow_but(flags=["SECCOMP_FILTER_FLAG_MAGIC"])),
    Case("a filter without no_new_privs",
         allow_but(rule("getppid", "SCMP_ACT_ERRNO", errnoRet=77)) | {"process/noNewPrivileges": False},
         (f"syscall:{GETPPID}",)),
    Case("a filter for a user without privileges",
         allow_but(rule("getppid", "SCMP_ACT_ERRNO", errnoRet=77))
         | {"process/user": {"uid": 1000, "gid": 1000}, "process/noNewPrivileges": False},
         (f"syscall:{GETPPID}",)),
    Case("a listener answers a call",
         allow_but(rule("getppid", "SCMP_ACT_NOTIFY"), listenerPath="@CASE@/listener",
                   listenerMetadata="some words"), (f"syscall:{GETPPID}",), listener=True),
    Case("notify without a listener is refused", allow_but(rule("getppid", "SCMP_ACT_NOTIFY"))),
    Case("a listener that is not there is refused",
         allow_but(rule("getppid", "SCMP_ACT_NOTIFY"), listenerPath="@CASE@/nobody")),
    Case("a listener without notify is left alone", allow_but(listenerPath="@CASE@/nobody")),
    Case("notify on write is refused",
         allow_but(rule("write", "SCMP_ACT_NOTIFY"), listenerPath="@CASE@/nobody")),
]
