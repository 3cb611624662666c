"""linux.resources and cgroupsPath."""
from matrix import DROP, Case

PERIOD = 100000


def resources(part, **values):
    """A change of one part of linux.resources."""
    return {f"linux/resources/{part}": values}


CPU = [
    Case(f"cpu shares {shares}", resources("cpu", shares=shares))
    for shares in (0, 1, 2, 3, 10, 512, 1024, 2048, 10000, 262144, 262145)
] + [
    Case("a cpu quota", resources("cpu", quota=50000)),
    Case("a cpu quota and period", resources("cpu", quota=50000, period=20000)),
    Case("a cpu period alone", resources("cpu", period=50000)),
    Case("a cpu quota of -1 is none", resources("cpu", quota=-1)),
    Case("a cpu quota of 0 is none", resources("cpu", quota=0)),
    Case("a cpu quota below the kernel's least is refused", resources("cpu", quota=1, period=PERIOD)),
    Case("a cpu period above the kernel's most is refused", resources("cpu", quota=1000, period=2000000)),
    Case("a cpu burst", resources("cpu", quota=50000, period=PERIOD, burst=20000),
         spec={"outcome": "ran", "cgroup/cpu.max.burst": "20000"}),
    Case("a cpu burst above the quota is refused", resources("cpu", quota=50000, period=PERIOD, burst=60000),
         spec={"outcome": "refused"}),
    Case("cpu idle", resources("cpu", idle=1), spec={"outcome": "ran", "cgroup/cpu.idle": "1"}),
    Case("cpu idle off", resources("cpu", idle=0), spec={"outcome": "ran", "cgroup/cpu.idle": "0"}),
    Case("a real-time quota is refused or ignored", resources("cpu", realtimeRuntime=5000, realtimePeriod=100000)),
    Case("cpuset of one cpu", resources("cpu", cpus="0"), cpus=2),
    Case("cpuset of two cpus as a range", resources("cpu", cpus="0-1", mems="0"), cpus=2),
    Case("cpuset of a cpu that does not exist is refused", resources("cpu", cpus="1000")),
    Case("cpuset of nonsense is refused", resources("cpu", cpus="all"), cpus=2),
    Case("cpuset of an empty string is all", resources("cpu", cpus="", mems="")),
    Case("cpuset of a node that does not exist is refused", resources("cpu", mems="77")),
]
MIB = 1 << 20
MEMORY = [
    Case("a memory limit", resources("memory", limit=64 * MIB)),
    Case("a memory limit stops the process that exceeds it", resources("memory", limit=32 * MIB, swap=32 * MIB),
         ("touch:8", "touch:64")),
    Case("a memory limit that is no multiple of a page", resources("memory", limit=64 * MIB + 1)),
    Case("a memory limit of -1 is none", resources("memory", limit=-1)),
    Case("a memory limit of 0", resources("memory", limit=0)),
    Case("a memory limit and swap", resources("memory", limit=64 * MIB, swap=128 * MIB)),
    Case("a memory limit and as much swap means none", resources("memory", limit=64 * MIB, swap=64 * MIB)),
    Case("a memory limit and swap -1 means unlimited", resources("memory", limit=64 * MIB, swap=-1)),
    Case("swap below the memory limit is refused", resources("memory", limit=64 * MIB, swap=32 * MIB)),
    Case("swap without a memory limit is refused", resources("memory", swap=64 * MIB)),
    Case("swap -1 without a memory limit", resources("memory", swap=-1)),
    Case("memory and swap both -1", resources("memory", limit=-1, swap=-1)),
    Case("a memory reservation", resources("memory", reservation=16 * MIB)),
    Case("a memory reservation and limit", resources("memory", limit=64 * MIB, reservation=16 * MIB)),
    Case("a memory reservation above the limit", resources("memory", limit=16 * MIB, reservation=64 * MIB)),
    Case("kernel memory is ignored", resources("memory", kernel=16 * MIB, kernelTCP=16 * MIB)),
    Case("swappiness is refused or ignored", resources("memory", swappiness=10)),
    Case("disableOOMKiller is refused or ignored", resources("memory", limit=64 * MIB, disableOOMKiller=True)),
    Case("useHierarchy is ignored", resources("memory", useHierarchy=True)),
    Case("checkBeforeUpdate changes nothing at creation",
         resources("memory", limit=64 * MIB, checkBeforeUpdate=True)),
    Case("a memory limit too small for anything", resources("memory", limit=4096)),
]
PIDS = [
    Case("a pids limit", resources("pids", limit=10), ("fork:20",)),
    Case("a pids limit of 1", resources("pids", limit=1), ("fork:2",)),
    Case("a pids limit of 0", resources("pids", limit=0), ("fork:2",)),
    Case("a pids limit of -1 is none", resources("pids", limit=-1), ("fork:20",)),
    Case("the highest pids limit", resources("pids", limit=4194304)),
    Case("a pids limit above the kernel's", resources("pids", limit=1 << 40)),
]
LOOP = {"major": 7, "minor": 0}
IO = [
    Case(f"block weight {weight}", resources("blockIO", weight=weight))
    for weight in (0, 1, 10, 100, 500, 1000, 1001, 65535)
] + [
    Case("read and write rates of a device",
         resources("blockIO", throttleReadBpsDevice=[LOOP | {"rate": 1000000}],
                   throttleWriteBpsDevice=[LOOP | {"rate": 2000000}],
                   throttleReadIOPSDevice=[LOOP | {"rate": 100}],
                   throttleWriteIOPSDevice=[LOOP | {"rate": 200}])),
    Case("one rate of a device", resources("blockIO", throttleReadBpsDevice=[LOOP | {"rate": 1000000}])),
    Case("a rate of zero", resources("blockIO", throttleReadBpsDevice=[LOOP | {"rate": 0}])),
    Case("a rate of a device that does not exist is refused",
         resources("blockIO", throttleReadBpsDevice=[{"major": 240, "minor": 99, "rate": 1000}])),
    Case("the weight of a device", resources("blockIO", weight=100, weightDevice=[LOOP | {"weight": 200}])),
    Case("a leaf weight is refused or ignored", resources("blockIO", leafWeight=100)),
]
OTHERS = [
    Case("a limit of huge pages", {"linux/resources/hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]}),
    Case("huge pages forbidden", {"linux/resources/hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}),
    Case("a huge page size that does not exist is refused",
         {"linux/resources/hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}),
    Case("a huge page size of nonsense is refused",
         {"linux/resources/hugepageLimits": [{"pageSize": "big", "limit": 0}]}),
    Case("a huge page size given twice",
         {"linux/resources/hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "2MB", "limit": 2 * MIB}]}),
    Case("unified values", {"linux/resources/unified": {"memory.high": "50331648", "pids.max": "17",
                                                        "cpu.weight": "42", "memory.oom.group": "1"}}),
    Case("unified memory.low", {"linux/resources/unified": {"memory.low": "1048576"}}),
    Case("unified beats the other parts",
         {"linux/resources/pids": {"limit": 10}, "linux/resources/unified": {"pids.max": "20"}}),
    Case("a unified file that does not exist is refused", {"linux/resources/unified": {"memory.fancy": "1"}}),
    Case("a unified file of no controller is refused", {"linux/resources/unified": {"nothing.max": "1"}}),
    Case("a wrong unified value is refused", {"linux/resources/unified": {"pids.max": "many"}}),
    Case("a unified file that climbs out is refused", {"linux/resources/unified": {"../pids.max": "1"}}),
    Case("an empty unified name is refused", {"linux/resources/unified": {"": "1"}}),
    Case("unified cgroup.subtree_control without processes below",
         {"linux/resources/unified": {"cgroup.subtree_control": "+pids"}}),
    Case("network class and priorities are refused or ignored",
         {"linux/resources/network": {"classID": 1048577, "priorities": [{"name": "lo", "priority": 5}]}}),
    Case("rdma without rdma is refused or ignored",
         {"linux/resources/rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}}}),
    Case("a cgroupsPath", {"linux/cgroupsPath": "/conformance/@ID@"}),
    Case("a relative cgroupsPath", {"linux/cgroupsPath": "conformance/@ID@"}),
    Case("a deep cgroupsPath", {"linux/cgroupsPath": "/conformance/a/b/c/@ID@"}),
    Case("no resources", {"linux/resources": DROP}),
    Case("all resources together",
         {"linux/resources/cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"},
          "linux/resources/memory": {"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 96 * MIB},
          "linux/resources/pids": {"limit": 50},
          "linux/resources/hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MIB}]}, cpus=2),
    Case("Intel RDT without it is refused or ignored", {"linux/intelRdt": {"closID": "guaranteed"}}),
]

CASES = CPU + MEMORY + PIDS + IO + OTHERS
