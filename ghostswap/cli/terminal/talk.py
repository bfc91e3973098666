# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said without rich: JSON on stdout; notes, errors and cures on stderr."""

from __future__ import annotations

import sys
from typing import Any

from ghostswap.units import printable


def emit_json(result: Any) -> None:
    """Print *result* as JSON; control characters and odd bytes in it are escaped."""
    import json  # which costs, and most commands mostly do without

    print(json.dumps(result, indent=2))


def note(text: str, prefix: str = "note: ") -> None:
    """Say something beside the result, on a line of its own."""
    print(f"{prefix}{printable(text)}", file=sys.stderr)


def complain(message: str, hint: str = "") -> None:
    """Say what is wrong and, on a second line, what to do about it."""
    print(f"ghostswap: {printable(message)}", file=sys.stderr)
    if hint:
        print(f"  {printable(hint)}", file=sys.stderr)
