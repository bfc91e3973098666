# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks that swapon(2) makes, one function each; each refuses as the kernel does, or not.

Modelled: ``SYSCALL_DEFINE2(swapon)``, ``read_swap_header`` and ``setup_swap_map`` in
mm/swapfile.c, Linux 6.1 to 7.3, and the ghost swapfile RFC
(20251121-ghost-v1-1-cfc0efcf3855@kernel.org). Which checks a kernel makes, in which order, is in
its row of :mod:`ghostswap.kernels`. What depends on the file and its file system comes with the
:class:`~ghostswap.area.judge.area.Area`, from subject.py and filesystems.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ghostswap.area.header.header import (
    SIGNATURES,
    SWAP_SPACE,
    SWAPSPACE2,
    Header,
    find_page_size,
    parse_as,
)
from ghostswap.area.judge import cures, filesystems
from ghostswap.area.judge.area import Area, Contents, Machine
from ghostswap.area.judge.refusal import Refusal
from ghostswap.kernels.rules import Check, Kernel
from ghostswap.units import format_size

#: Of an unsigned int.
U32 = 0xFFFFFFFF
_FLAGS_VALID = 0x8000 | 0x7FFF | 0x10000 | 0x20000 | 0x40000  # SWAP_FLAGS_VALID


class Case(NamedTuple):
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
        return min(self.header.last_page + 1, U32)

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
        there = self.max
        return (there - 1 - sum(page < there for page in self.header.badpages)) & U32

    def remake(
        self, reason: str, log: str | None = None, advice: str = "remake the header"
    ) -> Refusal:
        """A refusal that a new header mends, with the names of the old one."""
        return Refusal(
            reason, advice, log, command=cures.remake(self.area, self.machine, self.header)
        )


_Check = Callable[[Case], Refusal | None]


def _valid_flags(case: Case) -> Refusal | None:
    if case.flags & ~_FLAGS_VALID:
        return Refusal(
            f"swapon flags {case.flags:#x} hold bits that the kernel does not know",
            "call swapon with known flags only",
        )
    return None


def _opening(case: Case) -> Refusal | None:
    return case.area.opening


def _encrypted(case: Case) -> Refusal | None:
    if not case.area.encrypted:
        return None
    return Refusal(
        "the file system encrypts the file, and swap would pass by the encryption",
        "put a loop device over the file, or the area on dm-crypt",
        f"Filesystem-level encrypted swapfile '{case.area.path}' is unsupported. Create a loop"
        " device over it, or use dm-crypt",
    )


def _signature(case: Case) -> Refusal | None:
    page, known = case.machine.page_size, case.header.signature
    if case.header.magic == SWAPSPACE2:
        return None
    log = "Unable to find swap-space signature"
    found = find_page_size(case.area.start)
    if known is not None:
        reason = f"the signature is that of a {SIGNATURES[known]}"
        if known == SWAP_SPACE:
            return case.remake(reason, log, "make a version 1 header")
        return case.remake(reason, log, "resume from it, or discard the image")
    if found is not None:
        reason = f"the header is for pages of {format_size(found)}, this kernel's are"
        other = case._replace(header=parse_as(case.area.start, found))
        return other.remake(f"{reason} {format_size(page)}", log, "remake it for this kernel")
    return _no_signature(case, log)


def _no_signature(case: Case, log: str) -> Refusal:
    area, page = case.area, case.machine.page_size
    reason = (
        f"no SWAPSPACE2 at byte {page - 10}, where a kernel with {format_size(page)} pages looks"
    )
    if not area.size:
        reason = "it is empty"
    elif what := _named(area.holds):
        reason = f"it holds {what}; {reason}"
    if area.holds.table:
        # Whoever has partitions wants one of them, and not all of the disk.
        look = f"look into its partitions: ghostswap validate --scan {area.shell_path}"
        return Refusal(reason, look, log)
    command = cures.mkswap(area, case.machine)
    least = format_size(cures.least_size(page))
    if area.size >= cures.least_size(page):
        advice = "format it first (this destroys what it holds)"
    elif command:
        advice = f"make it an area of {least} or more, for which this is the least"
    else:
        advice = f"use a larger one: an area has {least} or more"
    return Refusal(reason, advice, log, command=command)


def _named(holds: Contents) -> str:
    """What a target holds, in words."""
    kinds = dict.fromkeys(old.type for old in holds.signatures)
    what = [f"{kind} (named {holds.label})" if holds.label else kind for kind in kinds]
    if holds.table:
        what.append(f"a {holds.table} partition table")
    return " and ".join(what)


def _swapped_bad_pages(case: Case) -> Refusal | None:
    # The kernel swaps the list in place before anything else, so its length must be sane first.
    swapped = case.header.byte_order != case.machine.byte_order
    if swapped and case.header.nr_badpages > case.header.max_badpages:
        return _too_many_bad_pages(case)
    return None


def _version(case: Case) -> Refusal | None:
    version = case.header.version
    if version == 1:
        return None
    log = f"Unable to handle swap header version {_signed(version)}"
    return case.remake(f"the header's version is {version}, and only 1 exists", log)


