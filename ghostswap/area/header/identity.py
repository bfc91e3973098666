# SPDX-License-Identifier: GPL-2.0-or-later
"""Label and UUID of an area: what people may write, and the header bytes it becomes."""

from __future__ import annotations

import re
import uuid

from ghostswap.errors import UsageError
from ghostswap.units import printable

#: Bytes of a label that mkswap and swaplabel write; ``sws_volume`` has one more, for a NUL.
LABEL_SIZE = 15

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def encode_label(text: str) -> tuple[bytes, bool]:
    """The label's bytes, at most :data:`LABEL_SIZE`, and whether it had to be cut.

    A label is cut between characters, never inside one.

    :raises UsageError: where it holds control characters, which a terminal would obey later.
    """
    if any(not c.isprintable() and not _undecoded(c) for c in text):
        raise UsageError(
            f'the label "{printable(text)}" holds control characters',
            "a label is text that can be shown on one line",
        )
    whole = text.encode("utf-8", "surrogateescape")
    if len(whole) <= LABEL_SIZE:
        return whole, False
    end = LABEL_SIZE
    while end and whole[end] & 0xC0 == 0x80:  # a continuation byte: step back to its start
        end -= 1
    return whole[:end], True


def parse_uuid(text: str) -> bytes:
    """The 16 bytes of a UUID given as mkswap takes it: 36 characters, clear, random or time.

    :raises UsageError: for anything else.
    """
    if text == "clear":
        return bytes(16)
    if text == "random":
        return uuid.uuid4().bytes
    if text == "time":
        return uuid.uuid1().bytes
    if not _UUID.fullmatch(text):
        raise UsageError(
            f'not a UUID: "{printable(text)}"',
            "write 8-4-4-4-12 hexadecimal digits, or clear, random or time",
        )
    return uuid.UUID(text).bytes


def _undecoded(character: str) -> bool:
    """Whether this stands for a byte of the command line that is not UTF-8."""
    return "\udc80" <= character <= "\udcff"
