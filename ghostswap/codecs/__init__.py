# SPDX-License-Identifier: GPL-2.0-or-later
"""Name of a compressor -> what pages measure as, and the bytes of one, as a kernel gets them.

Lives here: the compressors (algorithms), measuring on all cores (measure), and the views of a
measure that zswap and zram have (views). May come in: designs and all above.
"""

from __future__ import annotations

from collections.abc import Iterable

from ghostswap import __version__, kernels
from ghostswap.codecs.algorithms import (
    COMPILED,
    Codec,
    Compiled,
    Deflate,
    Lz4Frame,
    Lz4hc,
    Zstd,
)
from ghostswap.compiled import CODECS, obstacle
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.units import printable

__all__ = ["Codec", "check_identity", "get", "identity", "names"]

_NAMES = ("lz4", "lz4hc", "lzo", "lzo-rle", "zstd", "deflate")
_DESIGNS = ("zswap", "zram")


def names() -> tuple[str, ...]:
    """Give the compressors known, by the kernel's names."""
    return _NAMES


def get(name: str, kernel: str = "6.12", design: str = "zswap") -> Codec:
    """Give the compressor *name* as zswap or zram of a kernel use it.

    :param kernel: a name that :func:`ghostswap.kernels.get` knows.
    :param design: ``zswap`` or ``zram``, which only zstd tells apart.
    :raises UsageError: where one of the three is not known.
    :raises GhostswapError: where *name* needs the compiled module and that was not built.
    """
    if name == "842":
        raise UsageError("842 has no library here, so its lengths are unknown", _listed(_NAMES))
    for what, given, known in (("compressor", name, _NAMES), ("design", design, _DESIGNS)):
        if given not in known:
            raise UsageError(f'unknown {what}: "{printable(given)}"', _listed(known))
    zstd = kernels.get(kernel).zstd
    match name:
        case "lz4hc":
            return Lz4hc(name)
        case "zstd":
            return Zstd(name, zstd.version, zstd.zram_hint if design == "zram" else zstd.zswap_hint)
        case "deflate":
            return Deflate(name)
        case _ if COMPILED:
            return Compiled(name)
        case "lz4":
            return Lz4Frame(name)
    raise GhostswapError(f"{name} is had by ghostswap's compiled module only", obstacle(CODECS))


def identity(name: str, kernel: str, design: str) -> str:
    """All that may make another number of a page's: the version here, and the compressor's.

    :raises GhostswapError: as :func:`get`.
    """
    codec = get(name, kernel, design)
    return f"ghostswap {__version__}, {codec.key}{codec.error and f' ({codec.error})'}"


def check_identity(task: str, own: str, asking: str) -> None:
    """Refuse *task* where this :func:`identity` is not that of who asks.

    :raises GhostswapError: what to do about it.
    """
    if own != asking:
        raise GhostswapError(
            f"{task}: a worker has {own}; here is {asking}", "install on all workers what is here"
        )


def _listed(known: Iterable[str]) -> str:
    return f"known: {', '.join(known)}"
