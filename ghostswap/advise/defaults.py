# SPDX-License-Identifier: GPL-2.0-or-later
"""What distributions and tools set by themselves, as rules of the memory, with their sources.

Only those whose rule is written down somewhere are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from ghostswap.designs import metadata
from ghostswap.page import PAGE_SIZE

_MIB, _GIB = 1 << 20, 1 << 30
#: What the kernel's zram compresses with unless told otherwise.
ZRAM_COMPRESSOR = "lzo-rle"


class Default(NamedTuple):
    """A rule.

    :ivar size: memory, and free disk, in bytes -> bytes of the area; 0 for none.
    :ivar compressor: ``""`` for a design that has none.
    :ivar rule: in words.
    :ivar source: its address.
    """

    name: str
    design: Literal["zram", "disk"]
    compressor: str
    size: Callable[[int, int], int]
    rule: str
    source: str


def _anaconda(ram: int, free: int) -> int:  # noqa: ARG001
    if ram < 2 * _GIB:
        return 2 * ram
    if ram <= 8 * _GIB:
        return ram
    return ram // 2 if ram <= 64 * _GIB else 4 * _GIB


def _zram(
    name: str,
    size: Callable[[int], int],
    rule: str,
    source: str,
    compressor: str = ZRAM_COMPRESSOR,
) -> Default:
    return Default(name, "zram", compressor, lambda ram, free: size(ram), rule, source)  # noqa: ARG005


DEFAULTS = (
    _zram(
        "zram-generator",
        lambda ram: min(ram // 2, 4 * _GIB),
        "zram of min(ram / 2, 4 GiB)",
        "https://github.com/systemd/zram-generator",
    ),
    _zram(
        "Fedora 33",
        lambda ram: min(ram // 2, 4 * _GIB),
        "zram of half the memory, 4 GiB at most",
        "https://fedoraproject.org/wiki/Changes/Scale_ZRAM_to_full_memory_size",
    ),
    _zram(
        "Fedora 34",
        lambda ram: min(ram, 8 * _GIB),
        "zram as large as the memory, 8 GiB at most",
        "https://fedoraproject.org/wiki/Changes/Scale_ZRAM_to_full_memory_size",
    ),
    _zram(
        "Pop!_OS",
        lambda ram: min(ram, 16 * _GIB),
        "zram of zstd as large as the memory, 16 GiB at most",
        "https://github.com/pop-os/default-settings",
        "zstd",
    ),
    _zram(
        "ChromeOS",
        lambda ram: ram * 3 // 2,
        "zram of 1.5 times the memory (2013)",
        "https://chromium.googlesource.com/chromiumos/platform/init/+/refs/heads/stabilize2/swap.conf",
    ),
    _zram(
        "Arch (archinstall)",
        lambda ram: max(ram // 2, 4 * _GIB),
        "zram of half the memory, 4 GiB at least",
        "https://github.com/archlinux/archinstall/issues/4266",
    ),
    _zram(
        "Debian (zram-tools)",
        lambda ram: ram // 2,
        "zram of lz4, half the memory, where zram-tools is installed",
        "https://packages.debian.org/bookworm/zram-tools",
        "lz4",
    ),
    _zram(
        "balenaOS",
        lambda ram: min(ram // 2, 4 * _GIB),
        "zram of half the memory, 4 GiB at most",
        "https://github.com/balena-os/meta-balena/issues/2056",
    ),
    _zram(
        "Bottlerocket",
        lambda ram: _GIB,  # noqa: ARG005
        "zram of 1 GiB",
        "https://github.com/bottlerocket-os/bottlerocket/issues/4903",
    ),
    Default(
        "Ubuntu",
        "disk",
        "",
        lambda ram, free: min(free // 20, 2 * _GIB),  # noqa: ARG005
        "a swap file of 5 % of the free disk, 2 GiB at most; zswap off",
        "https://github.com/dell/dell-recovery/pull/84",
    ),
    Default(
        "RHEL (anaconda)",
        "disk",
        "",
        _anaconda,
        "a partition: twice, once or half the memory, by its size; 4 GiB above 64 GiB",
        "https://github.com/rhinstaller/anaconda/pull/4049",
    ),
)


class DefaultOutcome(NamedTuple):
    """What a rule would do with the memory at hand.

    :ivar size: bytes of its area.
    :ivar swapped: bytes that leave, as far as there are slots.
    :ivar freed: bytes freed; ``None`` where nobody knows the compressor's lengths.
    :ivar disk: bytes of disk that it reserves.
    """

    rule: Default
    size: int
    swapped: int
    freed: int | None
    disk: int


def of_disk(rule: Default, kernel: str, memory: int, size: int) -> DefaultOutcome:
    """A swap area on a disk and nothing before it."""
    swapped = min(memory, max(size - PAGE_SIZE, 0))
    slots = size // PAGE_SIZE
    taken = metadata.of("disk", kernel, slots=slots, disk=swapped // PAGE_SIZE)
    return DefaultOutcome(rule, size, swapped, swapped - taken.total_bytes, size)
