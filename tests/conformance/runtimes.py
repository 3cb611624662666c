# SPDX-License-Identifier: Apache-2.0
"""The runtimes that can be asked: how each runs one bundle."""
import dataclasses
import fcntl
import json
import os
import pty
import selectors
import shutil
import signal
import struct
import subprocess
import termios
import time

TIMEOUT_S = 60
STATE = "/run/conformance-state"


@dataclasses.dataclass
class Ending:
    """How a runtime's command ended, and what it wrote."""

    status: int
    out: bytes
    err: bytes
    pid: int
    seconds: float


class Runtime:
    """A program that runs a bundle in the foreground."""

    # Whether what a property changes is compared, instead of what there is.
    by_change = False

    def __init__(self, name, program):
        self.name = name
        self.program = shutil.which(program)

    def command(self, bundle, container_id):
        """The command line that runs a bundle."""
        raise NotImplementedError

    def exec_command(self, bundle, container_id):
        """The command line that runs the bundle's process.json in its container."""
        raise NotImplementedError

    def prepare_exec(self, bundle, container_id):
        """Starts the container, if exec_command does not."""

    def takes(self, _case):
        """Whether a case says something about it."""
        return True

    def begin(self, bundle):
        """Gets ready, with a bundle of its own that stays until the end."""

    def end(self):
        """Takes away what begin() made."""

    def container_id(self, container_id, _ending):
        """What the runtime called the container."""
        return container_id

    def clean(self, container_id):
        """Takes away what a runtime that failed has left."""

    def version(self):
        """The program's version, as it gives it."""
        text = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        return text.splitlines()[0].rpartition("version ")[2]

    def run(self, bundle, container_id, case):
        """Runs a case's bundle to its end."""
        start = time.monotonic()
        run = _run_on_terminal if case.change.get("process/terminal") is True else _run_on_pipes
        command = self.command
        if case.exec:
            self.prepare_exec(bundle, container_id)
            command = self.exec_command
        ending = run(command(bundle, container_id), bundle, case.stdin)
        ending.seconds = time.monotonic() - start
        return ending


class OciRuntime(Runtime):
    """runc, crun and what has the same command line."""

    def _root(self):
        return [self.program, "--root", f"{STATE}/{self.name}"]

    def command(self, bundle, container_id):
        return [*self._root(), "run", "--bundle", str(bundle), container_id]

    def prepare_exec(self, bundle, container_id):
        subprocess.run([*self._root(), "run", "--detach", "--bundle", str(bundle), container_id], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def exec_command(self, bundle, container_id):
        return [*self._root(), "exec", "--process", f"{bundle}/process.json", container_id]

    def clean(self, container_id):
        if os.path.exists(f"{STATE}/{self.name}/{container_id}"):
            subprocess.run([*self._root(), "delete", "--force", container_id], check=False,
                           capture_output=True)


class EngineRuntime(Runtime):
    """The agent's container engine on this machine."""

    def command(self, bundle, container_id):
        return [self.program, str(bundle)]

    def exec_command(self, bundle, container_id):
        return [self.program, str(bundle), f"{bundle}/process.json"]

    def container_id(self, container_id, ending):
        return f"host-{ending.pid}"

    def version(self):
        return "of this tree"


class VmRuntime(Runtime):
    """The whole of kata-like: bundles run as members of one pod, so in one VM. The answers are another kernel's,
    and another machine's: what counts is what a property changes."""

    by_change = True
    pod = "conformance-pod"

    def takes(self, case):
        """Files of the host, its namespaces and its devices are not in the VM; an exec has no process.json."""
        text = json.dumps(case.documents())
        return not (case.exec or case.owner or case.listener or case.cpus > 1
                    or any(mark in text for mark in ("@CASE@", "@JOIN@", "@EXT4@", "@WITNESS@", "@ROOTFS@")))

    def begin(self, bundle):
        """Starts the pod; its image is every member's: the VM has no other disk."""
        self.image = bundle / "image"
        # Files of its own: each further link to one changes it, and the image with it.
        subprocess.run(["cp", "-a", bundle / "rootfs", self.image], check=True)
        config = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
        config["process"]["args"] = ["/witness", "quiet", "sleep"]
        config["root"]["path"] = str(self.image)
        (bundle / "config.json").write_text(json.dumps(config), encoding="utf-8")
        subprocess.run([self.program, "run", "--detach", "--name", self.pod, "--bundle", str(bundle)], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def end(self):
        """Ends the pod."""
        subprocess.run([self.program, "delete", "--force", self.pod], check=True)

    def command(self, bundle, container_id):
        path = bundle / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["root"]["path"] = str(self.image)
        path.write_text(json.dumps(config), encoding="utf-8")
        return [self.program, "run", "--rm", "--interactive", "--pod", self.pod, "--name", container_id,
                "--bundle", str(bundle)]


def known(build):
    """All runtimes by name; build is the folder of ours, or None."""
    made = [OciRuntime("runc", "runc"), OciRuntime("crun", "crun")]
    if build:
        made += [EngineRuntime("engine", f"{build}/kata-like-agent-host"),
                 VmRuntime("kata-like", f"{build}/kata-like")]
    return {runtime.name: runtime for runtime in made}


def _start(command, bundle, **streams):
    return subprocess.Popen(command, cwd=bundle, start_new_session=True, **streams)


def _run_on_pipes(command, bundle, stdin):
    process = _start(command, bundle, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(stdin, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Ending(-1, out, b"timed out\n" + err, process.pid, 0)
    return Ending(process.returncode, out, err, process.pid, 0)


def _run_on_terminal(command, bundle, _stdin):
    """Standard error is a pipe all the same: it tells the runtime's words from the container's."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = _start(command, bundle, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    streams = {ours: bytearray(), process.stderr.fileno(): bytearray()}
    deadline = time.monotonic() + TIMEOUT_S
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(1):
                try:
                    chunk = os.read(key.fd, 65536)
                except OSError:  # the other side of the terminal is gone
                    chunk = b""
                streams[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
    if process.poll() is None and time.monotonic() >= deadline:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    out, err = streams[ours], streams[process.stderr.fileno()]
    os.close(ours)
    process.stderr.close()
    return Ending(process.returncode, bytes(out), bytes(err), process.pid, 0)
