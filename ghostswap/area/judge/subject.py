# SPDX-License-Identifier: GPL-2.0-or-later
"""From a path to what swapon(2) would find there, and to what is to be said of it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ghostswap.area.header import header
from ghostswap.area.header.explain import Inspection
from ghostswap.area.header.layout import MAGIC_SIZE
from ghostswap.area.judge import filesystems, rules
from ghostswap.area.judge.area import Area, Contents, Machine
from ghostswap.area.judge.filesystems import Mapped
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.judge.rules import Verdict
from ghostswap.area.target import blkid, target
from ghostswap.area.target.inode import InodeFlag, inode_flags
from ghostswap.area.target.partition import Place
from ghostswap.area.target.target import Target, shell_path
from ghostswap.errors import TargetError
from ghostswap.kernels.rules import Kernel
from ghostswap.mounts import mount_of
from ghostswap.units import shell_word

if TYPE_CHECKING:
    from ghostswap.area.judge.dangers import Danger

#: What a target may stand for, so that an image is judged as what it will become.
AreaKind = Literal["file", "block", "tmpfs"]

#: What opening for swapon(2) says of what is neither a file nor a block device; EINVAL of others.
_OTHER_TYPES = {stat.S_IFDIR: "EISDIR", stat.S_IFSOCK: "ENXIO"}
#: Inode flags that forbid to open a file for writing.
_UNWRITABLE = {
    InodeFlag.IMMUTABLE: ("immutable", "let it be changed", "chattr -i"),
    InodeFlag.APPEND: ("append-only", "let it be changed", "chattr -a"),
    InodeFlag.VERITY: ("sealed by fs-verity", "make the area in a file of its own", ""),
}


class Judgement(NamedTuple):
    """What is to be said of one target, or of a place in it.

    :ivar verdicts: in the order of the kernels asked.
    :ivar dangers: beside the verdicts, the worst first.
    """

    path: str
    place: Place
    verdicts: tuple[Verdict, ...]
    dangers: tuple[Danger, ...] = ()


class Judges(NamedTuple):
    """Who judges, and what for.

    :ivar kind: what the targets stand for; ``None``: themselves.
    :ivar flags: the second argument of swapon(2).
    :ivar as_if_off: an area that is switched on is judged as if it were not.
    """

    kernels: Sequence[Kernel]
    machine: Machine
    kind: AreaKind | None = None
    flags: int = 0
    as_if_off: bool = False

    def judge(self, area: Area) -> tuple[Verdict, ...]:
        """The verdict of each kernel, in their order."""
        return tuple(rules.judge(area, kernel, self.machine, self.flags) for kernel in self.kernels)


#: Where in a target there are areas to judge.
Places = Callable[[Target], Iterable[Place]]


def judge_paths(
    paths: Sequence[str], judges: Judges, places: Places = lambda _: (Place(),)
) -> list[Judgement]:
    """What swapon(2) of each of *paths* would end with, in their order.

    A path that cannot be read is refused by every kernel, with what open(2) said.

    :param places: in each target; what is not all of it is judged as a device of its own.
    """
    judgements = []
    uuids: dict[bytes, tuple[str, tuple[int, ...]]] = {}  # who had it first
    for path in paths:
        try:
            with target.open_target(path) as opened:
                for place in places(opened):
                    judgements.append(_judge(opened, place, judges, uuids))
        except TargetError as error:
            area = Area(b"", 0, path=path, opening=_unreadable(error))
            judgements.append(Judgement(path, Place(), judges.judge(area)))
    return judgements


def _judge(
    opened: Target,
    place: Place,
    judges: Judges,
    uuids: dict[bytes, tuple[str, tuple[int, ...]]],
) -> Judgement:
    from ghostswap.area.judge import dangers  # of which a verdict alone has no use

    area, known = _area(opened, place, judges)
    area = area._replace(holds=_contents(opened, area))
    verdicts = judges.judge(area)
    seen = dangers.Seen(area, judges.machine, judges.kernels, verdicts, known, judges.as_if_off)
    itself = opened if judges.kind is None and not place.is_inside else None
    found = dangers.find(seen, itself)
    head = seen.header
    if head is not None and any(head.sws_uuid) and dangers.has_names(head):
        here = (*_inode(opened.fd), place.offset)
        first, same = uuids.setdefault(head.sws_uuid, (opened.path, here))
        if same != here:
            found.append(dangers.duplicate_uuid(area, head, first))
    return Judgement(opened.path, place, verdicts, tuple(found))


def at_boot(opened: Target, found: Inspection, judges: Judges) -> tuple[Verdict, ...]:
    """The verdicts on the area *found* when the image that it may hold is resumed or discarded.

    :raises TargetError: where the system refuses to tell.
    """
    area, _ = _area(opened, Place(found.offset, found.partition), judges)
    start = area.start
    if found.hibernation is not None:
        magic = slice(found.header.page_size - MAGIC_SIZE, found.header.page_size)
        start = start[: magic.start] + header.SWAPSPACE2 + start[magic.stop :]
    return judges.judge(area._replace(start=start))


def _area(opened: Target, place: Place, judges: Judges) -> tuple[Area, bool]:
    """What swapon(2) finds at a place, and whether it is known where its blocks lie."""
    machine = judges.machine
    kind = judges.kind or ("block" if place.is_inside else opened.kind)
    size = place.size(opened.size)
    if kind == "block":
        size -= size % 512  # a device has whole sectors only, whatever the image behind it
    start = opened.read(place.offset, min(size, max(header.MAX_HEADER, machine.page_size)))
    opening, encrypted, mapped = None, False, Mapped()
    try:
        if judges.kind is None and not place.is_inside:
            is_on = judges.as_if_off and target.active_swap(opened) is not None
            opening = next(_obstacles(opened, is_on), None)
            encrypted = bool(inode_flags(opened.fd) & InodeFlag.ENCRYPT)
        elif kind == "tmpfs":
            opening = filesystems.before_header(opened._replace(fstype="tmpfs"))
        if kind == "file" and opening is None:
            activation = None if judges.kind is None else filesystems.IMAGE
            declared = machine.parse(start).declared_size
            mapped = filesystems.activate(opened, machine.page_size, declared, activation)
    except OSError as error:
        raise TargetError.from_os(opened.path, error, "cannot map its blocks") from error
    area = Area(
        start=start,
        size=size,
        kind="block" if kind == "block" else "file",
        path=opened.path,
        opening=opening,
        encrypted=encrypted,
        activation=mapped.refusal,
        mapped_pages=mapped.pages,
        offset=place.offset,
        ends_early=place.partition is not None,
        most=size if opened.kind == "block" or place.is_inside else _room(opened),
    )
    return area, mapped.known


def _room(opened: Target) -> int:
    """Bytes that a file can have, with what is free on its file system."""
    free = os.fstatvfs(opened.fd)
    return opened.allocated + free.f_bavail * free.f_frsize


def _contents(opened: Target, area: Area) -> Contents:
    """What else is there; nothing where libblkid is not here, or cannot read it."""
    with contextlib.suppress(OSError):
        signatures = blkid.signatures(opened.fd, area.offset, area.size)
        others = tuple(old for old in signatures if old.type not in ("swap", "swsuspend"))
        tags = blkid.believed(opened.fd, area.offset, area.size).tags if others else {}
        table = None if area.offset else blkid.partition_table(opened.fd)
        label = tags.get("LABEL", b"") if tags.get("TYPE") not in (b"swap", b"swsuspend") else b""
        return Contents(others, label.decode("utf-8", "surrogateescape"), table or "")
    return Contents()


def _obstacles(opened: Target, is_on: bool) -> Iterator[Refusal]:
    """What keeps swapon(2) from reading the header, in its order.

    :param is_on: it is a swap area already, which is not to count.
    """
    active = Refusal("it is switched on already", "nothing to do", errno="EBUSY")
    if opened.kind == "block":
        if not is_on and _is_claimed(opened.fd):
            if target.active_swap(opened) is not None:
                yield active
            user = target.in_use(opened) or "is claimed by another program or device"
            yield Refusal(f"the device {user}", "release it there first", errno="EBUSY")
        return
    if os.fstatvfs(opened.fd).f_flag & os.ST_RDONLY:
        mount = mount_of(opened.fd)
        command = f"mount -o remount,rw {shell_word(mount.point)}" if mount else ""
        reason = "its file system is mounted read-only"
        yield Refusal(reason, "remount it", errno="EROFS", command=command)
    flags = inode_flags(opened.fd)
    for flag, (what, advice, chattr) in _UNWRITABLE.items():
        if flags & flag:
            command = chattr and f"{chattr} {shell_path(opened.path)}"
            yield Refusal(f"the file is {what}", advice, errno="EPERM", command=command)
    if not is_on and target.active_swap(opened) is not None:
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
