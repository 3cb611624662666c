#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a person at a terminal: runs a command on a pseudo-terminal and follows a script.

terminal.py [--size COLUMNSxROWS] COMMAND... -- STEP...
Steps: expect:TEXT (waits for it in the output), send:TEXT (with \\n, \\x03 …), resize:COLUMNSxROWS,
status:N (the command ends with it), sane (the terminal is as it was before).
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

TIMEOUT_S = 150


def set_size(fd, text):
    columns, rows = (int(part) for part in text.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    def __init__(self, command, size):
        self.output = b""
        self.seen = 0
        # The other side stays open here too, so that its settings can be read after the command.
        self.fd, self.other = pty.openpty()
        set_size(self.fd, size)
        self.before = termios.tcgetattr(self.other)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            os.login_tty(self.other) if hasattr(os, "login_tty") else self.login()
            os.execvp(command[0], command)

    def login(self):
        os.setsid()
        fcntl.ioctl(self.other, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(self.other, fd)

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            self.output += os.read(self.fd, 65536)

    def expect(self, text):
        end = time.monotonic() + TIMEOUT_S
        while text not in self.output[self.seen:]:
            if time.monotonic() > end:
                self.die(f"{text!r} never came")
            self.read(0.2)
        self.seen = self.output.index(text, self.seen) + len(text)

    def status(self, expected):
        end = time.monotonic() + TIMEOUT_S
        while True:
            pid, wait_status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.die("the command does not end")
            self.read(0.1)
        status = os.waitstatus_to_exitcode(wait_status)
        if status != expected:
            self.die(f"status {status} instead of {expected}")

    def sane(self):
        if termios.tcgetattr(self.other) != self.before:
            self.die("the terminal's settings are not as before")

    def die(self, why):
        sys.exit(f"{why}; output so far: {self.output!r}")


def main():
    args = sys.argv[1:]
    size = "80x24"
    if args[0] == "--size":
        size = args[1]
        args = args[2:]
    # The last "--" separates: the command may have one of its own.
    cut = len(args) - 1 - args[::-1].index("--")
    terminal = Terminal(args[:cut], size)
    for step in args[cut + 1:]:
        verb, _, text = step.partition(":")
        data = text.encode().decode("unicode_escape").encode()
        if verb == "expect":
            terminal.expect(data)
        elif verb == "send":
            os.write(terminal.fd, data)
        elif verb == "resize":
            set_size(terminal.fd, text)
        elif verb == "status":
            terminal.status(int(text))
        elif verb == "sane":
            terminal.sane()
        else:
            sys.exit(f"unknown step {step}")


main()
