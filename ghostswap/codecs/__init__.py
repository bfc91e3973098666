# SPDX-License-Identifier: GPL-2.0-or-later
"""Name of a compressor -> lengths of pages, and the bytes of one, as a kernel would get them."""

from __future__ import annotations

from collections.abc import Iterable

from ghostswap import kernels
from ghostswap.codecs.algorithms import (
    COMPILED,
    REFUSED,
    Admission,
    Codec,
    Compiled,
    Deflate,
    Lz4Frame,
    Lz4hc,
    Zstd,
)
from ghostswap.compiled import CODECS, obstacle
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernels import Filled
from ghostswap.mm.zpool.size_class import huge_class_size, size_classes
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.units import printable

__all__ = ["REFUSED", "Codec", "get", "names"]


_NAMES = ("lz4", "lz4hc", "lzo", "lzo-rle", "zstd", "deflate")
_DESIGNS = ("zswap", "zram")


def names() -> tuple[str, ...]:
    """Give the compressors known, by the kernel's names."""
    return _NAMES


def get(name: str, kernel: str = "6.12", design: str = "zswap") -> Codec:
    """Give the compressor *name* as zswap or zram of a kernel use it.

    :param kernel: ``6.1``, ``6.6``, ``6.12``, ``6.18`` or ``ghost``.
    :param design: ``zswap`` or ``zram``.
    :raises UsageError: where one of the three is not known.
    :raises GhostswapError: where *name* needs the compiled module and that was not built.
    """
    if name == "842":
        raise UsageError("842 has no library here, so its lengths are unknown", _listed(_NAMES))
    for what, given, known in (("compressor", name, _NAMES), ("design", design, _DESIGNS)):
        if given not in known:
            raise UsageError(f'unknown {what}: "{printable(given)}"', _listed(known))
    rules = kernels.get(kernel)
    if design == "zram":
        huge = huge_class_size(size_classes(rules=rules.zsmalloc))
        admission = Admission(Filled.SAME, huge - 1, PAGE_SIZE)
    else:
        # zswap offers 4096 bytes, and zlib fails where its output just fills them.
        limit = PAGE_SIZE - (name == "deflate")
        admission = Admission(rules.zswap_filled, limit, REFUSED)
    match name:
        case "lz4hc":
            return Lz4hc(name, admission)
        case "zstd":
            return Zstd(name, admission, rules.zstd, rules.zstd_hint[design])
        case "deflate":
            return Deflate(name, admission)
        case _ if COMPILED:
            return Compiled(name, admission)
        case "lz4":
            return Lz4Frame(name, admission)
    raise GhostswapError(f"{name} is had by ghostswap's compiled module only", obstacle(CODECS))


def _listed(known: Iterable[str]) -> str:
    return f"known: {', '.join(known)}"
