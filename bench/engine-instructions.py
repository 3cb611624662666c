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


def bundle(build, rootfs, folder):
    """A bundle that runs /bin/true, as `kata-like spec` writes it."""
    folder.mkdir()
    shutil.copytree(rootfs, folder / "rootfs", symlinks=True)
    subprocess.run([f"{build}/kata-like", "spec", "--bundle", folder], check=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["ociVersion"] = "1.0.2"
    config["process"] |= {"terminal": False, "args": ["/bin/true"]}
    config["linux"]["namespaces"].append({"type": "network"})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def cost(runs, command):
    """Instructions of one run of command(number), the least disturbed of several."""
    found = []
    for number in range(WARM_UP + runs):
        start = busy_ns()
        subprocess.run(command(number), check=True, stdin=subprocess.DEVNULL)
        # What is put off (RCU, the freeing of a cgroup) is part of it.
        subprocess.run(["sleep", "0.2"], check=True)
        found.append(busy_ns() - start)
    return sorted(found[WARM_UP:])[runs // 2]


def main():
    build, rootfs, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 9
    with tempfile.TemporaryDirectory(dir="/run") as work:
        folder = bundle(build, rootfs, pathlib.Path(work) / "bundle")
        nothing = cost(runs, lambda number: ["/bin/true"])
        one = cost(runs, lambda number: [f"{build}/kata-like-agent-host", folder]) - nothing
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
