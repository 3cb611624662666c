"""The base config itself, and the ways in which a process ends."""
from matrix import DROP, Case

CASES = [
    Case("the base config shows the defaults"),
    Case("an exit status passes through", probes=("quiet", "exit:42")),
    Case("the highest exit status passes through", probes=("quiet", "exit:255")),
    Case("death by a signal is 128 plus the signal", probes=("quiet", "crash")),
    Case("standard input is passed on to its end", probes=("quiet", "stdin"), stdin=b"x" * 200000),
    Case("an empty standard input ends at once", probes=("quiet", "stdin")),
    Case("standard error is its own stream", probes=("quiet", "stderr")),
    Case("a root path that does not exist is refused", {"root/path": "nothing-here"}),
    Case("an absolute root path is taken as it is", {"root/path": "@ROOTFS@"}, ("list:/",)),
    Case("a root that is a file is refused", {"root/path": "rootfs/witness"}),
    Case("no root is refused", {"root": DROP}),
    Case("a read-only root cannot be written", {"root/readonly": True}, ("create:/", "create:/dir")),
    Case("a writable root can be written", {"root/readonly": False}, ("create:/", "create:/dir")),
    Case("no ociVersion is refused", {"ociVersion": DROP}),
    Case("an ociVersion of the future is refused", {"ociVersion": "2.0.0"}),
    Case("an ociVersion that is no version is refused", {"ociVersion": "one"}),
    Case("ociVersion 1.2.0 is accepted", {"ociVersion": "1.2.0"}, spec={"outcome": "ran"}),
    Case("annotations change nothing", {"annotations": {"org.example.key": "value"}}),
    Case("an unknown property is ignored", {"futureProperty": {"a": 1}}),
    Case("no linux object leaves the defaults", {"linux": DROP, "hostname": DROP, "mounts": []}),
]
