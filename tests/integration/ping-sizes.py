#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pings an address with every size of payload in a range, one after another.

Usage: ping-sizes.py ADDRESS FIRST LAST STEP
Each answer must bring the payload back. Ends with 1 at the first that does not, after three tries.
"""
import os
import socket
import struct
import sys
import time

TRIES = 3
WAIT_S = 3


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(sock, address, ipv6, number, size):
    payload = os.urandom(size)
    kind, answer, skip = (128, 129, 0) if ipv6 else (8, 0, 20)
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, number)
    # The kernel computes that of ICMPv6.
    head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
    sock.sendto(head + payload, (address, 0))
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            got = sock.recv(70000)[skip:]
        except socket.timeout:
            break
        if got[0] == answer and got[4:8] == head[4:8]:
            return got[8:] == payload
    return False


def main():
    address = sys.argv[1]
    ipv6 = ":" in address
    sock = socket.socket(
        socket.AF_INET6 if ipv6 else socket.AF_INET,
        socket.SOCK_RAW,
        socket.getprotobyname("ipv6-icmp") if ipv6 else socket.IPPROTO_ICMP,
    )
    sock.settimeout(WAIT_S)
    number = 0
    for size in range(int(sys.argv[2]), int(sys.argv[3]) + 1, int(sys.argv[4])):
        for _ in range(TRIES):
            number += 1
            if ping(sock, address, ipv6, number & 0xFFFF, size):
                break
        else:
            sys.exit(f"a ping of {size} bytes to {address} is not answered")


main()
