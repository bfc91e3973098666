# SPDX-License-Identifier: GPL-2.0-or-later
"""What each file system makes of a swap file: its ``swap_activate``, as data.

Modelled: ``iomap_swapfile_activate``, ``generic_swapfile_activate``, ``btrfs_swap_activate``,
``f2fs_swap_activate``, ``nfs_swap_activate`` and ``cifs_swap_activate`` of Linux 6.1 to 6.18. Not
modelled is what only the moment decides: a balance, scrub or snapshot of btrfs that is under way,
and ``is not committed``, for swapon(2) syncs the file before it looks.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ghostswap import extents
from ghostswap.area.header.bounds import MIN_PAGES
from ghostswap.area.judge import natures
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.target.inode import InodeFlag, inode_flags
from ghostswap.area.target.target import Target, shell_path
from ghostswap.extents import Extent, ExtentFlag
from ghostswap.mounts import device_name, mount_of
from ghostswap.units import shell_word

#: What to do about blocks that form no page.
ONE_PIECE = "make it anew where there is room in one piece, on blocks as large as a page"


class _Cure(NamedTuple):
    """What cures a file.

    :ivar command: with ``{name}`` and ``{mount}``, paths for a shell, and ``{size}`` in bytes;
        ``""`` where no command does.
    :ivar makes_area: it makes the area anew, its header included.
    """

    advice: str
    command: str = ""
    makes_area: bool = False


_ELSEWHERE = _Cure("put the area on ext4, xfs or btrfs, or on a block device of its own")
_ONE_PIECE = _Cure(ONE_PIECE)
_ALLOCATE = _Cure("allocate them", "fallocate --length {size} {name}")
_REMAKE = _Cure(
    "make it anew", "rm {name} && ghostswap mkswap --file --size {size} {name}", makes_area=True
)
_COPY = _Cure(
    "give it blocks of its own",
    "cp --reflink=never --sparse=never --preserve=all {name} {name}.new && mv {name}.new {name}",
)
_SINGLE = _Cure("keep one copy of all data", "btrfs balance start -dconvert=single {mount}")


class Fault(NamedTuple):
    """A reason to refuse a swap file, to be filled in for the file at hand.

    :ivar log: the kernel's line, with ``{path}`` as the kernel prints it and ``{device}``;
        ``None`` where it says nothing.
    :ivar reason: ``""`` where it lies in the nature of the file system.
    """

    log: str | None
    reason: str
    cure: _Cure

    def of(self, target: Target) -> Refusal:
        """The refusal of *target*, without a command."""
        reason = self.reason
        if not reason:
            refuses = natures.of(target.fstype).refuses or _UNFIT
            reason = f"{target.fstype} cannot hold swap: {refuses}"
        log = self.log and self.log.format(path=_d_path(target.fd), device=device_name(target.fd))
        return Refusal(reason, self.cure.advice, log)


_UNFIT = "it does not tell the kernel where a file's blocks are"
_HOLES = "the file has holes, and swap needs every block allocated in advance"
_SHARED = "the file shares blocks with another file or a snapshot, and swap writes in place"
_COW = "btrfs writes changed blocks elsewhere, unless a file is made NOCOW while it is empty"
_INLINE = "the file lies in its own inode, and swap needs blocks"
_COMPRESSED = "the file is compressed, and swap needs every page to have its place"
_NO_PAGE = "no page of the file lies aligned and in one piece on the device"

_BMAP_HOLE = Fault("swapon: swapfile has holes", _HOLES, _ALLOCATE)
_IOMAP_HOLE = Fault("swapon: file {path} has unallocated extents", _HOLES, _ALLOCATE)


def _btrfs(what: str, reason: str, cure: _Cure = _REMAKE) -> Fault:
    return Fault(f"BTRFS warning (device {{device}}): swapfile must {what}", reason, cure)


_BTRFS_HOLE = _btrfs("not have holes", _HOLES, _ALLOCATE)


class Activation(NamedTuple):
    """One ``swap_activate``: what it refuses, in its order. The first extent at fault decides.

    :ivar never: refuses any file.
    :ivar before_header: ``never`` comes before the header is read: there is no ``read_folio``.
    :ivar inode: inode flags, and whether the file must have them.
    :ivar flags: what extents must not be.
    :ivar hole: what it says of a hole.
    :ivar no_page: what it says where no whole page is found.
    :ivar whole_file: looks at all of the file, not only at what the header declares.
    :ivar by_page: takes whole pages that are aligned on the device, and skips what is not.
    :ivar by_blocks: where nobody tells of holes, goes by the number of blocks.
    :ivar spread: of btrfs, what it says of chunks that are not single, and of a second device.
    """

    never: Fault | None = None
    before_header: bool = False
    inode: tuple[tuple[InodeFlag, bool, Fault], ...] = ()
    flags: tuple[tuple[ExtentFlag, Fault], ...] = ()
    hole: Fault = _BMAP_HOLE
    no_page: Fault = Fault("Empty swap-file", _NO_PAGE, _ONE_PIECE)
    whole_file: bool = True
    by_page: bool = True
    by_blocks: bool = True
    spread: tuple[Fault, Fault] | None = None


_NOT_THERE = ExtentFlag.DELALLOC | ExtentFlag.UNKNOWN

IOMAP = Activation(
    flags=(
        (ExtentFlag.INLINE, Fault("swapon: file {path} is inline", _INLINE, _REMAKE)),
        (_NOT_THERE, _IOMAP_HOLE),
        (ExtentFlag.SHARED, Fault("swapon: file {path} has shared extents", _SHARED, _COPY)),
    ),
    hole=_IOMAP_HOLE,
    no_page=Fault("swapon: Cannot find a single usable page in file.", _NO_PAGE, _ONE_PIECE),
)
#: ``generic_swapfile_activate``, by bmap, to which all that it cannot map is a hole.
GENERIC = Activation(
    flags=((ExtentFlag.INLINE | ExtentFlag.SHARED | _NOT_THERE, _BMAP_HOLE),),
    whole_file=False,
)
BTRFS = Activation(
    inode=(
        (InodeFlag.COMPR, False, _btrfs("not be compressed", _COMPRESSED)),
        (InodeFlag.NOCOW, True, _btrfs("not be copy-on-write", _COW)),
    ),
    flags=(
        (ExtentFlag.INLINE, _btrfs("not be inline", _INLINE)),
        (ExtentFlag.ENCODED, _btrfs("not be compressed", _COMPRESSED)),
        (_NOT_THERE, _BTRFS_HOLE),
        (ExtentFlag.SHARED, _btrfs("not be copy-on-write", _SHARED)),
    ),
    hole=_BTRFS_HOLE,
    spread=(
        _btrfs(
            "have single data profile",
            "btrfs keeps more than one copy of the file's data, or stripes it",
            _SINGLE,
        ),
        _btrfs(
            "be on one device",
            "the file lies on several devices of its btrfs",
            _Cure("make it anew where one device has room for all of it"),
        ),
    ),
)
#: It moves the blocks into place itself, section by section, when the file is switched on.
F2FS = Activation(
    flags=((ExtentFlag.ENCODED, Fault(None, _COMPRESSED, _REMAKE)),),
    hole=Fault("F2FS-fs ({device}): Swapfile has holes", _HOLES, _ALLOCATE),
    whole_file=False,
    by_page=False,
)
NFS = Activation(hole=Fault("swap activate: swapfile has holes", _HOLES, _ALLOCATE), by_page=False)

#: What an image will be somewhere else: its holes go with it, the rest does not.
IMAGE = Activation(hole=_IOMAP_HOLE, by_page=False, by_blocks=False)

_NO_BMAP = Activation(never=Fault("swapon: swapfile has holes", "", _ELSEWHERE))
_NO_SWAP_RW = Activation(never=Fault(None, "", _ELSEWHERE))
_NO_READ_FOLIO = Activation(never=Fault(None, "", _ELSEWHERE), before_header=True)

#: By :func:`natures.kind`. One that has no row is taken for one with bmap, as vfat, exfat, jfs,
#: hfsplus, ntfs3 and fuseblk have it.
ACTIVATIONS = {
    **dict.fromkeys(("ext2", "ext3", "ext4", "xfs", "zonefs"), IOMAP),
    "btrfs": BTRFS,
    "f2fs": F2FS,
    **dict.fromkeys(("nfs", "nfs4"), NFS),
    **dict.fromkeys(("cifs", "smb3"), _NO_SWAP_RW),
    **dict.fromkeys(
        ("ramfs", "fuse", "virtiofs", "9p", "ceph", "afs", "bcachefs", "nilfs2", "ubifs", "zfs"),
        _NO_BMAP,
    ),
    **dict.fromkeys(("tmpfs", "devtmpfs", "hugetlbfs", "overlay", "proc"), _NO_READ_FOLIO),
}


class Mapped(NamedTuple):
    """What swap activation makes of a file.

    :ivar pages: whole pages that it finds, the header's included; ``None`` where all that the
        header declares count, or nobody can tell.
    :ivar known: whether the file system told all of where the file's blocks lie.
    """

    refusal: Refusal | None = None
    pages: int | None = None
    known: bool = True


def activation_of(target: Target) -> Activation:
    """How the file system that holds an open file switches swap files on."""
    return ACTIVATIONS.get(natures.kind(target.fstype), GENERIC)


def before_header(target: Target) -> Refusal | None:
    """Why swapon(2) does not come as far as reading the header of a file."""
    rules = activation_of(target)
    return rules.never.of(target) if rules.never and rules.before_header else None


def activate(
    target: Target, page_size: int, declared: int, rules: Activation | None = None
) -> Mapped:
    """What ``swap_activate`` makes of an open file whose header has passed.

    :param page_size: of the judging kernel.
    :param declared: bytes that the header declares.
    :param rules: by default those of its file system.
    """
    rules = rules or activation_of(target)
    if rules.never is not None:
        return Mapped(rules.never.of(target))
    pages = PageCount(page_size)
    spread = rules.spread and _Spread(target.fd, *rules.spread)
    end = target.size - target.size % page_size
    if not rules.whole_file:
        end = min(end, declared)
    found = extents.extents(target.fd)
    faults = dict.fromkeys(_faults(target, rules, found, end, pages, spread))
    if faults:
        return Mapped(
            _refusal(target, list(faults), MIN_PAGES * page_size), known=found is not None
        )
    if found is None:
        return Mapped(known=False)
    if not rules.by_page or not end:  # of less than a page nobody looks for pages
        return Mapped()
    known = spread is None or spread.known
    return Mapped(None if pages.total else rules.no_page.of(target), pages.total, known)


def _faults(
    target: Target,
    rules: Activation,
    found: Iterable[Extent] | None,
    end: int,
    pages: PageCount,
    spread: _Spread | None,
) -> Iterator[Fault]:
    """All that is wrong with a file up to *end*, what the kernel sees first before the rest.

    :param pages: counts those of a file that is good.
    """
    flags = inode_flags(target.fd) if rules.inode else InodeFlag(0)
    for flag, want, fault in rules.inode:
        if bool(flags & flag) != want:
            yield fault
    if found is None:
        if rules.by_blocks and target.allocated < target.size:
            yield rules.hole
        return
    position = 0
    for extent in extents.clip(found, 0, end):
        if extent.logical > position:
            yield rules.hole
        for kinds, fault in rules.flags:
            if extent.flags & kinds:
                yield fault
        if spread is not None:
            yield from spread.faults(extent)
        pages.add(extent)
        position = extent.end
    if position < end:
        yield rules.hole


def _refusal(target: Target, faults: Sequence[Fault], least: int) -> Refusal:
    """The refusal for the first of *faults*, with a cure for all of them.

    :param least: bytes of the smallest area.
    """
    decides = faults[0].of(target)
    steps = list(dict.fromkeys(fault.cure for fault in faults))
    for step in steps:
        if not step.command:
            return decides._replace(advice=step.advice)
    makes_area = any(step.makes_area for step in steps)
    if makes_area:  # of a file that goes away the blocks do not matter
        steps = [step for step in steps if step not in (_ALLOCATE, _COPY)]
    mount = mount_of(target.fd)
    names = {
        "name": shell_path(target.path),
        "mount": shell_word(mount.point if mount else ""),
        "size": max(target.size, least),
    }
    command = " && ".join(step.command.format(**names) for step in steps)
    return decides._replace(advice=steps[0].advice, command=command, makes_area=makes_area)


class PageCount:
    """Counts the whole pages in a file's extents: aligned on the device and in one piece there.

    As ``iomap_swapfile_add_extent``; where in the file a page starts makes no difference.
    """

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._start = self._end = 0
        self._before = 0

    def add(self, extent: Extent) -> None:
        """Go on with the extent that follows in the file."""
        if extent.physical != self._end:
            self._before = self.total
            self._start = extent.physical
        self._end = extent.physical + extent.length

    @property
    def total(self) -> int:
        """Pages so far."""
        first = -(-self._start // self._page_size)
        return self._before + max(self._end // self._page_size - first, 0)


class _Spread:
    """Whether a btrfs file lies in single chunks of one device.

    :ivar known: whether the file system tells, which it does to root only.
    """

    def __init__(self, fd: int, profile: Fault, device: Fault) -> None:
        from ghostswap.area.target import btrfs  # which others do without

        self._profile, self._device = profile, device
        self._devid: int | None = None
        try:
            self._chunks = list(btrfs.chunks(fd))
        except OSError:
            self._chunks = []
        self.known = bool(self._chunks)

    def faults(self, extent: Extent) -> Iterator[Fault]:
        start, end = extent.physical, extent.physical + extent.length
        first = max(bisect_right(self._chunks, start, key=lambda chunk: chunk.logical) - 1, 0)
        for chunk in self._chunks[first:]:  # FIEMAP joins extents across chunks
            if chunk.logical >= end:
                break
            if chunk.profile != "single":
                yield self._profile
            elif self._devid not in (None, chunk.devid):
                yield self._device
            self._devid = chunk.devid


def _d_path(fd: int) -> str:
    """The path of an open file as the kernel prints it."""
    return os.readlink(f"/proc/self/fd/{fd}")
