#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions that create, start and exit of /bin/true take, by the agent's container engine and by other
runtimes, for the same config.json on the same kernel. Runs where the clock counts instructions (kvmhost run
--icount): what the machine's processor spent on tasks, the kernel's own included, is then their number.

  engine-instructions.py BUILD ROOTFS [RUNS]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

WARM_UP = 3


def busy_ns():
    """What the processor has spent on tasks, in ns: the 7th number of its line."""
    with open("/proc/schedstat", encoding="ascii") as file:
        return sum(int(line.split()[7]) for line in file if line.startswith("cpu"))


def bundle(build, rootfs, folder, args=("/bin/true",), mounts=()):
    """A bundle that runs args, as `kata-like spec` writes it, with more mounts."""
    folder.mkdir()
    shutil.copytree(rootfs, folder / "rootfs", symlinks=True)
    subprocess.run([f"{build}/kata-like", "spec", "--bundle", folder], check=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["ociVersion"] = "1.0.2"
    config["process"] |= {"terminal": False, "args": list(args)}
    config["mounts"] += mounts
    config["linux"]["namespaces"].append({"type": "network"})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def cost(runs, command, status=0):
    """Instructions of one run of command(number), which ends with status: the median of several."""
    found = []
    for number in range(WARM_UP + runs):
        start = busy_ns()
        done = subprocess.run(command(number), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != status:
            sys.exit(f"{command(number)}: status {done.returncode}: {done.stderr.decode()}")
        # What is put off (RCU, the freeing of a cgroup) is part of it.
        subprocess.run(["sleep", "0.2"], check=True)
        found.append(busy_ns() - start)
    return sorted(found[WARM_UP:])[runs // 2]


def failures(build, rootfs, work, runs, nothing):
    """What it costs to be told of a mount that cannot be made, and of a program that is not there."""
    engine = f"{build}/kata-like-agent-host"
    wrong = bundle(build, rootfs, work / "wrong", mounts=[{"destination": "/x", "type": "nofs", "source": "x"}])
    sleeper = bundle(build, rootfs, work / "sleeper", args=("/bin/sleep", "1000"))
    process = work / "process.json"
    process.write_text(json.dumps({"cwd": "/", "args": ["/bin/missing"]}), encoding="utf-8")
    create = cost(runs, lambda number: [engine, wrong], status=125) - nothing
    execution = cost(runs, lambda number: [engine, sleeper, process], status=127) - nothing
    print(f"{'a create that fails at a mount':40} {create / 1e6:8.2f} million, the program's start with it")
    print(f"{'an exec of a missing program':40} {execution / 1e6:8.2f} million, the container's life with it")


def main():
    build, rootfs, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 9
    with tempfile.TemporaryDirectory(dir="/run") as work:
        folder = bundle(build, rootfs, pathlib.Path(work) / "bundle")
        nothing = cost(runs, lambda number: ["/bin/true"])
        one = cost(runs, lambda number: [f"{build}/kata-like-agent-host", folder]) - nothing
        failures(build, rootfs, pathlib.Path(work), runs, nothing)
        os.environ["KATA_LIKE_REPEAT"] = "11"
        many = cost(runs, lambda number: [f"{build}/kata-like-agent-host", folder]) - nothing
        ours = (many - one) // 10
        print(f"{'engine that runs already':40} {ours / 1e6:8.2f} million")
        print(f"{'engine as a program, started for it':40} {one / 1e6:8.2f} million")
        for name in ("crun", "runc"):
            if not shutil.which(name):
                continue
            theirs = cost(runs, lambda number, name=name: [
                name, "--root", f"{work}/{name}", "run", "--bundle", str(folder), f"bench-{os.getpid()}-{number}"]) - nothing
            print(f"{name:40} {theirs / 1e6:8.2f} million (ours / theirs = {ours / theirs:.2f}, "
                  f"{one / theirs:.2f} as a program)")


if __name__ == "__main__":
    main()
