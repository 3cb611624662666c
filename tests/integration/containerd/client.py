#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of containerd's gRPC API for what ctr cannot do; its messages are put together by hand.

Usage: client.py ADDRESS create NAME [bare]     makes the task of a container, and does not start it; bare: its
                                                root is not a snapshot
       client.py ADDRESS start NAME
       client.py ADDRESS kill NAME SIGNAL
       client.py ADDRESS wait NAME              prints the status
       client.py ADDRESS delete NAME            prints the status
       client.py ADDRESS update NAME JSON       LinuxResources
       client.py ADDRESS metrics NAME           the type, and each number by the path of its field
"""
import queue
import subprocess
import sys
import threading
import time

import grpc

WAIT_SECONDS = 30
TYPES = "types.containerd.io/opencontainers/runtime-spec/1/"


# --- Protobuf, as much of it as these few messages need ---


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data):
    """(number, value) of each field: an int, or bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        yield key >> 3, value


def first(data, wanted, default=0):
    return next((value for number, value in fields(data) if number == wanted), default)


# --- containerd ---


class Containerd:
    def __init__(self, address):
        self.channel = grpc.insecure_channel("unix://" + address)
        self.metadata = (("containerd-namespace", "default"),)

    def call(self, service, method, request, timeout=WAIT_SECONDS):
        return self.start(service, method, request, timeout).result()

    def start(self, service, method, request, timeout=WAIT_SECONDS):
        path = f"/containerd.services.{service}/{method}"
        stub = self.channel.unary_unary(path)
        return stub.future(request, timeout=timeout, metadata=self.metadata)

    def task(self, method, request, **options):
        return self.call("tasks.v1.Tasks", method, request, **options)

    def create(self, name, snapshot=True):
        """Makes a task, with the container's snapshot as its root unless it has one of its own."""
        rootfs = b""
        if snapshot:
            answer = self.call(
                "snapshots.v1.Snapshots", "Mounts", field(1, "overlayfs") + field(2, name)
            )
            rootfs = b"".join(field(3, mount) for _, mount in fields(answer))
        self.task("Create", field(1, name) + rootfs)

    def update(self, name, resources):
        any_ = field(1, TYPES + "LinuxResources") + field(2, resources)
        self.task("Update", field(1, name) + field(2, any_))

    def events(self):
        """A queue of (topic, container, id) of what happens to tasks from now on."""
        stream = self.channel.unary_stream("/containerd.services.events.v1.Events/Subscribe")
        happened = queue.Queue()
        ready = threading.Event()

        def follow():
            try:
                for envelope in stream(b"", metadata=self.metadata):
                    ready.set()
                    topic = first(envelope, 3, b"").decode()
                    event = first(first(envelope, 4, b""), 2, b"")
                    if topic.startswith("/tasks/"):
                        happened.put((topic[7:], first(event, 1, b""), first(event, 2, b"")))
            except grpc.RpcError:
                pass

        threading.Thread(target=follow, daemon=True).start()
        # Nothing says that the subscription stands but an event.
        while not ready.wait(0.2):
            ctr("namespace", "create", f"t{time.monotonic_ns()}")
        return happened


class Failure(Exception):
    pass


def ctr(*args):
    done = subprocess.run(["ctr", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"ctr {' '.join(args)}: {done.stderr}")
    return done.stdout


# Which fields of both versions' Metrics, and of their parts, are messages.
MESSAGES = {"1", "2", "3", "4", "5", "6", "7", "8", "3.1", "3.2", "4.33", "4.34", "4.35", "4.36"}


def print_numbers(data, path=""):
    for number, value in fields(data):
        name = f"{path}{number}"
        if isinstance(value, int):
            print(f"{name}={value}")
        elif name in MESSAGES:
            print_numbers(value, name + ".")


def print_metrics(containerd, name):
    answer = containerd.task("Metrics", field(1, "id==" + name))
    data = first(first(answer, 1, b""), 3, b"")
    print("type=" + first(data, 1, b"").decode())
    print_numbers(first(data, 2, b""))


def main():
    address, verb, name, *rest = sys.argv[1:]
    containerd = Containerd(address)
    try:
        if verb == "create":
            containerd.create(name, snapshot=not rest)
        elif verb == "start":
            containerd.task("Start", field(1, name))
        elif verb == "kill":
            containerd.task("Kill", field(1, name) + field(3, int(rest[0])))
        elif verb == "wait":
            print(first(containerd.task("Wait", field(1, name)), 1))
        elif verb == "delete":
            print(first(containerd.task("Delete", field(1, name)), 3))
        elif verb == "update":
            containerd.update(name, rest[0])
        elif verb == "metrics":
            print_metrics(containerd, name)
        else:
            sys.exit(__doc__)
    except grpc.RpcError as error:
        sys.exit(f"{verb}: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
