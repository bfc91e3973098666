# SPDX-License-Identifier: GPL-2.0-or-later
"""Hibernation images: how an area shows that it holds one, and what becomes of it.

Modelled: ``mark_swapfiles`` and ``swsusp_check`` in kernel/power/swap.c, Linux 6.18;
``struct swsusp_header`` of suspend-utils; ``tuxonice_bio_signature.c``; ``swap_rewrite_signature``
in sys-utils/swapon.c, util-linux 2.43.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntFlag
from typing import Any, NamedTuple

from ghostswap.area.header import layout
from ghostswap.area.header.header import TUXONICE, Field, Header

#: Who writes a signature, and whether its header is the kernel's, uswsusp's, or not known.
_WRITERS = {
    b"S1SUSPEND\0": ("the kernel", layout.swsusp_header),
    b"LINHIB0001": ("the kernel, in some releases of 2.6", layout.swsusp_header),
    b"ULSUSPEND\0": ("uswsusp, s2disk", layout.uswsusp_header),
    b"S2SUSPEND\0": ("an old software suspend", None),
    TUXONICE: ("TuxOnIce, a kernel patch", None),
}
#: What an unpatched kernel compares with, its NUL included (``HIBERNATE_SIG``).
_HIBERNATE_SIG = b"S1SUSPEND\0"


class Flag(IntFlag):
    """``SF_*`` (kernel/power/power.h, Linux 6.18)."""

    PLATFORM_MODE = 1
    NOCOMPRESS_MODE = 2
    CRC32_MODE = 4  # since 3.2: crc32 holds
    HW_SIG = 8  # since 5.17: hw_sig holds
    COMPRESSION_ALG_LZ4 = 16  # since 6.9: else LZO


class Hibernation(NamedTuple):
    """The image's header, which stands at the end of the area's first page.

    Everything that its writer does not keep there is ``None``.

    :ivar signature: in place of the swap signature; of TuxOnIce, perhaps in front of the area.
    :ivar resumable: an unpatched kernel knows the image by itself.
    :ivar orig_sig: the swap signature that resuming puts back.
    :ivar image_offset: where the image starts, in bytes from the start of the *device* that
        holds the area (not of a swap file).
    :ivar flags: ``SF_*``.
    :ivar crc32: of the image's data, where the flags say that it holds.
    :ivar hw_sig: of the machine's firmware, where the flags say that it holds.
    """

    signature: str
    writer: str
    orig_sig: bytes | None
    image_offset: int | None = None
    flags: Flag | None = None
    crc32: int | None = None
    hw_sig: int | None = None
    resumable: bool = False


def find(start: bytes, header: Header) -> Hibernation | None:
    """The hibernation image that an area speaks of, given its *start* and its *header*."""
    if start.startswith(layout.TUXONICE):
        return Hibernation("TuxOnIce", _WRITERS[TUXONICE][0], header.magic)
    magic = header.signature
    if magic is None or magic not in _WRITERS:
        return None
    signature = "TuxOnIce" if magic == TUXONICE else magic.rstrip(b"\0").decode("ascii")
    writer, struct = _WRITERS[magic]
    if struct is None:
        return Hibernation(signature, writer, None)
    parts = struct(header.byte_order)
    page = start[: header.page_size].ljust(header.page_size, b"\0")  # of a file that is cut off
    found: Any = parts.parse(page[-parts.sizeof() :])
    if "flags" not in found:  # uswsusp: image is a loff_t, no page number
        return Hibernation(signature, writer, found.orig_sig, found.image)
    flags = Flag(found.flags)
    return Hibernation(
        signature,
        writer,
        found.orig_sig,
        found.image * header.page_size,
        flags,
        found.crc32 if flags & Flag.CRC32_MODE else None,
        found.hw_sig if flags & Flag.HW_SIG else None,
        header.magic == _HIBERNATE_SIG,
    )


def fields(header: Header) -> Iterator[Field]:
    """The fields at the end of a suspended area's page, with their offsets in the area."""
    struct = _WRITERS.get(header.signature or b"", ("", None))[1]
    if struct is None:
        return
    parts = struct(header.byte_order)
    offset = header.page_size - parts.sizeof()
    for part in parts.subcons:
        yield Field(part.name, offset, part.sizeof())
        offset += part.sizeof()


def flag_names(flags: Flag) -> list[str]:
    """The names of the flags that are set, as the kernel writes them; unknown bits as a number."""
    known = [f"SF_{flag.name}" for flag in Flag if flag in flags]
    unknown = int(flags) & ~sum(Flag)
    return [*known, f"{unknown:#x}"] if unknown else known


def consequences(found: Hibernation, header: Header) -> dict[str, str]:
    """What each way to go on does to the image and to the area."""
    if found.signature == "TuxOnIce" and header.signature != TUXONICE:
        return {
            "resume": "only a kernel with the TuxOnIce patch resumes; others see no image",
            "swapon": "does not see the image: switches the area on and overwrites it, and"
            " TuxOnIce would still try to resume from what is left",
            "mkswap": "discards the image: zeroes this signature and makes the area new",
        }
    if found.resumable:
        restored = _restored(found.orig_sig)
        resume = (
            f"booting with resume= first {restored}, whatever comes after, then loads the image:"
            " an image is tried once"
        )
        if found.hw_sig is not None:
            resume += f"; it is refused where the firmware's signature is not {found.hw_sig:#x}"
    elif header.signature == _HIBERNATE_SIG:
        resume = "no kernel knows S1SUSPEND without its NUL: it sees no image"
    else:
        resume = f"no kernel of today knows {found.signature}: only its writer resumes"
    if header.page_size == 32768:  # swap_get_header() skips this size
        swapon = "swapon(8) does not look for 32 KiB pages, and the kernel refuses the area"
    else:
        swapon = "swapon(8) discards the image: it writes SWAPSPACE2 back and switches the area on"
    return {
        "resume": resume,
        "swapon": swapon,
        "mkswap": "discards the image and makes the area new, with another UUID unless --uuid"
        " names this one",
    }


def _restored(orig_sig: bytes | None) -> str:
    name = (orig_sig or b"").rstrip(b"\0").decode("latin-1")
    return f"puts {name} back" if name else "puts back an empty signature, so that no swap is left"
