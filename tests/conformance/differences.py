# SPDX-License-Identifier: Apache-2.0
"""Where kata-like's agent answers other than both runc and crun, and why that is right.

docs/CONFORMANCE.md shows this table; a difference that is not in it, and an entry without a difference,
fail the test.
"""
import dataclasses

import answers


@dataclasses.dataclass(frozen=True)
class Difference:
    """Leaves and cases are patterns in which * stands for anything; answer says what ours shows."""

    leaves: tuple
    cases: tuple
    answer: str
    reason: str

    def covers(self, leaf, case_name):
        """Whether it justifies a leaf of a case."""
        return (any(answers.matches(pattern, leaf) for pattern in self.leaves)
                and any(answers.matches(pattern, case_name) for pattern in self.cases))


ALL = ("*",)

DIFFERENCES = (
    Difference(
        ("process/pdeathsig",), ALL, "9 on a host, 0 in the guest",
        "Only where the engine runs by itself, as in this test: its containers go with it. In the guest the "
        "agent's end is the machine's."),
    Difference(
        ("mount/proc/acpi*/super", "mount/sys/firmware*/super", "mount/dir*/super", "mount/dev/shm+/super"),
        ALL, "a tmpfs of its own, of 4 KiB",
        "What masks a folder is empty and read-only in all of them; how large it could become is no one's "
        "concern."),
    Difference(
        ("mount/proc/kcore*/*", "mount/proc/keys*/*", "mount/proc/timer_list*/*", "mount/file*/*"),
        ALL, "/dev/null of the machine",
        "What masks a file is a /dev/null in all of them: that of the container's own /dev in runc, a read-only "
        "one in crun. That the container may write into it changes nothing."),
    Difference(
        ("probe/stat:/dir", "dev/shm"), ("*masked path*",), "mode 0755",
        "A masked folder is read-only and empty; its mode says nothing."),
    Difference(
        ("outcome",),
        ("a real-time quota is refused or ignored", "kernel memory is ignored", "swappiness is refused or ignored",
         "a leaf weight is refused or ignored", "network class and priorities are refused or ignored",
         "Intel RDT without it is refused or ignored", "rdma without rdma is refused or ignored"),
        "refused",
        "Control groups of version 2 (or a virtual machine) have no such thing. The specification (runtime.md, "
        "\"Create\") demands an error where a property cannot be applied; runc and crun pass over it."),
    Difference(
        ("outcome",),
        ("maps without a user namespace are refused or ignored",
         "time offsets without a time namespace are refused or ignored",
         "an unknown access is refused or ignored", "a rule without names is refused or ignored",
         "a device where a file is"),
        "refused", "The config contradicts itself or the specification, and would not do what its author meant."),
    Difference(
        ("outcome",), ("cpu shares 1", "block weight 1"), "ran",
        "Below the least that version 1 knew (2 shares, weight 10) the conversion's least counts, as version 1 "
        "did with shares; runc and crun write a number that the kernel refuses."),
    Difference(
        ("probe/stat:/dir",), ("tmpfs with *",), "mode 1777",
        "The file system's default, as in crun; runc takes the mode of the folder that is covered."),
    Difference(
        ("mount/dir/propagation", "mount/dir/below/propagation", "mount/gone*/propagation"),
        ("a bind mount with rbind r*atime", "a bind mount with rbind *shared", "a destination * a dangling link *"),
        "no slave of the host's mount",
        "runc's mounts are slaves of the host's unless told otherwise. In the guest there is nothing outside to "
        "hear from: a mount is private, as in crun, or what its options say."),
    Difference(
        ("outcome",), ("no linux object leaves the defaults",), "ran",
        "`linux` is optional. crun insists on it; runc needs /proc in the container, the agent does not."),
    Difference(
        ("outcome",), ("type bind without an option is a bind mount",), "ran", "It can mean nothing else."),
    Difference(
        ("outcome",), ("rootfsPropagation runbindable",), "ran",
        "runc and crun then fail to mask paths, for which they bind; the agent masks before."),
    Difference(
        ("outcome",), ("a program name without PATH is refused or searched in the defaults",), "ran",
        "Without PATH a program is searched where execvp(3) and shells do; /bin is among these."),
    Difference(
        ("outcome",), ("a terminal without /dev/pts is refused or missing",), "ran",
        "The terminal comes from the guest's devpts, as long as the container has none."),
    Difference(
        ("outcome", "exit", "hook/host/*"),
        ("*hook of stage prestart*", "*hook of stage createRuntime*", "*hook of stage poststart*",
         "*hook of stage poststop*", "hooks of all stages run in their order", "a hook gets its own environment",
         "a hook with enough time", "a hook sees the annotations"),
        "not run by the agent",
        "These hooks run in the runtime's namespaces, which are the host's: they are not the agent's."),
    Difference(
        ("cgroup/*",), ("without a cgroup namespace the whole path is seen", "a joined cgroup namespace"),
        "its own part of the tree, under /kata-like",
        "The path names the agent's tree. At /sys/fs/cgroup a container sees its own part, even without a "
        "cgroup namespace: the rest is the virtual machine's and the pod's."),
    Difference(
        ("mount/dir/*", "probe/create:/dir*"), ("a bind mount with rbind rro rrw",), "writable",
        "Of contradicting options the last one holds, as with ro and rw."),
    Difference(
        ("mount*", "namespaces/mnt", "left/mounts"), ("without a mount namespace*", "no namespaces at all"),
        "a mount namespace of its own",
        "A container always gets one: runc refuses, and crun leaves the container's mounts on the host."),
    Difference(
        ("terminal/rows", "terminal/columns"), ("*a terminal",), "0",
        "The size of the caller's terminal is passed on by the command line, not by the engine."),
    Difference(
        ("env/HOME",), ("the highest user and group",), "/",
        "As for every user that /etc/passwd does not name; crun leaves it away for this one."),
    Difference(
        ("env/A",), ("a variable without a value is taken or refused",), "A",
        "It is passed on as it is; runc refuses it, crun drops it."),
)

# In a virtual machine, where what a property changes is compared.
VM_DIFFERENCES = (
    Difference(
        ("probe/write:/proc/sysrq-trigger",), ALL, "not there", "The guest's kernel has no such key."),
    Difference(
        ("probe/mknod:c:1:11:*", "probe/open:*:/dev/kmsg"), ALL, "opens, where the rules allow it",
        "The recorded answers are those of a kernel whose log only the privileged read; the guest's log is the "
        "pod's own."),
    Difference(
        ("outcome",), ("a sysctl of * without * namespace is refused",), "ran",
        "Every parameter may be set: the kernel is the pod's own."),
    Difference(
        ("hostname",), ("no hostname is the host's",), "the virtual machine's",
        "The machine is what the pod has for a host."),
)