def _last_page(case: Case) -> Refusal | None:
    if case.header.last_page:
        return None
    reason = "last_page is 0: the area declares no page beside its header"
    return case.remake(reason, "Empty swap-file")


def _area_size(case: Case) -> Refusal | None:
    if case.is_ghost:
        return None
    area, page, declared = case.area, case.machine.page_size, case.maxpages
    there = area.size // page
    if not there or declared <= there:
        return None
    log = "Swap area shorter than signature indicates"
    if area.size != page:
        reason = f"the header declares {declared} pages, only {there} are there"
        return case.remake(reason, log, "remake the header for the size that is there")
    command = cures.remake(area, case.machine, case.header, size=declared * page)
    advice = "boot a kernel with the ghost swapfile RFC, or make a full area"
    return Refusal(
        f"a ghost swapfile: it declares {format_size(declared * page)} and holds its header only,"
        " and this kernel wants every page on disk",
        advice if command else f"{advice} where there is room for one",
        log,
        command=command,
    )


def _bad_pages_on_file(case: Case) -> Refusal | None:
    if case.is_ghost or case.area.kind == "block" or not case.header.nr_badpages:
        return None
    listed = f"the header lists {case.header.nr_badpages} bad pages"
    advice = "remake the header without them"
    return case.remake(f"{listed}, which only a block device may have", advice=advice)


def _bad_page_count(case: Case) -> Refusal | None:
    if case.is_ghost or case.header.nr_badpages <= case.header.max_badpages:
        return None
    return _too_many_bad_pages(case)


def _too_many_bad_pages(case: Case) -> Refusal:
    holds = f"a header of this page size holds {case.header.max_badpages}"
    return case.remake(f"nr_badpages is {case.header.nr_badpages}, and {holds}")


_SMALLER = "declare a smaller area: its slots cost memory whether they are used or not"


def _swap_map(case: Case) -> Refusal | None:
    ram, slots = case.machine.ram, case.maxpages
    if -(-slots // case.machine.page_size) <= ram // case.machine.page_size:
        return None
    return Refusal(
        f"swapon allocates {format_size(slots)} in one piece for swap_map, and the machine has"
        f" {format_size(ram)}",
        _SMALLER,
        f"swapon: vmalloc error: size {slots}, exceeds total pages,"
        " mode:0xdc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)",
        "ENOMEM",
    )


def _memory(case: Case) -> Refusal | None:
    ram, slots = case.machine.ram, case.maxpages
    needed = case.kernel.metadata.slots_memory(slots)
    if needed <= ram:
        return None
    return Refusal(
        f"swapon allocates {format_size(needed)} for {slots} slots, and the machine has"
        f" {format_size(ram)}: the caller is killed for want of memory",
        _SMALLER,
        errno=None,
    )


def _activation(case: Case) -> Refusal | None:
    return None if case.is_ghost else case.area.activation


def _bad_page_entries(case: Case) -> Refusal | None:
    outside = (_out_of_border(case, page) for page in case.bad_pages)
    return next((refusal for refusal in outside if refusal is not None), None)


def _out_of_border(case: Case, page: int) -> Refusal | None:
    if 0 < page <= case.header.last_page:
        return None
    where = "beyond last_page" if page else "the header's own page"
    return case.remake(f"the bad page list names page {page}, {where}")


def _anything_left(case: Case) -> Refusal | None:
    return None if case.good_pages else _empty(case)


def _empty(case: Case) -> Refusal:
    reason, log = "no page is left to use beside the header's", "Empty swap-file"
    if case.max < case.maxpages:
        return Refusal(reason, filesystems.ONE_PIECE, log)
    # Where all pages are listed as bad, see which are.
    check = ("--check",) if case.header.nr_badpages else ()
    command = cures.remake(case.area, case.machine, case.header, *check)
    return Refusal(reason, "make the area anew", log, command=command)


def _bad_slots(case: Case) -> Refusal | None:
    """``swap_cluster_setup_bad_slot``, of the header's page and of each bad one."""
    left, seen = case.max - 1, set[int]()
    if not left:
        return _empty(case)
    for page in case.bad_pages:
        if (refusal := _out_of_border(case, page)) is not None:
            last = _signed(case.header.last_page)
            log = f"Bad slot offset is out of border: {_signed(page)} (last_page: {last})"
            return refusal._replace(log=log)
        if page >= case.max:
            continue
        left -= 1
        if not left:
            return _empty(case)
        if page in seen:
            log = f"Duplicated bad slot offset {_signed(page)}"
            return case.remake(f"the bad page list names page {page} twice", log)
        seen.add(page)
    return None


def _signed(number: int) -> int:
    """An unsigned int as ``%d`` prints it."""
    return number - (1 << 32) if number >> 31 else number


CHECKS: Mapping[Check, _Check] = MappingProxyType(
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
        Check.SWAP_MAP: _swap_map,
        Check.MEMORY: _memory,
        Check.BAD_PAGE_ENTRIES: _bad_page_entries,
        Check.ACTIVATION: _activation,
        Check.ANYTHING_LEFT: _anything_left,
        Check.BAD_SLOTS: _bad_slots,
    }
)
