# SPDX-License-Identifier: GPL-2.0-or-later
"""Real file systems for tests: an image made by mkfs, mounted by loop, gone afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest


@contextmanager
def mounted(
    fstype: str,
    directory: Path,
    *,
    size: int = 320 << 20,
    mkfs: Sequence[str] = (),
    options: str = "",
) -> Iterator[Path]:
    """A new file system, mounted below *directory* for the time of the ``with``.

    Skips the test, saying why, where this machine cannot mount it.

    :param size: bytes of the image; xfs wants 300 MiB.
    :param mkfs: further arguments of ``mkfs.FSTYPE``.
    :param options: of mount(8).
    """
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    if which(f"mkfs.{fstype}") is None:
        pytest.skip(f"mkfs.{fstype} is not installed")
    image, point = directory / f"{fstype}.img", directory / f"{fstype}.mnt"
    with image.open("wb") as file:
        file.truncate(size)
    point.mkdir()
    subprocess.run([f"mkfs.{fstype}", *mkfs, image], check=True, capture_output=True)
    mount = ["mount", "-o", f"loop,{options}".rstrip(","), "-t", fstype, image, point]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount {fstype}: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)
        point.rmdir()
        image.unlink()
