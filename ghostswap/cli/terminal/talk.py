# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said without rich: JSON on stdout; notes, errors and cures on stderr.

Whatever is printed already goes out first, so that what is said stands behind it where both go to
one place.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from ghostswap.units import printable


def emit_json(result: Any) -> None:
    """Print *result* as JSON; control characters and odd bytes in it are escaped."""
    import json  # which costs, and most commands mostly do without

    print(json.dumps(result, indent=2))


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
