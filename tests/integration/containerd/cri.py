#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a pod with one container through containerd's CRI, as the kubelet would, and deletes it.

Usage: cri.py ADDRESS HANDLER IMAGE LOG_FOLDER COMMAND...

Prints the container's exit status. What it wrote is in LOG_FOLDER/log, as CRI has logs.
"""
import sys
import time

import grpc

from client import field, fields, first

NODE = 2  # of NamespaceMode: the host's network
EXITED = 2  # of ContainerState


class Runtime:
    def __init__(self, address):
        self.channel = grpc.insecure_channel("unix://" + address)

    def call(self, method, request):
        path = "/runtime.v1.RuntimeService/" + method
        return self.channel.unary_unary(path)(request, timeout=60)


def main():
    address, handler, image, log_folder, *command = sys.argv[1:]
    runtime = Runtime(address)
    metadata = field(1, "pod") + field(2, "uid-" + str(time.monotonic_ns())) + field(3, "default")
    security = field(2, field(1, field(1, NODE)))
    pod_config = field(1, metadata) + field(3, log_folder) + field(8, security)
    pod = first(
        runtime.call("RunPodSandbox", field(1, pod_config) + field(2, handler)), 1, b""
    )
    config = field(1, field(1, "container")) + field(2, field(1, image))
    config += b"".join(field(3, word) for word in command) + field(11, "log")
    request = field(1, pod) + field(2, config) + field(3, pod_config)
    container = first(runtime.call("CreateContainer", request), 1, b"")
    runtime.call("StartContainer", field(1, container))
    while True:
        status = first(runtime.call("ContainerStatus", field(1, container)), 1, b"")
        if first(status, 3) == EXITED:
            break
        time.sleep(0.1)
    print(first(status, 7))
    runtime.call("RemoveContainer", field(1, container))
    runtime.call("StopPodSandbox", field(1, pod))
    runtime.call("RemovePodSandbox", field(1, pod))


if __name__ == "__main__":
    main()
