# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard modules that libraries import and hardly a command uses: loaded once one does.

As ``lazy import`` of Python 3.15 would, which libraries cannot say yet.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

#: construct's debugger and hashes, with which OpenSSL comes; what ``inspect`` reads sources with.
#: One of which somebody takes a name at once is loaded at once: then it spares nothing.
_MODULES = ("hashlib", "pdb", "tokenize", "traceback")


class _Spared(ModuleType):
    """Stands for a module until something is asked of it.

    :class:`importlib.util.LazyLoader` will not do: ``import`` looks at ``__spec__``, and with that
    it loads.
    """

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def spare() -> None:
    """Put those off that are not loaded yet; before the libraries are imported."""
    for name in _MODULES:
        sys.modules.setdefault(name, _Spared(name))
