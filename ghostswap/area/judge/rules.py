# SPDX-License-Identifier: GPL-2.0-or-later
"""Would swapon(2) of this kernel take this area: the kernel's checks in the kernel's order.

Modelled: ``SYSCALL_DEFINE2(swapon)``, ``read_swap_header`` and ``setup_swap_map`` in
mm/swapfile.c, Linux 6.1 to 7.3, and the ghost swapfile RFC
(20251121-ghost-v1-1-cfc0efcf3855@kernel.org). Which checks a kernel makes, in which order, is in
its row of :mod:`ghostswap.kernels`. What depends on the file and its file system comes with the
:class:`Area`, from subject.py and filesystems.py.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ghostswap.area.header.header import (
    NATIVE,
    SIGNATURES,
    SWAPSPACE2,
    Header,
    find_page_size,
    parse_as,
)
from ghostswap.area.header.layout import ByteOrder
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.target.target import Kind
from ghostswap.kernels.rules import Check, Kernel
from ghostswap.units import format_size

_FLAGS_VALID = 0x8000 | 0x7FFF | 0x10000 | 0x20000 | 0x40000  # SWAP_FLAGS_VALID
_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Area:
    """What swapon is pointed at.

    :ivar start: the first bytes, at least a page of the kernel's size where the area has one.
    :ivar size: bytes of the file or device.
    :ivar opening: what stands in the way before the header is read.
    :ivar encrypted: by its file system (fscrypt).
    :ivar activation: what the file system says once the header has passed.
    :ivar mapped_pages: whole pages that the file system finds, the header's included; ``None``
        where they are all that the header declares.
    """

    start: bytes
    size: int
    kind: Kind = "file"
    path: str = "FILE"
    opening: Refusal | None = None
    encrypted: bool = False
    activation: Refusal | None = None
    mapped_pages: int | None = None

    @property
    def shell_path(self) -> str:
        """The path as it must stand in a command line."""
        return shlex.quote(self.path)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that judges.

    :ivar ram: ``MemTotal`` in bytes.
    :ivar page_size: its kernel's ``PAGE_SIZE``.
    :ivar byte_order: of its numbers.
    """

    ram: int
    page_size: int = 4096
    byte_order: ByteOrder = NATIVE

    def parse(self, start: bytes) -> Header:
        """Read a header as this machine does, whatever its magic."""
        return parse_as(start, self.page_size, self.byte_order)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A kernel's answer.

    :ivar pages: usable pages as /proc/swaps shows them (Size / page size); ``None`` if refused.
    """

    kernel: str
    pages: int | None
    refusal: Refusal | None = None

    @property
    def accepted(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class _Case:
    """An area under judgement, with what the checks ask again and again."""

    area: Area
    machine: Machine
    kernel: Kernel
    header: Header
    flags: int

    @property
    def is_ghost(self) -> bool:
        return self.kernel.swapon.ghost and self.area.size == self.machine.page_size

    @property
    def maxpages(self) -> int:
        """Slots that swapon sets up, the header's included: an unsigned int that must not wrap."""
        return min(self.header.last_page + 1, _U32)

    @property
    def max(self) -> int:
        """``si->max``: the slots that are left of them when the file system has mapped the file."""
        if self.area.mapped_pages is None or self.is_ghost:
            return self.maxpages
        return min(self.maxpages, self.area.mapped_pages)

    @property
    def bad_pages(self) -> tuple[int, ...]:
        """The bad page list as the kernel reads it, past its end too."""
        listed = self.header.badpages
        # What follows the list is no page number.
        return listed if self.header.nr_badpages == len(listed) else (*listed, 0)

    @property
    def good_pages(self) -> int:
        """Usable pages, in the kernel's unsigned arithmetic; a page listed twice counts twice."""
        bad = sum(page < self.max for page in self.header.badpages)
        return (self.max - 1 - bad) & _U32


_Check = Callable[[_Case], Refusal | None]


