"""Mounts: types, options, destinations, propagation, masked and read-only paths, devices."""
from matrix import Case, mount, namespaces

DATA = "/dir"  # a folder of the image, with a file in it


def tmpfs(*options):
    """A tmpfs at /dir."""
    return {"mounts+": [mount(DATA, "tmpfs", "tmpfs", *options)]}


def bind(*options, source="@CASE@/source", destination=DATA, fstype="bind"):
    """The case's folder `source` (a file, a folder with a file, a mount below it) at /dir."""
    return {"mounts+": [mount(destination, fstype, source, *options)]}


PROBES = ("create:/dir", "list:/dir", "create:/dir/below", "exec:/dir/witness")

OPTION_CASES = [
    Case(f"tmpfs with {option}", tmpfs(*option.split()), ("create:/dir", "list:/dir", "stat:/dir"))
    for option in [
        "ro", "rw", "nosuid", "nosuid suid", "noexec", "noexec exec", "nodev", "nodev dev", "noatime",
        "noatime atime", "relatime", "norelatime", "strictatime", "nostrictatime", "nodiratime", "sync",
        "async", "dirsync", "mand", "nomand", "diratime", "silent", "loud", "iversion", "defaults",
        "size=1m", "size=1k,mode=700", "size=1m nr_inodes=16", "mode=1777", "uid=1000 gid=1001",
        "lazytime", "nolazytime", "nosymfollow", "acl", "ro nosuid nodev noexec", "remount",
        "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable",
        "tmpcopyup", "tmpcopyup ro", "rro", "rnosuid", "rnodev", "rnoexec",
    ]
] + [
    Case(f"a bind mount with {option}", bind(*option.split()), PROBES, spec=spec)
    for option, spec in [
        ("bind", {}), ("rbind", {}), ("bind ro", {}), ("rbind ro", {}), ("rbind rro", {}),
        ("bind rro", {}), ("bind rw", {}), ("bind nosuid nodev noexec", {}), ("rbind noexec", {}),
        ("rbind rnoexec", {}), ("rbind rnosuid rnodev", {}), ("bind noatime", {}), ("rbind rnoatime", {}),
        ("rbind rstrictatime", {}), ("rbind rrelatime", {}), ("rbind rnosymfollow", {}),
        ("bind nodiratime", {}), ("rbind ro rro", {}), ("rbind rro rrw", {}), ("bind ro rw", {}),
        ("bind private", {}), ("rbind rprivate", {}), ("rbind shared", {}), ("rbind rshared", {}),
        ("bind slave", {}), ("rbind rslave", {}), ("rbind unbindable", {}), ("rbind runbindable", {}),
        ("rbind slave shared", {}), ("bind size=1m", {}), ("bind nonsense", {}), ("bind strictatime", {}),
    ]
]

DESTINATION_CASES = [
    Case("a missing destination is made", bind("bind", destination="/new/folder"),
         ("list:/new/folder", "stat:/new")),
    Case("a missing destination of a file is made",
         bind("bind", source="@CASE@/source/file", destination="/new/file"), ("read:/new/file",)),
    Case("a file on a file", bind("bind", source="@CASE@/source/file", destination="/file"), ("read:/file",)),
    Case("a file on a folder is refused", bind("bind", source="@CASE@/source/file")),
    Case("a folder on a file is refused", bind("bind", destination="/file")),
    Case("a destination behind an absolute link stays in the root",
         bind("bind", destination="/link-to-dir"), ("list:/dir", "list:/link-to-dir")),
    Case("a destination behind a link to above the root stays in the root",
         bind("bind", destination="/link-out"), ("list:/link-out",)),
    Case("a destination below a link stays in the root",
         bind("bind", destination="/link-to-dir/new"), ("list:/dir", "list:/dir/new")),
    Case("a destination behind a dangling link is made in the root",
         bind("bind", destination="/link-dangling"), ("list:/link-dangling", "stat:/gone")),
    Case("a destination below a dangling link is made in the root",
         bind("bind", destination="/link-dangling/more"), ("list:/gone",)),
    Case("a destination through a link loop is refused", bind("bind", destination="/link-loop")),
    Case("a destination with dots stays in the root",
         bind("bind", destination="/dir/../../../dir2"), ("list:/dir2",)),
    Case("a destination through a link of dots stays in the root",
         bind("bind", destination="/link-up/dir2"), ("list:/dir2",)),
    Case("a destination below a file is refused", bind("bind", destination="/file/below")),
    Case("a relative destination is refused or starts at the root", bind("bind", destination="dir")),
    Case("an empty destination is refused", bind("bind", destination="")),
    Case("the root as a destination", bind("bind", destination="/", source="@ROOTFS@")),
    Case("a destination in /proc is refused", bind("bind", destination="/proc/acpi")),
    Case("a destination that a link leads into /proc is refused",
         bind("bind", destination="/link-to-proc/sys")),
    Case("/proc at a link is refused",
         {"mounts/0/destination": "/link-to-dir"}, ("list:/dir",)),
    Case("a tmpfs for /proc is refused", {"mounts/0/type": "tmpfs", "mounts/0/source": "tmpfs"}),
    Case("two mounts at one place: the last is seen",
         {"mounts+": [mount(DATA, "tmpfs", "one"), mount(DATA, "bind", "@CASE@/source", "bind")]},
         ("list:/dir",)),
    Case("a mount hides one below it",
         {"mounts+": [mount("/dir/sub", "tmpfs", "one"), mount(DATA, "tmpfs", "two")]},
         ("list:/dir",)),
    Case("a missing destination in a read-only root",
         bind("bind", destination="/new/folder") | {"root/readonly": True}, ("list:/new/folder",)),
]

