# SPDX-License-Identifier: GPL-2.0-or-later
"""What else may lie in an area, as (offset, bytes), whole enough for any libblkid to believe it."""

from __future__ import annotations

#: A directory of volumes: its type, its magic.
ISO9660 = (0x8000, b"\1CD001\1".ljust(2048, b" "))
#: The second header of LUKS 2: its magic and version, and at byte 256 where it lies, which libblkid
#: 2.41 compares.
LUKS2 = (0x4000, b"SKUL\xba\xbe\0\2".ljust(256, b"\0") + (0x4000).to_bytes(8, "big"))
REISERFS = (0x10034, b"ReIsErFs")
LINUX_RAID = (0x1000, b"\xfc\x4e\x2b\xa9\1".ljust(256, b"\0"))


def jmicron(size: int) -> tuple[int, bytes]:
    """A RAID member's last sector in an area of *size* bytes; its words add up to nothing."""
    words = [int.from_bytes(b"JM", "little"), *[0] * 62]
    words.append(-sum(words) & 0xFFFF)
    return size - 512, b"".join(word.to_bytes(2, "little") for word in words)
