#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads one of a shim's streams to its end, as containerd 2 does with io_type = "streaming".

Says "open" on standard error once the shim has acknowledged it.

Usage: stream.py SOCKET ID
"""
import socket
import struct
import sys

REQUEST, RESPONSE, DATA = 1, 2, 3
REMOTE_CLOSED, REMOTE_OPEN = 1, 2
WINDOW = 65536


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def take_field(data):
    """The bytes of the field that data begins with, and what follows."""
    at, length, shift = 1, 0, 0
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return data[at : at + length], data[at + length :]


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def send(self, kind, flags, data):
        self.socket.sendall(struct.pack(">IIBB", len(data), 1, kind, flags) + data)

    def send_any(self, type_name, value):
        self.send(DATA, 0, field(1, type_name) + field(2, value))

    def take(self, length):
        data = bytearray()
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                sys.exit("the connection was lost")
            data += piece
        return bytes(data)

    def receive(self):
        length, _, kind, flags = struct.unpack(">IIBB", self.take(10))
        return kind, flags, self.take(length)


def main():
    path, stream_id = sys.argv[1:]
    connection = Connection(path)
    service = "containerd.services.streaming.v1.Streaming"
    connection.send(REQUEST, REMOTE_OPEN, field(1, service) + field(2, "Stream"))
    connection.send_any("containerd.services.streaming.v1.StreamInit", field(1, stream_id))
    acknowledged = False
    while True:
        kind, flags, data = connection.receive()
        if kind == RESPONSE:
            sys.exit(f"refused: {data!r}")
        if flags & REMOTE_CLOSED:
            return
        type_name, value = take_field(data)
        if not acknowledged:
            acknowledged = type_name == b"google.protobuf.Empty"
            print("open", file=sys.stderr, flush=True)
            connection.send_any(
                "containerd.types.transfer.WindowUpdate", varint(1 << 3) + varint(WINDOW)
            )
            continue
        assert type_name == b"containerd.types.transfer.Data", type_name
        sys.stdout.buffer.write(take_field(take_field(value)[0])[0])
        sys.stdout.buffer.flush()


main()
