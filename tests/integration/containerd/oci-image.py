#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes an OCI image archive of one layer from a folder or a tarball, for `ctr image import`.

Usage: oci-image.py FOLDER|TAR NAME:TAG ARCHIVE [CMD...]
"""
import hashlib
import io
import json
import os
import sys
import tarfile


def layer_of(source):
    """A tarball as it is; a folder as an uncompressed one, with no time in it that is not the files' own."""
    if os.path.isfile(source):
        with open(source, "rb") as tar:
            return tar.read()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(os.listdir(source)):
            tar.add(os.path.join(source, entry), arcname=entry)
    return buffer.getvalue()


class Archive:
    def __init__(self, path):
        self.tar = tarfile.open(path, mode="w")

    def add(self, name, data):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        self.tar.addfile(info, io.BytesIO(data))

    def add_blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        self.add("blobs/sha256/" + digest, data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def main():
    source, name, path, *command = sys.argv[1:]
    media = "application/vnd.oci.image."
    archive = Archive(path)
    layer = layer_of(source)
    layer_descriptor = archive.add_blob(layer, media + "layer.v1.tar")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": command or ["/bin/sh"],
        },
        "rootfs": {"type": "layers", "diff_ids": [layer_descriptor["digest"]]},
        "history": [{"created_by": "oci-image.py"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media + "manifest.v1+json",
        "config": archive.add_blob(json.dumps(config).encode(), media + "config.v1+json"),
        "layers": [layer_descriptor],
    }
    descriptor = archive.add_blob(json.dumps(manifest).encode(), media + "manifest.v1+json")
    descriptor["platform"] = {"architecture": "amd64", "os": "linux"}
    descriptor["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    archive.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    archive.add("index.json", json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode())
    archive.tar.close()


main()
