# SPDX-License-Identifier: GPL-2.0-or-later
"""A workbench for Linux swap: areas on disk, memory in pages, and what the kernel does.

Scripts find ``inspect``, ``judge``, ``measure``, ``simulate`` and ``replay`` here, and ``Host``,
``Group`` and ``Area`` to describe a machine with; see :mod:`ghostswap.api`. All else is the
house's own and may change.
"""

from __future__ import annotations

import sys

from ghostswap.hot import Finder

TYPE_CHECKING = False  # typing's own would cost `--version` as much as all the rest
if TYPE_CHECKING:
    from ghostswap.api import Area, Group, Host, inspect, judge, measure, replay, simulate

# Before any of the modules that it finds.
sys.meta_path.insert(0, Finder)

__version__ = "0.1.0"
__all__ = ["Area", "Group", "Host", "inspect", "judge", "measure", "replay", "simulate"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Only then: start-up is felt.
    from importlib import import_module

    return getattr(import_module("ghostswap.api"), name)
