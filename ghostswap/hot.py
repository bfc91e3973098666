# SPDX-License-Identifier: GPL-2.0-or-later
"""The hot modules, which run once a touch, a fault or a page: compiled, all of them or none.

setup.py has Cython compile them from their ``.py``, with a ``.pxd`` beside each that says what is a
word of the machine. All go into one library, named for the sources that it was made of, and only
with these sources is it used. Without it Python runs the sources themselves: equal to the integer,
and some ten times slower. CONTRIBUTING.md says how to change one.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache

TYPE_CHECKING = False  # as in __init__, which needs this module
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

MODULES = (
    "ghostswap.designs.backend",
    "ghostswap.designs.slotted",
    "ghostswap.designs.virtual",
    "ghostswap.mm.columns",
    "ghostswap.mm.memcontrol",
    "ghostswap.mm.noted_lists",
    "ghostswap.mm.swap.clusters",
    "ghostswap.mm.swap.in_order",
    "ghostswap.mm.swap.isolated_clusters",
    "ghostswap.mm.swap.scan_swap_map",
    "ghostswap.mm.swap.slot_map",
    "ghostswap.mm.swap.space",
    "ghostswap.mm.swap.swap_info",
    "ghostswap.mm.swap.swapfile",
    "ghostswap.mm.vmscan.chooser",
    "ghostswap.mm.vmscan.exact_lru",
    "ghostswap.mm.vmscan.lruvec",
    "ghostswap.mm.vmscan.memory",
    "ghostswap.mm.vmscan.pageout",
    "ghostswap.mm.vmscan.two_lists",
    "ghostswap.mm.zpool.api",
    "ghostswap.mm.zpool.list_head",
    "ghostswap.mm.zpool.zbud",
    "ghostswap.mm.zpool.zsmalloc",
    "ghostswap.mm.zram",
    "ghostswap.mm.zswap.entries",
    "ghostswap.mm.zswap.writeback",
    "ghostswap.mm.zswap.zswap",
)
#: What to do where something was not compiled; pip keeps a wheel that it made without a compiler.
CURE = "install gcc python3-dev and reinstall with --no-cache-dir"
#: What all of them share; it is in the library, and has no source here.
SHARED = "ghostswap._shared"

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def sources(package: str = _PACKAGE) -> list[str]:
    """The paths of all hot modules' ``.py``."""
    return [os.path.join(package, *name.split(".")[1:]) + ".py" for name in MODULES]


def library(package: str = _PACKAGE) -> str:
    """The path of the library that would be made of the sources as they are."""
    from importlib.machinery import EXTENSION_SUFFIXES
    from zlib import crc32

    digest = 0
    for path in sources(package):
        for each in (path, path.removesuffix(".py") + ".pxd"):
            with open(each, "rb") as file:
                digest = crc32(file.read(), digest)
    return os.path.join(package, f"_hot.{digest:08x}{EXTENSION_SUFFIXES[0]}")


def obstacle() -> str:
    """Why the hot modules are not compiled, and the cure; ``""`` where they are."""
    return _look()[1]


@lru_cache(None)  # once: a package that is half of each could not be imported
def _look() -> tuple[str | None, str]:
    """The library, or why there is none."""
    if os.environ.get("GHOSTSWAP_PURE"):
        return None, "not used: GHOSTSWAP_PURE is set"
    path = library()
    if not os.path.exists(path):
        others = any(name.startswith("_hot.") for name in os.listdir(_PACKAGE))
        why = "changed since they were compiled" if others else "not compiled"
        return None, f"{why}: {CURE}"
    try:
        _load(SHARED, path)
    except ImportError as error:  # of another C library, say
        return None, f"the library does not load ({error}): {CURE}"
    return path, ""


def _load(name: str, path: str) -> None:
    from importlib.util import module_from_spec

    spec = _spec(name, path)
    module = sys.modules[name] = module_from_spec(spec)
    if spec.loader is not None:
        spec.loader.exec_module(module)


def _spec(name: str, path: str) -> ModuleSpec:
    from importlib.machinery import ExtensionFileLoader, ModuleSpec

    spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
    spec.has_location = True  # so that the module has a __file__
    return spec


class Finder:
    """Finds hot modules in the library, where it is there; a ``sys.meta_path`` finder."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> ModuleSpec | None:
        """The library's *name*; ``None`` for others to find."""
        if name not in MODULES:
            return None
        found, _ = _look()
        return None if found is None else _spec(name, found)
