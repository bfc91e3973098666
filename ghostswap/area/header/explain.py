# SPDX-License-Identifier: GPL-2.0-or-later
"""What a swap area's header says, field by field, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from ghostswap.area.header import header, layout
from ghostswap.area.header.header import SIGNATURES, SWAP_SPACE, SWAPSPACE2, Field, Header
from ghostswap.area.target.partition import Partition
from ghostswap.area.target.target import Kind, Target
from ghostswap.errors import TargetError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.area.header.suspend import Hibernation

#: Whether the target holds what its header declares.
AreaType = Literal["ghost", "full", "short"]


class Explained(NamedTuple):
    """One field of the header.

    :ivar raw: its bytes as they lie in the target.
    :ivar value: what they are, in the field's own terms.
    :ivar meaning: what that says of the area.
    """

    field: Field
    raw: bytes
    value: str
    meaning: str


class Inspection(NamedTuple):
    """A target with a swap header; offsets and sizes in bytes.

    :ivar offset: where in the target the area starts.
    :ivar size: from there to the end of the target, or of the partition.
    :ivar allocated: of the whole target, what takes space on disk.
    :ivar header: of a version 0 area, its bitmap in the terms of version 1: ``last_page`` is the
        last good page, ``nr_badpages`` how many before it are not good.
    :ivar start: the first bytes, :data:`~ghostswap.area.header.header.MAX_HEADER` of them or fewer.
    :ivar hibernation: the image that the area holds in place of swapped pages.
    :ivar partition: that the area lies in, where it was found by a partition table.
    """

    path: str
    kind: Kind
    offset: int
    size: int
    allocated: int
    mode: int
    uid: int
    gid: int
    fstype: str
    header: Header
    start: bytes
    hibernation: Hibernation | None = None
    partition: Partition | None = None

    @property
    def page(self) -> bytes:
        """The header's page."""
        return self.start[: self.header.page_size]

    @property
    def type(self) -> AreaType:
        """``ghost``: the header's page only, declaring more; ``short``: less than declared."""
        if self.size >= self.header.declared_size:
            return "full"
        return "ghost" if self.size == self.header.page_size else "short"

    @property
    def usable_size(self) -> int:
        return max(self.header.usable_pages, 0) * self.header.page_size

    def fields(self) -> list[Explained]:
        """Every field of the header in the order of its bytes."""
        explained = []
        for field in self._places():
            raw = self.page[field.offset : field.offset + field.size]
            value, meaning = self._explain(field.name, raw)
            explained.append(Explained(field, raw, value, meaning))
        return explained

    def _places(self) -> list[Field]:
        if self.header.version == 0 and self.header.magic == SWAP_SPACE:
            reserved = self.header.page_size - layout.MAGIC_SIZE
            return [Field("reserved", 0, reserved), Field("magic", reserved, layout.MAGIC_SIZE)]
        places = list(self.header.fields())
        if self.hibernation is None or self.start.startswith(layout.TUXONICE):
            return places  # TuxOnIce has no tail; one there is of an image it has overwritten
        from ghostswap.area.header import suspend

        if tail := list(suspend.fields(self.header)):
            *before, badpages, _ = places  # its last entries and the magic are overwritten
            cut = badpages._replace(size=tail[0].offset - badpages.offset)
            return [*before, cut, *tail]
        return places

    def _explain(self, name: str, raw: bytes) -> tuple[str, str]:
        head, image = self.header, self.hibernation
        match name:
            case "bootbits":
                return _zeros(raw), "left to boot loaders and disk labels; swap never uses it"
            case "version":
                known = "the only version" if head.version == 1 else "unknown: no kernel takes it"
                return str(head.version), known
            case "last_page":
                return str(head.last_page), f"declares {format_size(head.declared_size)}"
            case "nr_badpages":
                listed = f"of at most {head.max_badpages}"
                return str(head.nr_badpages), listed if head.nr_badpages else "every page is good"
            case "sws_uuid":
                return head.uuid or "none", "names the area for swapon -U and fstab"
            case "sws_volume":
                return head.label or "none", "the label, for swapon -L and fstab"
            case "padding":
                return _zeros(raw), "reserved"
            case "badpages":
                pages = ", ".join(map(str, head.badpages[:8]))
                more = ", …" if len(head.badpages) > 8 else ""
                return (pages + more) or "none", "pages never to be used"
            case "reserved":
                return f"{head.usable_pages} bits", "a bit for each page that may be used"
            case "orig_sig":
                return _magic(raw), "the signature that resuming puts back"
            case "magic" | "sig":
                return _magic(raw), _meaning(raw)
            case _ if image is not None:
                return _explain_image(name, raw, head, image)
        raise ValueError(name)


def _explain_image(name: str, raw: bytes, head: Header, image: Hibernation) -> tuple[str, str]:
    number = int.from_bytes(raw, head.byte_order)
    match name:
        case "image":
            return str(number), f"the image starts at byte {image.image_offset} of the device"
        case "flags":
            from ghostswap.area.header.suspend import flag_names

            assert image.flags is not None
            return f"{number:#x}", ", ".join(flag_names(image.flags)) or "none"
        case "crc32":
            held = (
                "of the image's data" if image.crc32 is not None else "not used: no SF_CRC32_MODE"
            )
        case _:
            held = "of the firmware" if image.hw_sig is not None else "not used: no SF_HW_SIG"
    return f"{number:#010x}", held


