#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills each of a pod's programs at each step of a task's life, and looks at what containerd tells.

Usage: kills.py HOME IMAGE ROOTFS VICTIM [STEP...]

HOME is the folder of the containerd under test.
"""
import glob
import json
import os
import queue
import signal
import sys
import time

import grpc

from client import TYPES, WAIT_SECONDS, Containerd, Failure, ctr, field

RUNTIME = "io.containerd.kata-like.v2"
STEPS = ["created", "running", "exec", "paused", "kill", "delete"]
STATE = os.environ["KATA_LIKE_STATE"]
NAMES = {"kata-like-vmm", "kata-like-task", "containerd-shim", "virtiofsd"}


def within(seconds, what, condition):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


# --- What could be left behind ---


def processes():
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8") as file:
                name = file.read().strip()
        except OSError:
            continue
        if name in NAMES:
            yield f"process {name} {path.split('/')[2]}"


def namespaces():
    for path in glob.glob("/proc/[0-9]*/ns/net"):
        try:
            yield "network namespace " + os.readlink(path)
        except OSError:
            continue


def files(home):
    places = [
        f"{STATE}/default/*",
        "/run/containerd/s/*",
        f"{home}/state/io.containerd.runtime.v2.task/default/*",
        "/sys/fs/cgroup/default/*/",
        "/run/netns/*",
    ]
    for place in places:
        yield from ("file " + path for path in glob.glob(place))


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return ["mount " + line.split()[4] for line in file]


def inventory(home):
    return {*processes(), *namespaces(), *files(home), *mounts()}


# --- A case ---


class Case:
    def __init__(self, containerd, home, image, rootfs, victim, step):
        self.containerd, self.home = containerd, home
        self.image, self.rootfs = image, rootfs
        self.victim, self.step = victim, step
        self.pod = "killer" if victim == "agent" else "box"
        self.trigger = f"{home}/trigger"

    def make(self):
        annotations = []
        if self.victim == "agent":
            self.make_killer()
            annotations = ["--annotation", "io.kubernetes.cri.container-type=container"]
            annotations += ["--annotation", "io.kubernetes.cri.sandbox-id=killer"]
        command = ["container", "create", "--runtime", RUNTIME, *annotations, self.image, "box"]
        ctr(*command, "sleep", "1000")
        self.containerd.create("box")
        if self.step != "created":
            self.containerd.task("Start", field(1, "box"))

    def make_killer(self):
        """A pod's first container, in the guest's own pid namespace, that can overwrite the agent."""
        os.makedirs(self.trigger, exist_ok=True)
        for name in glob.glob(f"{self.trigger}/*"):
            os.unlink(name)
        spec = json.loads(ctr("oci", "spec"))
        spec["root"]["path"] = self.rootfs
        spec["process"]["terminal"] = False
        spec["process"]["args"] = ["sh", "-c", KILL_AGENT]
        for kind in spec["process"]["capabilities"].values():
            kind.append("CAP_SYS_PTRACE")
        namespaces_kept = [ns for ns in spec["linux"]["namespaces"] if ns["type"] != "pid"]
        spec["linux"]["namespaces"] = namespaces_kept
        spec["mounts"].append(
            {
                "destination": "/trigger",
                "type": "bind",
                "source": self.trigger,
                "options": ["rbind"],
            }
        )
        spec["annotations"] = {
            "io.kubernetes.cri.container-type": "sandbox",
            "io.kubernetes.cri.sandbox-id": "killer",
        }
        path = f"{self.home}/killer.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(spec, file)
        ctr("container", "create", "--runtime", RUNTIME, "--config", path, "killer")
        self.containerd.create("killer", snapshot=False)
        self.containerd.task("Start", field(1, "killer"))
        within(40, "killer is ready", lambda: os.path.exists(f"{self.trigger}/ready"))

    def strike(self):
        if self.victim == "agent":
            with open(f"{self.trigger}/now", "w", encoding="utf-8"):
                return
        with open(f"{STATE}/default/{self.pod}/{self.victim}.pid", encoding="utf-8") as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)

    def run_exec(self):
        process = json.dumps(
            {
                "args": ["sleep", "1001"],
                "cwd": "/",
                "env": ["PATH=/bin"],
                "user": {"uid": 0, "gid": 0},
            }
        )
        spec = field(1, TYPES + "Process")
        spec += field(2, process)
        names = field(1, "box") + field(6, spec) + field(7, "e1")
        self.containerd.task("Exec", names)
        self.containerd.task("Start", field(1, "box") + field(2, "e1"))

    def act(self):
        """Comes to the step, and kills the victim there. Returns the calls that must end."""
        box = field(1, "box")
        wait = self.containerd.start("tasks.v1.Tasks", "Wait", box, timeout=WAIT_SECONDS)
        pending = [wait]
        if self.step == "exec":
            self.run_exec()
            both = box + field(2, "e1")
            pending.append(self.containerd.start("tasks.v1.Tasks", "Wait", both))
        elif self.step == "paused":
            self.containerd.task("Pause", box)
        elif self.step == "kill":
            pending.append(
                self.containerd.start("tasks.v1.Tasks", "Kill", box + field(3, 9))
            )
        elif self.step == "delete":
            self.containerd.task("Kill", box + field(3, 9))
            wait.result()
            pending.append(self.containerd.start("tasks.v1.Tasks", "Delete", box))
        self.strike()
        return pending

    def delete(self, name):
        """Whatever is left of the task to containerd; that there is nothing is fine."""

        def gone():
            try:
                self.containerd.task("Delete", field(1, name))
                return True
            except grpc.RpcError as error:
                # While containerd itself cleans up after a shim it is not to be had.
                return error.code() == grpc.StatusCode.NOT_FOUND

        within(10, f"delete of {name}", gone)
        ctr("container", "delete", name)

    def check_events(self, happened):
        """The exit of the init came once, the last of all exits; the exec's not twice."""
        exits = []
        end = time.monotonic() + 10
        while True:
            try:
                topic, container, name = happened.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                break
            if topic == "exit" and container == b"box":
                exits.append(name)
                # What comes twice comes soon.
                if name == b"box":
                    end = min(end, time.monotonic() + 1)
        # Of a shim that dies while it deletes containerd cannot know what it told, and tells again.
        again = self.victim == "shim" and self.step == "delete"
        if exits.count(b"box") not in (1, 1 + again) or exits.count(b"e1") > 1:
            raise Failure(f"the exits that were told of are {exits}")
        if exits[-1] != b"box":
            raise Failure(f"the exits that were told of are {exits}")
        if self.step == "exec" and self.victim != "shim" and b"e1" not in exits:
            raise Failure("the exit of the exec was not told of")

    def run(self):
        before = inventory(self.home)
        happened = self.containerd.events()
        self.make()
        for call in self.act():
            try:
                call.result()
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise Failure("a call did not return") from error
        self.delete("box")
        if self.victim == "agent":
            self.delete("killer")
        self.check_events(happened)
        within(10, "nothing is left", lambda: not inventory(self.home) - before)

    def left(self, before):
        return "\n".join(sorted(inventory(self.home) - before))


