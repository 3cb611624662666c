#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pings an address with every size of payload in a range, some at a time.

Usage: ping-sizes.py ADDRESS FIRST LAST STEP
Each answer must bring the payload back. Ends with 1 when one of them does not in three tries.
"""
import os
import socket
import struct
import sys
import time

TRIES = 3
WAIT_S = 3
AT_ONCE = 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Pinger:
    def __init__(self, address):
        self.address = address
        self.ipv6 = ":" in address
        family = socket.AF_INET6 if self.ipv6 else socket.AF_INET
        protocol = socket.getprotobyname("ipv6-icmp") if self.ipv6 else socket.IPPROTO_ICMP
        self.sock = socket.socket(family, socket.SOCK_RAW, protocol)
        self.ident = os.getpid() & 0xFFFF

    def send(self, size):
        """The number of the ping is its size."""
        payload = os.urandom(size)
        head = struct.pack("!BBHHH", 128 if self.ipv6 else 8, 0, 0, self.ident, size)
        # The kernel computes that of ICMPv6.
        head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
        self.sock.sendto(head + payload, (self.address, 0))
        return payload

    def answers(self, end):
        while time.monotonic() < end:
            self.sock.settimeout(max(end - time.monotonic(), 0.001))
            try:
                got = self.sock.recv(70000)[0 if self.ipv6 else 20 :]
            except socket.timeout:
                return
            kind, _, _, ident, size = struct.unpack("!BBHHH", got[:8])
            if kind == (129 if self.ipv6 else 0) and ident == self.ident:
                yield size, got[8:]

    def ping(self, sizes):
        """Those of the sizes that are not answered."""
        sent = {size: self.send(size) for size in sizes}
        for size, payload in self.answers(time.monotonic() + WAIT_S):
            if sent.get(size) == payload:
                del sent[size]
            if not sent:
                break
        return list(sent)


def main():
    pinger = Pinger(sys.argv[1])
    sizes = range(int(sys.argv[2]), int(sys.argv[3]) + 1, int(sys.argv[4]))
    for start in range(0, len(sizes), AT_ONCE):
        missing = sizes[start : start + AT_ONCE]
        for _ in range(TRIES):
            missing = missing and pinger.ping(missing)
        if missing:
            sys.exit(f"pings of {missing} bytes to {pinger.address} are not answered")


main()
