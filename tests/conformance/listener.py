# SPDX-License-Identifier: Apache-2.0
"""A seccomp agent (runtime-spec 1.2, "The Seccomp Process State"): gets the filter's descriptor from the
runtime and answers its notifications with an error."""
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading

# From linux/seccomp.h, for the 80 bytes of seccomp_notif and the 24 of seccomp_notif_resp.
NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
ANSWER = errno.EXFULL
PATIENCE_S = 20


class Listener:
    """Waits at a path; `leaves` says afterwards what came."""

    def __init__(self, path):
        self.leaves = {"listener/came": False}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen(1)
        self.socket.settimeout(PATIENCE_S)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        try:
            connection, _ = self.socket.accept()
        except OSError:
            return
        with connection:
            text, descriptors, _, _ = socket.recv_fds(connection, 65536, 4)
        if not text:  # closed without a word, by close() or a runtime that failed
            return
        state = json.loads(text)
        self.leaves = {
            "listener/came": True, "listener/descriptors": len(descriptors), "listener/fds": state.get("fds"),
            "listener/metadata": state.get("metadata"), "listener/pid": state.get("pid", 0) > 0,
            "listener/status": state.get("state", {}).get("status")}
        for descriptor in descriptors:
            self._answer(descriptor)
            os.close(descriptor)

    def _answer(self, descriptor):
        """Answers until the process is gone."""
        while True:
            ready = select.poll()
            ready.register(descriptor, select.POLLIN)
            events = ready.poll(PATIENCE_S * 1000)
            if not events or events[0][1] & select.POLLHUP:
                return
            request = bytearray(80)
            try:
                fcntl.ioctl(descriptor, NOTIF_RECV, request)
                (number,) = struct.unpack_from("Q", request)
                fcntl.ioctl(descriptor, NOTIF_SEND, bytearray(struct.pack("QqiI", number, 0, -ANSWER, 0)))
            except OSError:
                continue

    def close(self):
        """Ends the waiting; returns the leaves."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        return self.leaves