# What the files of users 0 and 1000 become where 0 to 999 are mapped to 1000 and on.
MAPPED = {"outcome": "ran", "probe/stat:/dir/of-root": "file 0644 1000:1000",
          "probe/stat:/dir/of-1000": "file 0644 65534:65534"}

TYPE_CASES = [
    Case("a missing source is refused", bind("bind", source="@CASE@/nothing-here")),
    Case("a relative source starts at the bundle", bind("bind", source="source")),
    Case("a source behind a link is followed", bind("bind", source="@CASE@/link-to-source")),
    Case("a bind mount without a type", {"mounts+": [{"destination": DATA, "source": "@CASE@/source",
                                                      "options": ["rbind", "ro"]}]}, PROBES),
    Case("type none with rbind is a bind mount", bind("rbind", fstype="none"), PROBES),
    Case("type bind without an option is a bind mount", bind(fstype="bind"), PROBES),
    Case("an unknown file system is refused", {"mounts+": [mount(DATA, "nofs", "none")]}),
    Case("proc with hidepid", {"mounts/0/options": ["hidepid=2"]}),
    Case("proc read-only", {"mounts/0/options": ["ro", "nosuid", "noexec", "nodev"]},
         ("write:/proc/sys/kernel/hostname",)),
    Case("a second proc", {"mounts+": [mount("/dir", "proc", "proc")]}, ("write:/dir/sysrq-trigger",)),
    Case("sysfs writable", {"mounts/5/options": ["nosuid", "noexec", "nodev"]}),
    Case("sysfs with the host's network namespace",
         {"linux/namespaces": namespaces(without=["network"])}),
    Case("cgroup writable", {"mounts/6/options": ["nosuid", "noexec", "nodev", "relatime", "rw"]},
         ("create:/sys/fs/cgroup", "write:/sys/fs/cgroup/cgroup.procs", "write:/sys/fs/cgroup/pids.max")),
    Case("cgroup without /sys", {"mounts": [mount("/proc", "proc", "proc"),
                                            mount("/cg", "cgroup", "cgroup", "ro")]}, ("read:/cg/pids.max",)),
    Case("type cgroup2", {"mounts/6/type": "cgroup2", "mounts/6/source": "cgroup2"}),
    Case("mqueue elsewhere", {"mounts+": [mount("/mq", "mqueue", "mqueue")]}, ("list:/mq",)),
    Case("devpts without newinstance",
         {"mounts/2/options": ["nosuid", "noexec", "ptmxmode=0666", "mode=0620"]}),
    Case("no mounts at all", {"mounts": []}, ("list:/", "list:/dev")),
    Case("/dev bound from the host keeps its devices",
         {"mounts/1": mount("/dev", "bind", "/dev", "rbind", "ro"), "mounts/2": mount("/d1", "tmpfs", "t"),
          "mounts/3": mount("/d2", "tmpfs", "t"), "mounts/4": mount("/d3", "tmpfs", "t")},
         ("open:rw:/dev/null",)),
    Case("an idmapped mount",
         {"mounts+": [mount(DATA, "bind", "@EXT4@", "bind", "idmap",
                            uidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}],
                            gidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}])]},
         ("stat:/dir/of-root", "stat:/dir/of-1000"), spec=MAPPED),
    Case("an idmapped mount by its mappings alone",
         {"mounts+": [mount(DATA, "bind", "@EXT4@", "bind",
                            uidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}],
                            gidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}])]},
         ("stat:/dir/of-root", "stat:/dir/of-1000"), spec=MAPPED),
    Case("an idmapped mount on a file system that cannot is refused",
         {"mounts+": [mount(DATA, "bind", "/proc", "bind", "idmap",
                            uidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}],
                            gidMappings=[{"containerID": 0, "hostID": 1000, "size": 1000}])]},
         spec={"outcome": "refused"}),
    Case("idmap without mappings or a user namespace is refused",
         {"mounts+": [mount(DATA, "bind", "@EXT4@", "bind", "idmap")]}),
    Case("an idmapped mount with the mappings of the user namespace",
         {"linux/namespaces": namespaces(user=None),
          "linux/uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
          "linux/gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
          "mounts+": [mount(DATA, "bind", "@EXT4@", "bind", "idmap")]},
         ("stat:/dir/of-root", "stat:/dir/of-1000"), owner=100000),
]

