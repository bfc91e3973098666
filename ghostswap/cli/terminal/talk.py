# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said without rich: JSON on stdout; notes, errors and cures on stderr.

Whatever is printed already goes out first, so that what is said stands behind it where both go to
one place.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import Any

from ghostswap.units import printable


def emit_json(result: Any) -> None:
    """Print *result* as JSON, all of it ASCII; text in it as :func:`json_text` has it."""
    import json  # which costs, and most commands mostly do without

    print(json.dumps(_without_surrogates(result), indent=2))


def json_text(text: str) -> str:
    r"""Text for JSON: a byte 0xHH that is no UTF-8 stands as the character U+EFHH.

    A character from U+EF80 to U+EFFF that is in the text itself, which is for private use, comes
    as its three bytes would. So every JSON parser takes it, and every text can be told again: those
    characters are bytes, and all others are themselves.

    >>> json_text("swap\udcff") == "swap\uefff"
    True
    """
    if text.isascii():
        return text
    return re.sub("[\uef80-\uefff\udc80-\udcff]", _as_bytes, text)


def _as_bytes(match: re.Match[str]) -> str:
    return "".join(chr(0xEF00 + byte) for byte in match[0].encode("utf-8", "surrogateescape"))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return json_text(value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(each) for each in value]
    return value


def note(text: str, prefix: str = "note: ") -> None:
    """Say something beside the result, on a line of its own."""
    _say(f"{prefix}{printable(text)}")


def complain(message: str, hint: str = "") -> None:
    """Say what is wrong and, on a second line, what to do about it."""
    _say(f"ghostswap: {printable(message)}")
    if hint:
        _say(f"  {printable(hint)}")


def _say(line: str) -> None:
    with suppress(OSError):  # who prints the result is told
        sys.stdout.flush()
    print(line, file=sys.stderr)
