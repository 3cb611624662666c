#!/usr/bin/env python3
"""Holds the rule of who may include whom (docs/ARCHITECTURE.md, "Layers").

Reads every #include "…" of the tree's C files and reports each that goes up or across. Also: only the
folders named in KVM_FOLDERS may include <linux/kvm.h>, and no file of the project's may be longer than
LINES_MAX.
"""
import pathlib
import re
import sys

LINES_MAX = 800

# A folder (the longest that matches counts) and what its files may include beside their own folder.
# Generated protobuf headers have no folder: they belong to proto/.
ALLOWED = {
    "lib": [],
    "lib/settings": ["lib"],
    "proto": ["lib"],
    "oci": ["lib"],
    "agent": ["lib", "proto", "oci"],
    "shim": ["lib", "proto", "oci"],
    "cli": ["lib", "proto", "oci"],
    "vmm/mem": ["lib"],
    "vmm/pci": ["lib", "vmm/mem"],
    "vmm/virtio": ["lib", "proto/vsock-link.h", "vmm/mem", "vmm/pci"],
    "vmm/boot": ["lib", "vmm/mem"],
    "vmm/legacy": ["lib"],
    "vmm/jail": ["lib"],
    "vmm/kvm": ["lib", "vmm/mem", "vmm/pci/interrupt.h", "vmm/boot"],
    "vmm/template": ["lib", "vmm/mem", "vmm/pci", "vmm/virtio", "vmm/kvm", "vmm/boot/x86/layout.h"],
    "vmm/check": ["lib", "vmm/mem", "vmm/boot", "vmm/kvm", "vmm/file-argument.h"],
    "vmm": ["lib", "proto", "vmm"],
    "tests": ["lib", "proto", "oci", "agent", "shim", "cli", "vmm"],
    "bench": ["lib", "proto"],
}
KVM_FOLDERS = ("vmm/kvm", "vmm/check", "tests/kvm", "tests/unit/vmm/kvm", "tests/unit/vmm/jail")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def rule_for(path):
    """The longest folder of ALLOWED that path lies in, or None."""
    folders = [f for f in ALLOWED if path.startswith(f + "/")]
    return max(folders, key=len, default=None)


def may_include(folder, target):
    """Whether files of folder may include target (a path from the root, or a generated header)."""
    if target.endswith(".pb-c.h"):
        return folder == "proto" or "proto" in ALLOWED[folder]
    own = rule_for(target) == folder
    return own or any(target == a or target.startswith(a + "/") for a in ALLOWED[folder])


def complaints(root):
    """Yields one line a violation."""
    tops = sorted({folder.split("/")[0] for folder in ALLOWED})
    for source in sorted(p for top in tops for p in (root / top).rglob("*.[chS]")):
        path = source.relative_to(root).as_posix()
        lines = source.read_text(encoding="utf-8").splitlines()
        if len(lines) > LINES_MAX:
            yield f"{path}: {len(lines)} lines; a file longer than {LINES_MAX} is two things"
        folder = rule_for(path)
        if folder is None:
            yield f"{path}: in no folder that the layers name"
            continue
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            if match[1] == "<":
                if match[2] == "linux/kvm.h" and not path.startswith(KVM_FOLDERS):
                    yield f"{path}:{number}: <linux/kvm.h> belongs to {', '.join(KVM_FOLDERS)}"
            elif not may_include(folder, match[2]):
                yield f'{path}:{number}: {folder}/ may not include "{match[2]}"'


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(complaints(root))
    print("\n".join(found) or "every include keeps to the layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