PROPAGATION_CASES = [
    Case(f"rootfsPropagation {how}", {"linux/rootfsPropagation": how})
    for how in ("shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable",
                "", "nonsense")
]

PATH_CASES = [
    Case("masked paths hide a file and a folder", {"linux/maskedPaths+": ["/file", DATA]},
         ("read:/file", "write:/file", "list:/dir", "create:/dir", "stat:/file", "stat:/dir")),
    Case("a masked path that is missing is no error", {"linux/maskedPaths+": ["/nothing-here"]},
         ("stat:/nothing-here",)),
    Case("a masked path behind a link", {"linux/maskedPaths+": ["/link-to-dir"]}, ("list:/dir",)),
    Case("no masked paths", {"linux/maskedPaths": []},
         ("open:r:/proc/kcore", "open:r:/proc/keys", "open:r:/proc/timer_list", "list:/sys/firmware")),
    Case("the masked paths of the base",
         probes=("read:/proc/keys", "read:/proc/timer_list", "list:/sys/firmware", "list:/proc/scsi")),
    Case("a relative masked path", {"linux/maskedPaths+": ["dir"]}, ("list:/dir",)),
    Case("a masked path under /dev", {"linux/maskedPaths+": ["/dev/shm"]}, ("create:/dev/shm",)),
    Case("read-only paths stop writing", {"linux/readonlyPaths+": ["/file", DATA]},
         ("read:/file", "write:/file", "create:/dir", "write:/dir/file")),
    Case("a read-only path that is missing is no error", {"linux/readonlyPaths+": ["/nothing-here"]}),
    Case("a read-only path with a mount below it",
         bind("rbind") | {"linux/readonlyPaths+": [DATA]}, PROBES),
    Case("no read-only paths", {"linux/readonlyPaths": []},
         ("write:/proc/sys/net/ipv4/ip_forward", "write:/proc/sysrq-trigger")),
    Case("the read-only paths of the base",
         probes=("write:/proc/sys/net/ipv4/ip_forward", "write:/proc/sysrq-trigger",
                 "write:/proc/irq/default_smp_affinity")),
    Case("a path both masked and read-only",
         {"linux/maskedPaths+": ["/file"], "linux/readonlyPaths+": ["/file"]}, ("read:/file", "write:/file")),
    Case("/dev/shm can be written", probes=("create:/dev/shm", "create:/dev")),
    Case("/dev/pts gives terminals", probes=("open:rw:/dev/ptmx", "list:/dev/pts")),
]

ALLOW_ALL = {"linux/resources/devices": [{"allow": True, "access": "rwm"}],
             "process/capabilities/bounding+": ["CAP_MKNOD"],
             "process/capabilities/effective+": ["CAP_MKNOD"],
             "process/capabilities/permitted+": ["CAP_MKNOD"]}
MKNOD = {"process/capabilities/bounding+": ["CAP_MKNOD"],
         "process/capabilities/effective+": ["CAP_MKNOD"],
         "process/capabilities/permitted+": ["CAP_MKNOD"]}