# Its code becomes an instruction that there is none of. All is ready before, so that it dies at once.
KILL_AGENT = """
range=$(grep -m 1 r-xp /proc/1/maps | cut -d' ' -f1)
start=$((0x${range%-*} / 4096))
end=$((0x${range#*-} / 4096))
dd if=/dev/zero bs=4096 count=$((end - start)) | tr '\\0' '\\377' >/code
: >/trigger/ready
until [ -e /trigger/now ]; do sleep 0.05; done
dd if=/code of=/proc/1/mem bs=4096 seek=$start count=$((end - start)) conv=notrunc
sleep 1000
"""


def clean_up(containerd):
    for name in ctr("container", "ls", "-q").split():
        for method, request in (("Kill", field(1, name) + field(3, 9)), ("Delete", field(1, name))):
            try:
                containerd.task(method, request)
            except grpc.RpcError:
                pass
            time.sleep(1)
        try:
            ctr("container", "delete", name)
        except Failure:
            pass


def main():
    home, image, rootfs, victim, *steps = sys.argv[1:]
    containerd = Containerd(f"{home}/containerd.sock")
    failed = 0
    for step in steps or STEPS:
        sentence = f"{victim} is killed, step {step}: all calls return, one exit is told, nothing is left"
        case = Case(containerd, home, image, rootfs, victim, step)
        before = inventory(home)
        try:
            case.run()
            print("ok -", sentence, flush=True)
        except (Failure, grpc.RpcError, OSError) as error:
            failed = 1
            print("not ok -", sentence)
            print("#", str(error).replace("\n", "\n# "))
            print("# left:", case.left(before).replace("\n", "\n# "), flush=True)
            clean_up(containerd)
    sys.exit(failed)


main()
