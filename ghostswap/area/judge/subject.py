# SPDX-License-Identifier: GPL-2.0-or-later
"""From a path to what swapon(2) would find there, and to what is to be said of it."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ghostswap.area.header import header
from ghostswap.area.judge import dangers, filesystems, rules
from ghostswap.area.judge.dangers import Danger
from ghostswap.area.judge.filesystems import Mapped
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.judge.rules import Area, Machine, Verdict
from ghostswap.area.target import target
from ghostswap.area.target.inode import InodeFlag, inode_flags
from ghostswap.area.target.target import Target
from ghostswap.errors import TargetError
from ghostswap.kernels.rules import Kernel

#: What a target may stand for, so that an image is judged as what it will become.
AreaKind = Literal["file", "block", "tmpfs"]

#: What opening for swapon(2) says of what is neither a file nor a block device; EINVAL of others.
_OTHER_TYPES = {stat.S_IFDIR: "EISDIR", stat.S_IFSOCK: "ENXIO"}
#: Inode flags that forbid to open a file for writing.
_UNWRITABLE = {
    InodeFlag.IMMUTABLE: ("immutable", "let it be changed: chattr -i {}"),
    InodeFlag.APPEND: ("append-only", "let it be changed: chattr -a {}"),
    InodeFlag.VERITY: ("sealed by fs-verity", "make the area in a file of its own"),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of one target.

    :ivar verdicts: in the order of the kernels asked.
    :ivar dangers: beside the verdicts, the worst first.
    """

    path: str
    verdicts: tuple[Verdict, ...]
    dangers: tuple[Danger, ...] = ()


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judges, and what for.

    :ivar kind: what the targets stand for; ``None``: themselves.
    :ivar flags: the second argument of swapon(2).
    """

    kernels: Sequence[Kernel]
    machine: Machine
    kind: AreaKind | None = None
    flags: int = 0

    def judge(self, area: Area) -> tuple[Verdict, ...]:
        """The verdict of each kernel, in their order."""
        return tuple(rules.judge(area, kernel, self.machine, self.flags) for kernel in self.kernels)


def judge_paths(paths: Sequence[str], judges: Judges) -> list[Judgement]:
    """What swapon(2) of each of *paths* would end with, in their order.

    A path that cannot be read is refused by every kernel, with what open(2) said.
    """
    judgements = []
    uuids: dict[bytes, tuple[str, tuple[int, int]]] = {}  # who had it first
    for path in paths:
        try:
            with target.open_target(path) as opened:
                area, known = _area(opened, judges)
                verdicts = judges.judge(area)
                seen = dangers.Seen(area, judges.machine, judges.kernels, verdicts, known)
                found = dangers.find(seen, opened if judges.kind is None else None)
                inode = _inode(opened.fd)
        except TargetError as error:
            area = Area(b"", 0, path=path, opening=_unreadable(error))
            judgements.append(Judgement(path, judges.judge(area)))
            continue
        if seen.header is not None and any(seen.header.sws_uuid):
            first, same = uuids.setdefault(seen.header.sws_uuid, (path, inode))
            if same != inode:
                found.append(dangers.duplicate_uuid(area, seen.header, first))
        judgements.append(Judgement(path, verdicts, tuple(found)))
    return judgements


def _area(opened: Target, judges: Judges) -> tuple[Area, bool]:
    """What swapon(2) finds at *opened*, and whether it is known where its blocks lie."""
    machine, kind = judges.machine, judges.kind or opened.kind
    start = opened.read(0, max(header.MAX_HEADER, machine.page_size))
    opening, encrypted, mapped = None, False, Mapped()
    try:
        if judges.kind is None:
            opening = next(_obstacles(opened), None)
            encrypted = bool(inode_flags(opened.fd) & InodeFlag.ENCRYPT)
        elif kind == "tmpfs":
            opening = filesystems.before_header(replace(opened, fstype="tmpfs"))
        if kind == "file" and opening is None:
            activation = None if judges.kind is None else filesystems.IMAGE
            declared = machine.parse(start).declared_size
            mapped = filesystems.activate(opened, machine.page_size, declared, activation)
    except OSError as error:
        raise TargetError.from_os(opened.path, error, "cannot map its blocks") from error
    area = Area(
        start=start,
        size=opened.size,
        kind="block" if kind == "block" else "file",
        path=opened.path,
        opening=opening,
        encrypted=encrypted,
        activation=mapped.refusal,
        mapped_pages=mapped.pages,
    )
    return area, mapped.known


def _obstacles(opened: Target) -> Iterator[Refusal]:
    """What keeps swapon(2) from reading the header, in its order."""
    active = Refusal("it is switched on already", "nothing to do", errno="EBUSY")
    if opened.kind == "block":
        if _is_claimed(opened.fd):
            if target.active_swap(opened) is not None:
                yield active
            user = target.in_use(opened) or "is claimed by another program or device"
            yield Refusal(f"the device {user}", "release it there first", errno="EBUSY")
        return
    if os.fstatvfs(opened.fd).f_flag & os.ST_RDONLY:
        yield Refusal("its file system is mounted read-only", "remount it: -o rw", errno="EROFS")
    flags = inode_flags(opened.fd)
    for flag, (what, cure) in _UNWRITABLE.items():
        if flags & flag:
            cure = cure.format(shlex.quote(opened.path))
            yield Refusal(f"the file is {what}", cure, errno="EPERM")
    if target.active_swap(opened) is not None:
        yield active
    refusal = filesystems.before_header(opened)
    if refusal is not None:
        yield refusal


def _is_claimed(fd: int) -> bool:
    """Whether somebody holds a block device exclusively, as swapon(2) and mount(2) do."""
    flags = os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", flags))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _inode(fd: int) -> tuple[int, int]:
    """What tells one area from another, whatever it is called."""
    info = os.fstat(fd)
    return (info.st_rdev, 0) if stat.S_ISBLK(info.st_mode) else (info.st_dev, info.st_ino)


def _unreadable(error: TargetError) -> Refusal:
    """The refusal of what is no file and no block device, or cannot be opened."""
    name = "EINVAL"
    if error.errno is not None:
        name = errno.errorcode.get(error.errno, name)
    else:
        with contextlib.suppress(OSError):  # it may be gone by now
            name = _OTHER_TYPES.get(stat.S_IFMT(os.stat(error.path).st_mode), name)
    return Refusal(error.reason, error.hint or "name a swap file or block device", errno=name)
