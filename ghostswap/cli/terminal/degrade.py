# SPDX-License-Identifier: GPL-2.0-or-later
"""Output where the locale lacks characters of ours: others that look like them."""

from __future__ import annotations

import codecs
import io
import sys

_HANDLER = "ghostswap"
_LIKE = {"─": "-", "━": "-", "╸": "-", "╺": "-", "█": "#", "…": "...", "±": "+-"}
_LIKE |= dict(zip("▁▂▃▄▅▆▇", ".:-=+*%", strict=True))


def can_show(text: str) -> bool:
    """Whether standard output has all characters of *text*."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def degrade_output() -> None:
    """Have what standard output and error cannot show replaced, whatever is printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.startswith("utf"):
            codecs.register_error(_HANDLER, _replace)
            stream.reconfigure(errors=_HANDLER)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(map(_like, missing)), error.end


def _like(character: str) -> str:
    return _LIKE.get(character) or character.encode("ascii", "backslashreplace").decode()
