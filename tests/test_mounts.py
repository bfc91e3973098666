# SPDX-License-Identifier: GPL-2.0-or-later
"""A file system is known by name also where mountinfo has no row for it, as in many a chroot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest
from conftest import ROOT, needs_root
from support.filesystems import mounted

from ghostswap import mounts

#: What differs by name only, or has one magic.
ALIKE = {"ext2": "ext4", "ext3": "ext4", "devtmpfs": "tmpfs", "nfs": "nfs4", "virtiofs": "fuse"}
ASK = """
import ctypes, os, sys
from ghostswap import mounts
mounts.mount_of(0)  # so that Python has loaded all that this takes
os.chroot(sys.argv[1])
fd = os.open("/file", os.O_RDONLY)
print(mounts.mount_of(fd), mounts.fstype(fd), mounts.device_name(fd))
"""


def asked_in_chroot(root: Path) -> list[str]:
    """Of a file in *root*, a plain directory with /proc and /sys: its mount, type and device."""
    (root / "file").touch()
    for name in ("proc", "sys"):
        (root / name).mkdir()
    script = 'for at in proc sys; do mount --bind /$at "$1/$at"; done; exec "$0" -c "$2" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", script, sys.executable, root, ASK],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@needs_root
@pytest.mark.skipif(which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs"])
def test_statfs_tells_where_no_mount_is_listed(tmp_path: Path, fstype: str) -> None:
    with mounted(fstype, tmp_path) as point:
        root = point / "root"
        root.mkdir()
        fd = os.open(point, os.O_RDONLY)
        try:
            listed = mounts.mount_of(fd)
            device = mounts.device_name(fd)
        finally:
            os.close(fd)
        assert listed is not None
        assert listed.fstype == fstype
        if fstype == "btrfs":  # whose st_dev is no device's
            device = "?"
        assert asked_in_chroot(root) == ["None", fstype, device]


def test_every_file_system_that_is_mounted_here_has_the_name_of_its_magic() -> None:
    """But for those that no swap file lies on and the row of ext4, which is ext2's and ext3's."""
    compared = set()
    for mount in mounts.mounts():
        try:
            fd = os.open(mount.point, os.O_PATH | os.O_DIRECTORY)
        except OSError:  # another mount hides it
            continue
        try:
            name = mounts.name_of_magic(fd)
            if mount == mounts.mount_of(fd) and name:
                compared.add(name)
                assert name == ALIKE.get(mount.fstype, mount.fstype.partition(".")[0])
        finally:
            os.close(fd)
    assert compared
