# SPDX-License-Identifier: GPL-2.0-or-later
"""The hot modules, which run once a touch, a fault or a page: compiled, all of them or none.

A module is hot where a ``.pxd`` lies beside its ``.py``. setup.py compiles them into one library,
named for the sources that it was made from, and only with these sources is it used. Without it
Python runs the sources themselves, equal to the integer and some ten times slower.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGE = os.path.join(_ROOT, "ghostswap")
#: What all compiled modules share; it is in the library, and has no source here.
SHARED = "ghostswap._shared"


def sources(package: str = _PACKAGE) -> list[str]:
    """The paths of all hot modules' ``.py``, in order."""
    found = []
    for folder, folders, files in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        found += [os.path.join(folder, name) for name in sorted(files) if name.endswith(".pxd")]
    return [path.removesuffix(".pxd") + ".py" for path in found]


def library(package: str = _PACKAGE) -> str:
    """The path of the library that would be made of the sources as they are."""
    from importlib.machinery import EXTENSION_SUFFIXES
    from zlib import crc32

    digest = 0
    for path in sources(package):
        for each in (path, path.removesuffix(".py") + ".pxd"):
            with open(each, "rb") as file:
                digest = crc32(file.read(), digest)
    return os.path.join(package, f"_hot-{digest:08x}{EXTENSION_SUFFIXES[0]}")


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
        others = any(name.startswith("_hot-") for name in os.listdir(_PACKAGE))
        why = "changed since they were compiled" if others else "not compiled"
        return None, f"{why}: install gcc python3-dev and reinstall"
    try:
        _load(SHARED, path)
    except ImportError as error:  # of another C library, say
        return None, f"the library does not load: install gcc python3-dev and reinstall ({error})"
    return path, ""


def _load(name: str, path: str) -> ModuleType:
    from importlib.util import module_from_spec

    spec = _spec(name, path)
    module = sys.modules[name] = module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module


def _spec(name: str, path: str) -> ModuleSpec:
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import spec_from_file_location

    spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
    assert spec is not None
    return spec


class Finder:
    """Finds hot modules in the library, where it is there; a ``sys.meta_path`` finder."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> ModuleSpec | None:
        if not name.startswith("ghostswap."):
            return None
        if not os.path.exists(os.path.join(_ROOT, *name.split(".")) + ".pxd"):
            return None
        found, _ = _look()
        return None if found is None else _spec(name, found)
