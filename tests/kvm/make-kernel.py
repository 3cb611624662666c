# SPDX-License-Identifier: Apache-2.0
"""Writes an ELF kernel with a PVH entry, of a few bytes of code in hexadecimal: make-kernel.py FILE CODE."""
import struct
import sys

load = 0x1000000
code = bytes.fromhex(sys.argv[2]).ljust(64, b"\x90")
note = struct.pack("<III", 4, 4, 18) + b"Xen\0" + struct.pack("<I", load)
code_at = 64 + 2 * 56
note_at = code_at + len(code)
header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
    "<HHIQQQIHHHHHH", 2, 62, 1, load, 64, 0, 0, 64, 56, 2, 0, 0, 0)
phdr = struct.pack("<IIQQQQQQ", 1, 5, code_at, load, load, len(code), len(code), 4096)
phdr += struct.pack("<IIQQQQQQ", 4, 4, note_at, 0, 0, len(note), len(note), 4)
open(sys.argv[1], "wb").write(header + phdr + code + note)
