# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes, limits and UUIDs as people write them, and text made safe for terminals and shells."""

from __future__ import annotations

import re
from typing import NamedTuple

from ghostswap.errors import UsageError

_SUFFIXES = "KMGTPEZY"
_LONGEST = 64  # characters of a size; Python itself reads no numbers of many thousands
#: Compiled where it is first used: most commands read no size. The base of the whole part goes by
#: its prefix, as strtoumax(3) with base 0 has it.
_SIZE = (
    r"(?P<whole>0[xX][0-9a-fA-F]+|[0-9]+)(?:[.,](?P<fraction>[0-9]+))?"
    r"(?:(?P<suffix>[KMGTPEZYkmgtpezy])(?P<unit>iB|B)?)?"
)


def parse_size(text: str) -> int:
    """Read a size in bytes as util-linux does: ``64G``, ``1.5M``, ``10KiB``, ``10KB``, ``0x10000``.

    ``K`` and ``KiB`` are 1024, ``KB`` is 1000; a leading ``0`` means octal; a fraction
    needs a suffix.

    :raises UsageError: where *text* is not such a size.

    >>> parse_size("1.5M"), parse_size("10KB"), parse_size("0x10000")
    (1572864, 10000, 65536)
    """
    match = re.fullmatch(_SIZE, text.strip()) if len(text) <= _LONGEST else None
    if match is None or (match["fraction"] and not match["suffix"]):
        raise UsageError(
            f'invalid size: "{printable(text[:_LONGEST])}"', "write it as 4096, 512K, 1.5G or 64GiB"
        )
    whole = match["whole"]
    try:
        number = (
            int(whole, 16)
            if whole[:2] in ("0x", "0X")
            else int(whole, 8 if whole[0] == "0" else 10)
        )
    except ValueError:
        raise UsageError(f"invalid octal number in size: {text!r}") from None
    if not match["suffix"]:
        return number
    power = _SUFFIXES.index(match["suffix"].upper()) + 1
    unit: int = (1000 if match["unit"] == "B" else 1024) ** power
    digits = match["fraction"] or ""
    return number * unit + (int(digits) * unit // 10 ** len(digits) if digits else 0)


class Limit(NamedTuple):
    """What a process may have.

    :ivar number: bytes, of which the kernel takes its part; or page frames that are all the
        process's own, as simulators of caches count.
    :ivar in_frames: which of the two.
    """

    number: int
    in_frames: bool


def parse_limit(text: str) -> Limit:
    """Read ``512M``, a size with its unit, or ``1000``, a plain number of page frames.

    :raises UsageError: where *text* is neither, or nothing at all.

    >>> parse_limit("512M"), parse_limit("1000")
    (Limit(number=536870912, in_frames=False), Limit(number=1000, in_frames=True))
    """
    in_frames = re.fullmatch("[0-9]{1,18}", text) is not None
    limit = Limit(int(text) if in_frames else parse_size(text), in_frames)
    if not limit.number:
        raise UsageError("a process needs some memory", "write 512M, or page frames as 1000")
    return limit


_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Read a time of more than nothing, in seconds: ``1s``, ``500ms``, ``1.5m``, ``2h``, ``60``.

    :raises UsageError: where *text* is not such a time.
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|)", text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not seconds:
        raise UsageError(
            f'not a time: "{printable(text[:_LONGEST])}"', "write it as 500ms, 1s or 5m"
        )
    return seconds


def format_size(size: int) -> str:
    """Write *size* bytes with the largest binary unit and one decimal, as mkswap prints it.

    >>> format_size(1044480), format_size(1568768)
    ('1020 KiB', '1.5 MiB')
    """
    if size < 0:
        return f"-{format_size(-size)}"
    exponent = min((max(size, 1).bit_length() - 1) // 10, len(_SUFFIXES))
    if exponent == 0:
        return f"{size} B"
    whole, rest = divmod(size, 1 << 10 * exponent)
    # util-linux cuts to thousandths first and rounds those: 1.9499 stays 1.9, as 1.95 does not.
    tenths = (rest * 1000 // (1 << 10 * exponent) + 50) // 100
    whole, tenths = (whole + 1, 0) if tenths == 10 else (whole, tenths)
    return f"{whole}{f'.{tenths}' if tenths else ''} {_SUFFIXES[exponent - 1]}iB"


def exact_size(size: int) -> str:
    """Write *size* bytes for an option that takes a size, with the largest suffix that is exact.

    >>> exact_size(64 << 30), exact_size(40960), exact_size(1000)
    ('64G', '40K', '1000')
    """
    exponent = 0
    while size and size % 1024 == 0 and exponent < len(_SUFFIXES):
        size //= 1024
        exponent += 1
    return f"{size}{_SUFFIXES[exponent - 1] if exponent else ''}"


def format_uuid(raw: bytes) -> str:
    """The 16 bytes of a UUID as text, lower case."""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def printable(text: str) -> str:
    r"""Escape what a terminal would obey or cannot show: control characters, lone surrogates.

    >>> printable("a\x1b[31mred")
    'a\\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def shell_word(path: str) -> str:
    r"""A path as it must stand in a command line, to be shown: nothing in it is an option or odd.

    Where it holds what cannot be shown, it takes a shell that knows ``$'...'``, as most do.

    >>> shell_word("-swap file"), shell_word("a\x1b")
    ("'./-swap file'", "$'a\\x1b'")
    """
    return shell_quoted(f"./{path}" if path.startswith("-") else path)


def shell_quoted(text: str) -> str:
    """A word of a command line, an option too, as it must stand there; see :func:`shell_word`."""
    import shlex  # which most commands do without

    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _bytes(c) for c in escaped) + "'"


def _bytes(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
