# SPDX-License-Identifier: GPL-2.0-or-later
"""One file a release: what is new in it, as a delta of the one before, with its source.

A new release is a new file here, ``v7_4.py`` or so, with a ``KERNEL``. The records that a row is
made of are in rules. Data only, so everybody above the ground may come in.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ghostswap.errors import UsageError
from ghostswap.kernels.rules import Kernel
from ghostswap.units import printable


def _number(release: str) -> tuple[int, ...]:
    """``6.12.3-arch1`` as (6, 12); what is no number is left out."""
    parts = release.split("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())


def _rows() -> dict[str, Kernel]:
    names = (module.name for module in iter_modules(__path__) if module.name != "rules")
    rows: list[Kernel] = [import_module(f"{__name__}.{name}").KERNEL for name in names]
    rows.sort(key=lambda kernel: (not kernel.released, _number(kernel.name)))
    return {kernel.name: kernel for kernel in rows}


#: All rows by name, releases first and in order.
KERNELS = _rows()
#: Names of the releases, in order.
RELEASES = tuple(name for name, kernel in KERNELS.items() if kernel.released)

#: Every counter that some kernel has, so that JSON has the same keys for all of them.
DEBUGFS = tuple(dict.fromkeys(name for row in KERNELS.values() for name in row.zswap.debugfs))
VMSTAT = tuple(dict.fromkeys(name for row in KERNELS.values() for name in row.vmstat))
#: Every allocator that zswap of some kernel can use.
ZPOOLS = tuple(
    dict.fromkeys(zpool for row in reversed(KERNELS.values()) for zpool in row.zswap.zpools)
)


def get(name: str) -> Kernel:
    """The row of kernel *name*.

    :raises UsageError: for one that is not known, naming those that are.
    """
    try:
        return KERNELS[name]
    except KeyError:
        known = f"known: {', '.join(KERNELS)}"
        raise UsageError(f'unknown kernel: "{printable(name)}"', known) from None


def nearest(release: str) -> tuple[Kernel, bool]:
    """The kernel whose rules a machine with *release* (``uname -r``) follows.

    :return: the newest release that is not newer, and whether it is that very one.

    >>> kernel, exactly = nearest("6.14.2-arch1")
    >>> kernel.name, exactly
    ('6.12', False)
    """
    wanted = _number(release)
    known = [KERNELS[name] for name in RELEASES]
    fitting = [kernel for kernel in known if _number(kernel.name) <= wanted]
    chosen = fitting[-1] if fitting else known[0]
    return chosen, _number(chosen.name) == wanted


def running(release: str) -> tuple[Kernel, bool]:
    """The kernel that stands for the running one in a simulation or a judgement.

    :param release: ``uname -r``.
    :return: :func:`nearest`, or the newest there is for a *release* older than all that are known.
    """
    chosen, known = nearest(release)
    if known or _number(chosen.name) < _number(release):
        return chosen, known
    return get(RELEASES[-1]), False
