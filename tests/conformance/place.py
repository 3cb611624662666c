# SPDX-License-Identifier: Apache-2.0
"""Where cases run: a folder on tmpfs with each case's bundle, and what several cases share."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\n"
EXT4_MIB = 16
MNT_DETACH, MS_REC, MS_SHARED = 2, 1 << 14, 1 << 20

# A process for each mount would take most of the time that a case takes.
LIBC = ctypes.CDLL(None, use_errno=True)


def share_mounts():
    """Makes this mount namespace's mounts shared, as most hosts' are, but with nobody outside of it."""
    if LIBC.mount(None, b"/", None, MS_REC | MS_SHARED, None) < 0:
        raise OSError(ctypes.get_errno(), "cannot make the mounts shared")


class Place:
    """A folder for all cases of a run, a process with namespaces to join, a mounted ext4."""

    def __init__(self, witness):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conformance-", dir="/run"))
        # Root of a user namespace has to get through.
        self.folder.chmod(0o755)
        self.witness = self.folder / "witness"
        shutil.copy(witness, self.witness)
        self.witness.chmod(0o755)
        # A file that is setuid on the host must not be a link of the one that is not.
        self.setuid_witness = self.folder / "setuid-witness"
        shutil.copy(witness, self.setuid_witness)
        self.setuid_witness.chmod(0o4755)
        self.ext4 = self._make_ext4()
        self.joinable = subprocess.Popen(
            ["unshare", "--net", "--uts", "--ipc", "--cgroup", "--pid", "--fork", "--kill-child", "sleep", "inf"])
        self.join = self._joined_namespaces()

    def _make_ext4(self):
        """Mounts an ext4 file system, for idmapped mounts: not every file system has them."""
        image, mounted = self.folder / "ext4.img", self.folder / "ext4"
        with open(image, "wb") as file:
            file.truncate(EXT4_MIB << 20)
        mounted.mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        for name, user in (("of-root", 0), ("of-1000", 1000)):
            (mounted / name).write_text(name, encoding="utf-8")
            os.chown(mounted / name, user, user)
        return mounted

    def _joined_namespaces(self):
        """/proc/PID/ns of the sleeping child, once it is there."""
        children = pathlib.Path(f"/proc/{self.joinable.pid}/task/{self.joinable.pid}/children")
        while True:
            listed = children.read_text(encoding="ascii").split()
            if listed and os.readlink(f"/proc/{listed[0]}/ns/pid") != os.readlink("/proc/self/ns/pid"):
                return f"/proc/{listed[0]}/ns"

    def bundle(self, case, name):
        """Makes the case's bundle; returns its folder."""
        folder = self.folder / name
        rootfs = folder / "rootfs"
        rootfs.mkdir(parents=True)
        make_image(rootfs, self.witness, self.setuid_witness)
        if case.owner:
            give_away(rootfs, case.owner)
        places = {"@CASE@": folder, "@ROOTFS@": rootfs, "@WITNESS@": self.witness, "@ID@": name,
                  "@JOIN@": self.join, "@EXT4@": self.ext4}
        for document, content in case.documents().items():
            text = json.dumps(content)
            if re.search(r'"(@CASE@/(link-to-)?)?source[/"]', text):
                self._make_source(folder)
            for mark, value in places.items():
                text = text.replace(mark, str(value))
            (folder / document).write_text(text, encoding="utf-8")
        return folder

    def _make_source(self, folder):
        """A folder for bind mounts: a file, the witness, and a mount below."""
        source = folder / "source"
        (source / "below").mkdir(parents=True)
        (folder / "link-to-source").symlink_to("source")
        (source / "file").write_text("of the source", encoding="utf-8")
        os.link(self.witness, source / "witness")
        if LIBC.mount(b"tmpfs", bytes(source / "below"), b"tmpfs", 0, None) < 0:
            raise OSError(ctypes.get_errno(), f"cannot mount a tmpfs at {source}/below")

    def remove(self, folder):
        """Unmounts what is mounted in the case's folder and removes it; returns what was left mounted."""
        source = str(folder / "source/below")
        left = [path for path in mounts_below(folder) if path != source]
        for path in reversed([source, *left]):
            LIBC.umount2(os.fsencode(path), MNT_DETACH)
        shutil.rmtree(folder, ignore_errors=True)
        return left

    def close(self):
        """Ends the process and takes the folder away."""
        self.joinable.kill()
        self.joinable.wait()
        subprocess.run(["umount", self.ext4], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def make_image(root, witness, setuid_witness):
    """The image that all cases see: few files, and links that try to leave it."""
    for name in ("bin", "dev", "dir", "dir2", "etc", "proc", "sys", "tmp", "private"):
        (root / name).mkdir()
    (root / "private").chmod(0o700)
    (root / "private/file").write_text("secret", encoding="utf-8")
    (root / "dir/file").write_text("of the image", encoding="utf-8")
    (root / "file").write_text("of the image", encoding="utf-8")
    (root / "etc/passwd").write_text(PASSWD, encoding="utf-8")
    (root / "etc/group").write_text(GROUP, encoding="utf-8")
    (root / "script").write_text("#!/nothing-here\n", encoding="utf-8")
    (root / "script").chmod(0o755)
    (root / "unknown-format").write_bytes(bytes(64))
    (root / "unknown-format").chmod(0o755)
    for link, target in {"link-to-witness": "/witness", "link-to-dir": "/dir", "link-to-proc": "/proc",
                         "link-out": "../../../../../../dir", "link-up": "../../..", "link-loop": "link-loop",
                         "link-dangling": "/gone"}.items():
        (root / link).symlink_to(target)
    os.link(witness, root / "witness")
    os.link(witness, root / "bin/witness")
    os.link(setuid_witness, root / "setuid-witness")


def give_away(root, owner):
    """Makes the image's files the owner's. The witness is shared with other images and stays root's."""
    for path in [root, *root.rglob("*")]:
        if not path.name.endswith("witness"):
            os.lchown(path, owner, owner)


def mounts_below(folder):
    """Mount points in a folder, in the order in which they were made."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = [line.split()[4] for line in file]
    return [point for point in points if point.startswith(f"{folder}/")]
