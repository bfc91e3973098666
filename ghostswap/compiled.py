# SPDX-License-Identifier: GPL-2.0-or-later
"""What of ghostswap is compiled here, and what to do where it is not.

setup.py builds the modules where there is a compiler, and does without where there is none.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from ghostswap.hot import CURE

CODECS = "ghostswap.codecs._codecs"
#: Each compiled module, and what it has.
MODULES = {CODECS: "lz4, lzo and lzo-rle, after the kernel's, and stack distances"}


def obstacle(name: str) -> str:
    """Why the compiled module *name* is not there, and the cure; ``""`` where it is."""
    try:
        import_module(name)
    except ImportError as error:
        if find_spec(name) is None:
            return f"no compiled module: {CURE}"
        return f"the compiled module does not load ({error}): {CURE}"
    return ""