def device(path, kind="c", major=1, minor=11, **more):
    """A change that makes one device, and allows it."""
    return {"linux/devices": [{"path": path, "type": kind, "major": major, "minor": minor} | more],
            "linux/resources/devices+": [{"allow": True, "type": kind if kind in "bc" else "c",
                                          "major": major, "minor": minor, "access": "rwm"}]}


def rules(*rows):
    """A change of the device rules, each as "allow|deny TYPE MAJOR MINOR ACCESS"; * is any."""
    made = []
    for row in rows:
        verb, kind, major, minor, access = row.split()
        rule = {"allow": verb == "allow", "access": access}
        if kind != "*":
            rule["type"] = kind
        rule |= {key: int(value) for key, value in (("major", major), ("minor", minor)) if value != "*"}
        made.append(rule)
    return {"linux/resources/devices": made} | MKNOD


KMSG = ("mknod:c:1:11:/dev/k", "mknod:c:1:7:/dev/f", "mknod:b:7:0:/dev/l")
DEVICE_CASES = [
    Case("a character device", device("/dev/kmsg"), ("open:r:/dev/kmsg",)),
    Case("a device with a mode and an owner", device("/dev/kmsg", fileMode=0o640, uid=1000, gid=1001)),
    Case("a device with mode zero", device("/dev/kmsg", fileMode=0)),
    Case("a block device", device("/dev/loop0", "b", 7, 0)),
    Case("an unbuffered character device", device("/dev/kmsg", "u")),
    Case("a fifo", {"linux/devices": [{"path": "/dev/fifo", "type": "p"}]}, ("stat:/dev/fifo",)),
    Case("a device in a folder that must be made", device("/dev/net/tun", "c", 10, 200),
         ("stat:/dev/net/tun", "stat:/dev/net")),
    Case("a device outside of /dev", device("/strange/kmsg"), ("stat:/strange/kmsg",)),
    Case("a device where a file is", device("/file"), ("stat:/file",)),
    Case("a device through a link that leaves the root", device("/link-out/kmsg"), ("list:/link-out",)),
    Case("a default device given again", device("/dev/null", "c", 1, 3, fileMode=0o600)),
    Case("a device of an unknown type is refused", device("/dev/kmsg", "q")),
    Case("a device with a relative path is refused or starts at the root", device("dev/kmsg")),
    Case("no devices but the default ones", {"linux/devices": []}),
    Case("all devices allowed", ALLOW_ALL, KMSG),
    Case("no device rules", {"linux/resources": {}} | MKNOD, KMSG),
    Case("no devices allowed", rules("deny * * * rwm"), KMSG),
    Case("one device allowed for reading", rules("deny * * * rwm", "allow c 1 11 r"), KMSG),
    Case("one device allowed for mknod only", rules("deny * * * rwm", "allow c 1 11 m"), KMSG),
    Case("one device allowed for reading and mknod", rules("deny * * * rwm", "allow c 1 11 rm"),
         KMSG),
    Case("every minor of a major allowed", rules("deny * * * rwm", "allow c 1 * rwm"), KMSG),
    Case("every block device allowed", rules("deny * * * rwm", "allow b * * rwm"), KMSG),
    Case("all allowed but one", rules("allow * * * rwm", "deny c 1 11 rwm"), KMSG),
    Case("all allowed but writing to one", rules("allow * * * rwm", "deny c 1 11 w"),
         KMSG),
    Case("the last rule that fits counts",
         rules("deny * * * rwm", "allow c 1 11 rwm", "deny c 1 11 rwm", "allow c 1 11 rwm"), KMSG),
    Case("type a allows all", {"linux/resources/devices": [{"allow": True, "type": "a", "access": "rwm"}]} | MKNOD,
         KMSG),
    Case("an unknown access is refused or ignored",
         rules("deny * * * rwm", "allow c 1 11 x"), KMSG),
    Case("a rule without access", {"linux/resources/devices": [{"allow": False},
                                                               {"allow": True, "type": "c", "major": 1,
                                                                "minor": 11}]} | MKNOD, KMSG),
]

CASES = (OPTION_CASES + DESTINATION_CASES + TYPE_CASES + PROPAGATION_CASES + PATH_CASES + DEVICE_CASES)