def inspect(target: Target, offset: int = 0, partition: Partition | None = None) -> Inspection:
    """Read the header at *offset* of an open target, or at the start of its *partition*.

    :raises TargetError: where there is none, or it cannot be read.
    """
    if partition is not None:
        offset = partition.start
    if offset and offset >= target.size:
        raise outside(target, offset)
    size = target.size - offset
    if partition is not None:
        size = min(size, partition.size)
    start = target.read(offset, min(header.MAX_HEADER, size))
    found = _header(target, start)
    hibernation = None
    if found.magic != SWAPSPACE2 or start.startswith(layout.TUXONICE):
        from ghostswap.area.header import suspend

        hibernation = suspend.find(start, found)
    return Inspection(
        path=target.path,
        kind=target.kind,
        offset=offset,
        size=size,
        allocated=target.allocated,
        mode=target.mode,
        uid=target.uid,
        gid=target.gid,
        fstype=target.fstype,
        header=found,
        start=start,
        hibernation=hibernation,
        partition=partition,
    )


def outside(target: Target, offset: int) -> TargetError:
    """The error for an *offset* behind the end."""
    return TargetError(target.path, f"offset {offset} is not in it: it has {target.size} bytes")


def _header(target: Target, start: bytes) -> Header:
    try:
        found = header.parse(start)
    except header.NotSwapError as error:
        if start.startswith(layout.TUXONICE):
            return header.parse_as(start, header.PAGE_SIZES[0])
        raise TargetError(target.path, error.message, error.hint) from error
    return from_bitmap(found, start) if found.magic == SWAP_SPACE else found


def from_bitmap(found: Header, start: bytes) -> Header:
    """A version 0 header as ``sys_swapon`` of Linux 2.4 read it: bit n set, page n is good."""
    reserved = start[: found.page_size - layout.MAGIC_SIZE]
    # Page 0 is the header's own, whatever its bit says.
    bits = int.from_bytes(reserved, "little") & ~1
    digits = f"{bits:b}"[::-1]
    last_page = len(digits) - 1
    bad = (page for page in range(1, last_page) if digits[page] == "0")
    return found._replace(
        version=0,
        last_page=last_page,
        nr_badpages=digits.count("0", 1),
        sws_uuid=bytes(16),
        sws_volume=bytes(16),
        badpages_raw=header.pack_badpages(islice(bad, found.max_badpages), found.byte_order),
    )


def describe(found: Inspection, size: Callable[[int], str] = format_size) -> list[tuple[str, str]]:
    """What follows from the header and the target together: (what, text).

    :param size: writes a number of bytes.
    """
    head = found.header

    def both(number: int, more: str = "") -> str:
        text = f"{size(number)} ({number} bytes)" if size is format_size else size(number)
        return f"{text}, {more}" if more else text

    rows = [
        ("state", _state(found, size)),
        ("label", head.label or "none"),
        ("UUID", head.uuid or "none"),
        ("page size", both(head.page_size)),
        ("byte order", f"{head.byte_order} endian"),
        ("declared", f"{size(head.declared_size)} ({head.last_page + 1} pages with the header's)"),
        ("usable", f"{size(found.usable_size)} ({max(head.usable_pages, 0)} pages)"),
    ]
    what = "device" if found.kind == "block" else "file"
    if found.offset:
        rows.append(("offset", both(found.offset)))
        rows.append(("area size", both(found.size)))
        rows.append(("allocated", both(found.allocated, f"of the whole {what}")))
    else:
        rows.append((f"{what} size", both(found.size)))
        rows.append(("allocated", both(found.allocated)))
    rows.append(("mode, owner", f"{found.mode:04o}, {found.uid}:{found.gid}"))
    return rows


def _state(found: Inspection, size: Callable[[int], str]) -> str:
    head = found.header
    if found.hibernation is not None:
        return f"swap area that holds a hibernation image, {found.hibernation.signature}"
    if head.magic != SWAPSPACE2:
        return f"{_meaning(head.magic)}: no kernel of today takes it"
    declared, there = size(head.declared_size), size(found.size)
    match found.type:
        case "ghost":
            return f"ghost swapfile: its header only, declares {declared} and holds no data page"
        case "short":
            return f"too short: declares {declared}, only {there} are there"
        case _ if found.size - head.declared_size >= head.page_size:
            spare = size(found.size - head.declared_size)
            return f"full swap area, with {spare} behind it that it does not use"
    return "full swap area: every page that it declares is there"


def _zeros(raw: bytes) -> str:
    used = len(raw) - raw.count(0)
    return "all zero" if not used else f"{used} bytes not zero"


def _magic(raw: bytes) -> str:
    text = raw.rstrip(b"\0").decode("latin-1")
    return text if text.isascii() and text.isprintable() else raw.hex(" ")


def _meaning(magic: bytes) -> str:
    known = header.signature_of(magic)
    return "no known signature" if known is None else SIGNATURES[known]
