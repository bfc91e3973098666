# SPDX-License-Identifier: GPL-2.0-or-later
"""What blkid, wipefs, swaplabel, swapon -L and file(1) see of an area, and why not.

libblkid is asked itself, where it is here: it knows of everything else that the area may hold.
Modelled: libblkid/src/superblocks/swap.c, util-linux 2.38 to 2.43; Magdir/linux of file 5.44.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ghostswap.area.header import header
from ghostswap.area.header.explain import Inspection
from ghostswap.area.header.header import (
    PAGE_SIZES,
    SWAP_SPACE,
    SWAPSPACE2,
    Header,
    parse_as,
)
from ghostswap.area.header.layout import MAGIC_SIZE, TUXONICE
from ghostswap.area.target import blkid
from ghostswap.area.target.blkid import Believed
from ghostswap.area.target.target import Target

#: libblkid never looks for swap in anything smaller: 10 pages of 4 KiB.
FLOOR = 40960
#: In anything no larger, a floppy disk, blkid is content with the first signature it finds.
TINY = 1440 * 1024

#: Words 32 and 33 of the padding: only where they are zero does libblkid believe label and UUID.
_TRUST = slice(32 * 4, 34 * 4)
#: Of TuxOnIce libblkid knows what stands at an area's start, not what stands at its page's end.
_SUSPENDED = (b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0", b"LINHIB0001")
#: What file(1) adds, if the swap signature stands before the image's.
_IMAGES = {
    b"S1SUSPEND\0": "SWSUSP1 image",
    b"S2SUSPEND\0": "SWSUSP2 image",
    b"ULSUSPEND\0": "uswsusp image",
    b"LINHIB0001": "compressed hibernate image",
    header.TUXONICE: "tuxonice image",
}


class Match(NamedTuple):
    """A signature that libblkid believes.

    :ivar offset: of its magic, from the start of the area.
    :ivar tags: ``TYPE``, ``VERSION`` and, where it tells them, ``LABEL`` and ``UUID``.
    """

    offset: int
    tags: dict[str, bytes]


class View(NamedTuple):
    """What one tool makes of the area.

    :ivar sees: whether it takes the area for what it is.
    :ivar says: what it reports, or why it does not.
    """

    tool: str
    sees: bool
    says: str


def matches(start: bytes, size: int) -> list[Match]:
    """Every swap signature that libblkid takes from an area of *size* bytes: none to two.

    Of suspended and of plain swap it takes the first signature each, by rising page size.
    """
    if size < FLOOR:
        return []
    found = [_suspended(start), None if start.startswith(TUXONICE) else _plain(start)]
    return [match for match in found if match is not None]


def erasable(start: bytes, size: int) -> list[Match]:
    """Every swap signature that wipefs(8) lists, as it probes again behind each that it found."""
    every, hidden = [], bytearray(start)
    while found := matches(bytes(hidden), size):
        every += found
        for match in found:
            hidden[match.offset : match.offset + len(TUXONICE)] = bytes(len(TUXONICE))
    return every


def views(target: Target, found: Inspection) -> list[View]:
    """What each tool sees of the area *found* in *target*."""
    if found.offset and found.partition is None:
        says = "looks at the start of the target only"
        here = f"{says}; blkid --probe --offset {found.offset} looks here"
        tools = ("wipefs", "swaplabel", "swapon -L, -U", "file")
        return [View("blkid", False, here), *(View(tool, False, says) for tool in tools)]
    blind, hidden = _why_not(found), _why_no_names(found.header)
    believed, places = _asked(target, found)
    return [
        _blkid(believed, places, blind, hidden),
        View("wipefs", bool(places), ", ".join(places) or blind),
        _swaplabel(matches(found.start, found.size), blind, hidden),
        _swapon(found, believed, blind or hidden),
        _file(found),
    ]


def _asked(target: Target, found: Inspection) -> tuple[Believed, list[str]]:
    """What libblkid says: what it takes the area for, and every signature in it.

    Where it is not here, or cannot read the target, what it would say of swap alone.
    """
    try:
        listed = blkid.signatures(target.fd, found.offset, found.size)
        places = [f"{old.type} at {old.offset - found.offset:#x}" for old in listed]
        return blkid.believed(target.fd, found.offset, found.size), places
    except OSError:
        seen = matches(found.start, found.size)
        places = [
            f"{match.tags['TYPE'].decode()} at {match.offset:#x}"
            for match in erasable(found.start, found.size)
        ]
        if len(seen) > 1 and found.size > TINY:
            return Believed({}, ambivalent=True), places
        return Believed(seen[0].tags if seen else {}), places


def _plain(start: bytes) -> Match | None:
    """``probe_swap``."""
    place = _first(start, (SWAP_SPACE, SWAPSPACE2))
    if place is None:
        return None
    offset, magic = place
    if magic == SWAP_SPACE:
        return Match(offset, {"TYPE": b"swap", "VERSION": b"0"})
    head = parse_as(start, offset + MAGIC_SIZE)
    if head.version != 1 or not head.last_page:
        return None
    return Match(offset, {"TYPE": b"swap", "VERSION": b"1", **dict(_names(head))})


def _suspended(start: bytes) -> Match | None:
    """``probe_swsuspend``."""
    if start.startswith(TUXONICE):
        place: tuple[int, bytes] | None = (0, b"tuxonice")
    else:
        place = _first(start, _SUSPENDED)
    if place is None:
        return None
    version = place[1].rstrip(b"\0").lower()
    names = dict(_names(parse_as(start, PAGE_SIZES[0])))  # the same bytes for every page size
    return Match(place[0], {"TYPE": b"swsuspend", "VERSION": version, **names})


def _first(start: bytes, magics: tuple[bytes, ...]) -> tuple[int, bytes] | None:
    for size in PAGE_SIZES:
        for magic in magics:
            # libblkid compares the nine letters of a suspend signature, not the NUL.
            if start[size - MAGIC_SIZE : size].startswith(magic.rstrip(b"\0")):
                return size - MAGIC_SIZE, magic
    return None


def _names(head: Header) -> Iterator[tuple[str, bytes]]:
    """``swap_set_info``: label and UUID, where two words of the padding let it trust them."""
    if any(head.padding[_TRUST]):
        return
    label = head.sws_volume.partition(b"\0")[0].rstrip()
    if label:
        yield "LABEL", label
    if head.uuid:
        yield "UUID", head.uuid.encode()


def _blkid(believed: Believed, places: list[str], blind: str, hidden: str) -> View:
    if believed.ambivalent:
        return View("blkid", False, f"ambivalent: {' and '.join(places)}")
    kind = believed.tags.get("TYPE")
    if kind is None and (blind or "PTTYPE" not in believed.tags):
        return View("blkid", False, blind)
    tags = " ".join(f'{name}="{_text(value)}"' for name, value in believed.tags.items())
    if kind not in (b"swap", b"swsuspend"):
        return View("blkid", False, f"takes it for something else: {tags}")
    return View("blkid", True, f"{tags} ({hidden})" if hidden else tags)


def _swaplabel(seen: list[Match], blind: str, hidden: str) -> View:
    plain = [match.tags for match in seen if match.tags["TYPE"] == b"swap"]
    if not plain:
        return View("swaplabel", False, blind or "not a valid swap partition: it is suspended")
    if plain[0]["VERSION"] != b"1":
        return View("swaplabel", False, "unsupported swap version '0'")
    names = [f"{name}: {_text(plain[0][name])}" for name in ("LABEL", "UUID") if name in plain[0]]
    nothing = f"prints nothing: {hidden or 'no label, no UUID'}"
    return View("swaplabel", True, ", ".join(names) or nothing)


def _swapon(found: Inspection, believed: Believed, blind: str) -> View:
    tool = "swapon -L, -U"
    if found.kind == "file" and found.partition is None:
        return View(tool, False, "looks for block devices only: give it the path")
    if believed.ambivalent:
        return View(tool, False, "finds nothing: more than one thing could be meant")
    kind = believed.tags.get("TYPE", b"swap")
    if kind not in (b"swap", b"swsuspend"):
        return View(tool, False, f"finds {_text(kind)} in place of it")
    names = [name for name in ("LABEL", "UUID") if name in believed.tags]
    if not names:
        return View(tool, False, blind or "finds no label and no UUID")
    return View(tool, True, "by " + " and ".join(names))


def _file(found: Inspection) -> View:
    head = found.header
    magic, tail = head.signature, ""
    if magic in _IMAGES:
        end = head.page_size - MAGIC_SIZE
        if found.page[end - MAGIC_SIZE : end] != SWAPSPACE2:
            return View("file", False, "data: it knows an image only behind SWAPSPACE2")
        tail = f", with {_IMAGES[magic]}"
    size = f"{head.page_size >> 10}k page size"
    if magic == SWAP_SPACE:
        return View("file", True, f"Linux old swap file, {size}")
    if magic not in (SWAPSPACE2, *_IMAGES):
        return View("file", False, "data: no swap signature at the end of a page")
    numbers = (
        f", {head.byte_order} endian, version 1, size {head.last_page} pages,"
        f" {head.nr_badpages} bad pages"
    )
    label = f"LABEL={_octal(head.sws_volume)}" if head.sws_volume[0] else "no label"
    uuid = head.uuid or "00000000-0000-0000-0000-000000000000"
    return View(
        "file",
        True,
        f"Linux swap file, {size}{numbers if head.version == 1 else ''}, {label},"
        f" UUID={uuid}{tail}",
    )


def _why_not(found: Inspection) -> str:
    """Why libblkid does not take the area; ``""`` where it does."""
    head = found.header
    if found.size < FLOOR:
        return f"nothing: libblkid does not look for swap in less than {FLOOR >> 10} KiB"
    if head.magic != SWAPSPACE2 or found.hibernation is not None:
        return ""
    if head.version != 1:
        return f"nothing: libblkid knows version 1 only, and this says {head.version}"
    return "" if head.last_page else "nothing: libblkid wants a last_page that is not 0"


def _why_no_names(head: Header) -> str:
    """Why libblkid does not tell a label or UUID that is there; ``""`` where it does."""
    if (head.label or head.uuid) and any(head.padding[_TRUST]):
        return "no LABEL and UUID: words 32 and 33 of the padding are not zero"
    return ""


def _octal(label: bytes) -> str:
    r"""A label as file(1) prints it: its first line, and ``\033`` for what is no ASCII text."""
    line = re.split(b"[\0\r\n]", label, maxsplit=1)[0]
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in line)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
