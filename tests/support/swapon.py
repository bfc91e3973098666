# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask the running kernel: swapon(2), what it logs, what /proc/swaps shows, and swapoff(2) at once.

For tests that hold the ``kernel_lock``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghostswap import kernels
from ghostswap.area.header.header import NATIVE, Header
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import Judges, judge_paths
from ghostswap.area.target import target

PAGE = os.sysconf("SC_PAGE_SIZE")
#: Everything that swapon(2) and swap_activate log has this in it; other lines are not ours.
_OURS = "swap"
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Answer:
    """What swapon(2) ends with: the errno's name, the lines logged, or the pages accepted."""

    errno: str | None
    log: tuple[str, ...]
    pages: int | None


def this_kernel() -> Judges:
    """The rules for the running kernel.

    Skips the test where it is none that we know.
    """
    kernel, known = kernels.nearest(os.uname().release)
    if not known:
        pytest.skip(f"no rules for Linux {os.uname().release}")
    ram = os.sysconf("SC_PHYS_PAGES") * PAGE
    return Judges([kernel], Machine(ram, PAGE))


def predicted(path: str | os.PathLike[str], judges: Judges) -> Answer:
    """What we say that the kernel answers."""
    (judgement,) = judge_paths([os.fspath(path)], judges)
    (verdict,) = judgement.verdicts
    if verdict.refusal is None:
        return Answer(None, (), verdict.pages)
    log = verdict.refusal.log
    return Answer(verdict.refusal.errno, () if log is None else (log,), None)


class Swapon:
    """The running kernel's swapon(2)."""

    def __init__(self, kmsg: int) -> None:
        self._kmsg = kmsg

    def __call__(self, path: str | os.PathLike[str], flags: int = 0) -> Answer:
        """Switch *path* on and off again; what the kernel said."""
        self._lines()
        name = os.fsencode(path)
        if _libc.swapon(name, flags):
            return Answer(errno.errorcode[ctypes.get_errno()], self._lines(), None)
        try:
            with open(name, "rb") as file:
                info = os.fstat(file.fileno())
            active = [row for row in target.active_swaps() if _is(row.path, info)]
        finally:
            if _libc.swapoff(name):
                number = ctypes.get_errno()
                raise OSError(number, f"swapoff: {os.strerror(number)}", os.fspath(path))
        (row,) = active
        log = tuple(line for line in self._lines() if not line.startswith("Adding "))
        return Answer(None, log, row.size // (PAGE // 1024))

    def _lines(self) -> tuple[str, ...]:
        """The lines logged since last asked."""
        lines = []
        while True:
            try:
                record = os.read(self._kmsg, 8192).decode(errors="replace")
            except BlockingIOError:
                return tuple(line for line in lines if _OURS in line.lower())
            except BrokenPipeError:  # overwritten before we read it
                continue
            lines.append(record.partition(";")[2].partition("\n")[0])


@contextmanager
def active(path: str | os.PathLike[str]) -> Iterator[None]:
    """*path* switched on for the time of the ``with``."""
    if _libc.swapon(os.fsencode(path), 0):
        raise OSError(ctypes.get_errno(), "swapon", os.fspath(path))
    try:
        yield
    finally:
        _libc.swapoff(os.fsencode(path))


@contextmanager
def swapon(directory: Path) -> Iterator[Swapon]:
    """The running kernel, ready to be asked.

    Skips the test, saying why, where it may not be: a container that forbids it, no log.

    :param directory: for a trial area, on a file system that can hold swap.
    """
    try:
        kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(kmsg, 0, os.SEEK_END)
    except OSError as error:
        pytest.skip(f"cannot read the kernel's log: {error.strerror}")
    try:
        ask = Swapon(kmsg)
        trial = make_area(directory / "trial", 16)
        answer = ask(trial)
        trial.unlink()
        if answer.errno in ("EPERM", "ENOSYS"):
            pytest.skip(f"swapon(2) is forbidden here: {answer.errno}")
        assert answer == Answer(None, (), 15), "a plain area must be taken, or nothing can be told"
        yield ask
    finally:
        os.close(kmsg)


@contextmanager
def loop(path: Path, *options: str) -> Iterator[str]:
    """A loop device over *path*."""
    command = ["losetup", "--find", "--show", *options, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def make_area(path: Path, pages: int, *, allocate: bool = True) -> Path:
    """A good area of *pages* pages, allocated in advance or with holes."""
    with path.open("wb") as file:
        if allocate:
            os.posix_fallocate(file.fileno(), 0, pages * PAGE)
        else:
            file.truncate(pages * PAGE)
        file.write(Header(page_size=PAGE, byte_order=NATIVE, last_page=pages - 1).build())
        os.fchmod(file.fileno(), 0o600)
    return path


def _is(path: str, info: os.stat_result) -> bool:
    there = os.stat(path)
    return (there.st_dev, there.st_ino) == (info.st_dev, info.st_ino)
