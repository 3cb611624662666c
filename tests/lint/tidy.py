#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over every C file of the programs; findings are errors.

A file that was found clean is not looked at again until something that it is made of has changed: its
preprocessed text, the checks or clang-tidy itself. What is known to be clean is kept in
~/.cache/kata-like/tidy/ (KATA_LIKE_CACHE names another folder).

Usage: tidy.py SOURCE BUILD
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

KEPT_SECONDS = 30 * 24 * 3600


def cache_folder():
    base = os.environ.get("KATA_LIKE_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kata-like")
    folder = pathlib.Path(base, "tidy")
    folder.mkdir(parents=True, exist_ok=True)
    for stamp in folder.iterdir():
        if time.time() - stamp.stat().st_mtime > KEPT_SECONDS:
            stamp.unlink(missing_ok=True)
    return folder


def our_files(source, build):
    """Path to (folder, compiler's arguments), one entry a file: a file is compiled several times."""
    files = {}
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text()):
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        ours = path.startswith(source + "/") and not path.startswith(source + "/tests/")
        if ours and path.endswith(".c") and ".pb-c." not in path:
            files.setdefault(path, (entry["directory"], shlex.split(entry["command"])))
    return files


def preprocessed(folder, arguments):
    """The file's text as the compiler sees it, comments included: they can silence a check."""
    end = arguments.index("-o")
    command = arguments[:end] + arguments[end + 2 :]
    command[command.index("-c")] = "-E"
    for with_value in ("-MQ", "-MF"):
        at = command.index(with_value)
        del command[at : at + 2]
    command.remove("-MD")
    return subprocess.run(command + ["-C", "-P"], cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def main():
    source, build = (os.path.realpath(path) for path in sys.argv[1:3])
    if not shutil.which("clang-tidy"):
        print("skipped: clang-tidy is not installed")
        return 77
    cache = cache_folder()
    version = subprocess.run(["clang-tidy", "--version"], check=True, stdout=subprocess.PIPE).stdout
    checks = pathlib.Path(source, ".clang-tidy").read_bytes()

    def look(item):
        path, (folder, arguments) = item
        text = preprocessed(folder, arguments)
        stamp = cache / hashlib.sha256(b"\0".join([version, checks, text])).hexdigest()
        if stamp.exists():
            stamp.touch()
            return ""
        run = subprocess.run(
            ["clang-tidy", "-p", build, "--quiet", "--warnings-as-errors=*", path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode == 0:
            stamp.touch()
            return ""
        return run.stdout or run.stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(look, our_files(source, build).items()) if text]
    print("\n".join(findings) if findings else "clang-tidy has nothing to say")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