def judge(area: Area, kernel: Kernel, machine: Machine, flags: int = 0) -> Verdict:
    """What swapon(2) of *kernel* on *machine* would answer for *area*.

    :param flags: the second argument of swapon(2).
    """
    case = _Case(area, machine, kernel, machine.parse(area.start), flags)
    for check in kernel.swapon.checks:
        refusal = _CHECKS[check](case)
        if refusal is not None:
            return Verdict(kernel.name, None, refusal)
    # swap_show() prints pages * PAGE_SIZE / 1024 in 32 bits, so Size wraps at 4 TiB.
    kib = (case.good_pages * (machine.page_size // 1024)) & _U32
    return Verdict(kernel.name, kib * 1024 // machine.page_size)


def _valid_flags(case: _Case) -> Refusal | None:
    if case.flags & ~_FLAGS_VALID:
        return Refusal(
            f"swapon flags {case.flags:#x} hold bits that the kernel does not know",
            "call swapon with known flags only",
        )
    return None


def _opening(case: _Case) -> Refusal | None:
    return case.area.opening


def _encrypted(case: _Case) -> Refusal | None:
    if not case.area.encrypted:
        return None
    return Refusal(
        "the file system encrypts the file, and swap would pass by the encryption",
        "put a loop device over the file, or the area on dm-crypt",
        f"Filesystem-level encrypted swapfile '{case.area.path}' is unsupported. Create a loop"
        " device over it, or use dm-crypt",
    )


def _signature(case: _Case) -> Refusal | None:
    page = case.machine.page_size
    if case.header.magic == SWAPSPACE2:
        return None
    log = "Unable to find swap-space signature"
    found = find_page_size(case.area.start)
    if case.header.magic in SIGNATURES:
        what = SIGNATURES[case.header.magic]
        if what.startswith("swap area that holds"):
            cure = "resume from it, or discard the image with swapon(8) or mkswap"
        else:
            cure = "make a version 1 header with ghostswap mkswap"
        return Refusal(f"the signature is that of a {what}", cure, log)
    if found is not None:
        return Refusal(
            f"the header is for pages of {format_size(found)}, this kernel's are"
            f" {format_size(page)}",
            f"remake it for this kernel: ghostswap mkswap --keep --pagesize {page}"
            f" {case.area.shell_path}",
            log,
        )
    return Refusal(
        f"no SWAPSPACE2 at byte {page - 10}, where a kernel with {format_size(page)} pages looks",
        f"format it first (this destroys what it holds): ghostswap mkswap {case.area.shell_path}",
        log,
    )


def _swapped_bad_pages(case: _Case) -> Refusal | None:
    # The kernel swaps the list in place before anything else, so its length must be sane first.
    swapped = case.header.byte_order != case.machine.byte_order
    if swapped and case.header.nr_badpages > case.header.max_badpages:
        return _too_many_bad_pages(case)
    return None


def _version(case: _Case) -> Refusal | None:
    version = case.header.version
    if version == 1:
        return None
    return Refusal(
        f"the header's version is {version}, and only 1 exists",
        f"remake the header: ghostswap mkswap --keep {case.area.shell_path}",
        f"Unable to handle swap header version {_signed(version)}",
    )


def _last_page(case: _Case) -> Refusal | None:
    if case.header.last_page:
        return None
    return Refusal(
        "last_page is 0: the area declares no page beside its header",
        f"remake the header: ghostswap mkswap --keep {case.area.shell_path}",
        "Empty swap-file",
    )


def _area_size(case: _Case) -> Refusal | None:
    if case.is_ghost:
        return None
    page, declared = case.machine.page_size, case.maxpages
    # A block device ends at a whole sector, whatever the image behind it.
    size = case.area.size & ~511 if case.area.kind == "block" else case.area.size
    there = size // page
    if not there or declared <= there:
        return None
    if size == page:
        reason = (
            f"a ghost swapfile: it declares {format_size(declared * page)} and holds its header"
            " only, and this kernel wants every page on disk"
        )
        cure = (
            "boot a kernel with the ghost swapfile RFC, or make a full area: ghostswap mkswap"
            f" --file --size {declared * page} {case.area.shell_path}"
        )
    else:
        reason = f"the header declares {declared} pages, only {there} are there"
        cure = (
            f"remake the header for the size that is there: ghostswap mkswap --keep"
            f" {case.area.shell_path}"
        )
    return Refusal(reason, cure, "Swap area shorter than signature indicates")


def _bad_pages_on_file(case: _Case) -> Refusal | None:
    if case.is_ghost or case.area.kind == "block" or not case.header.nr_badpages:
        return None
    return Refusal(
        f"the header lists {case.header.nr_badpages} bad pages, which only a block device may have",
        f"remake the header without them: ghostswap mkswap --keep {case.area.shell_path}",
    )


def _bad_page_count(case: _Case) -> Refusal | None:
    if case.is_ghost or case.header.nr_badpages <= case.header.max_badpages:
        return None
    return _too_many_bad_pages(case)


def _too_many_bad_pages(case: _Case) -> Refusal:
    return Refusal(
        f"nr_badpages is {case.header.nr_badpages}, and a header of this page size holds"
        f" {case.header.max_badpages}",
        f"remake the header: ghostswap mkswap --keep {case.area.shell_path}",
    )


def _memory(case: _Case) -> Refusal | None:
    ram, slots = case.machine.ram, case.maxpages
    cure = "declare a smaller area: its slots cost memory whether they are used or not"
    if -(-slots // case.machine.page_size) > ram // case.machine.page_size:
        return Refusal(
            f"swapon allocates {format_size(slots)} in one piece for swap_map, and the machine has"
            f" {format_size(ram)}",
            cure,
            f"swapon: vmalloc error: size {slots}, exceeds total pages,"
            " mode:0xdc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)",
            "ENOMEM",
        )
    needed = int(slots * case.kernel.metadata.slot_bytes)
    if needed > ram:
        return Refusal(
            f"swapon allocates {format_size(needed)} for {slots} slots, and the machine has"
            f" {format_size(ram)}: the caller is killed for want of memory",
            cure,
            errno=None,
        )
    return None


def _activation(case: _Case) -> Refusal | None:
    return None if case.is_ghost else case.area.activation


def _bad_page_entries(case: _Case) -> Refusal | None:
    for page in case.bad_pages:
        if (refusal := _out_of_border(case, page)) is not None:
            return refusal
    return None


def _out_of_border(case: _Case, page: int) -> Refusal | None:
    if 0 < page <= case.header.last_page:
        return None
    where = "beyond last_page" if page else "the header's own page"
    return Refusal(
        f"the bad page list names page {page}, {where}",
        f"remake the header: ghostswap mkswap --keep {case.area.shell_path}",
    )


def _anything_left(case: _Case) -> Refusal | None:
    return None if case.good_pages else _empty(case)


def _empty(case: _Case) -> Refusal:
    return Refusal(
        "no page is left to use beside the header's",
        f"make the area anew, and larger: ghostswap mkswap {case.area.shell_path}",
        "Empty swap-file",
    )


def _bad_slots(case: _Case) -> Refusal | None:
    """``swap_cluster_setup_bad_slot``, of the header's page and of each bad one."""
    left, seen = case.max - 1, set[int]()
    if not left:
        return _empty(case)
    for page in case.bad_pages:
        if (refusal := _out_of_border(case, page)) is not None:
            last = _signed(case.header.last_page)
            log = f"Bad slot offset is out of border: {_signed(page)} (last_page: {last})"
            return replace(refusal, log=log)
        if page >= case.max:
            continue
        left -= 1
        if not left:
            return _empty(case)
        if page in seen:
            return Refusal(
                f"the bad page list names page {page} twice",
                f"remake the header: ghostswap mkswap --keep {case.area.shell_path}",
                f"Duplicated bad slot offset {_signed(page)}",
            )
        seen.add(page)
    return None


def _signed(number: int) -> int:
    """An unsigned int as ``%d`` prints it."""
    return number - (1 << 32) if number >> 31 else number


_CHECKS: Mapping[Check, _Check] = MappingProxyType(
    {
        Check.FLAGS: _valid_flags,
        Check.OPENING: _opening,
        Check.ENCRYPTED: _encrypted,
        Check.SIGNATURE: _signature,
        Check.SWAPPED_BAD_PAGES: _swapped_bad_pages,
        Check.VERSION: _version,
        Check.LAST_PAGE: _last_page,
        Check.AREA_SIZE: _area_size,
        Check.BAD_PAGES_ON_FILE: _bad_pages_on_file,
        Check.BAD_PAGE_COUNT: _bad_page_count,
        Check.MEMORY: _memory,
        Check.BAD_PAGE_ENTRIES: _bad_page_entries,
        Check.ACTIVATION: _activation,
        Check.ANYTHING_LEFT: _anything_left,
        Check.BAD_SLOTS: _bad_slots,
    }
)
