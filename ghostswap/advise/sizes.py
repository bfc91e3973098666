# SPDX-License-Identifier: GPL-2.0-or-later
"""What to set: each value with the figure that decides it, and what would make it another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from ghostswap.advise import now
from ghostswap.advise.now import Value
from ghostswap.advise.options import HEADROOM, MOST_POOL_PERCENT, Option, Place
from ghostswap.designs import metadata, table
from ghostswap.mm.zswap.zswap import ACCEPT_THRESHOLD_PERCENT, MAX_POOL_PERCENT
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

#: Microseconds that a page takes from a file on a disk, one that does not seek and one that does:
#: round numbers, not measured.
FILE_US = {False: 90.0, True: 8000.0}
#: A value above it would have the kernel never drop a page of a file.
_MOST_SWAPPINESS = 180
#: What is so near to it stays.
_NEAR = 20
_DEFAULT_PAGE_CLUSTER = 3
_ZRAM_PRIO = 100
#: The value of what is not to be had, as zram has it.
NONE = "none"
#: What :func:`now.settings` found.
Now = Mapping[str, Value]


class Setting(NamedTuple):
    """A value to set.

    :ivar name: the kernel's, or that of the tool's key.
    :ivar value: to set; sizes in bytes.
    :ivar now: what it is; ``None`` where nobody tells or there is none.
    :ivar because: the figure that decides, a clause.
    :ivar otherwise: what would have to change for another answer, a clause.
    """

    name: str
    value: int | str
    now: Value
    because: str
    otherwise: str

    @property
    def is_new(self) -> bool:
        """Whether it is not so yet."""
        return self.value != (NONE if self.now is None else self.now)


def settings(place: Place, option: Option, found: Sequence[Option]) -> tuple[Setting, ...]:
    """What to set for *option*, in the order in which it is to be set.

    :param found: all options.
    """
    device = place.seen.zram[0] if place.seen.zram else None
    there = now.settings(place.seen, option.design, device)
    is_zram = table.get(option.design).is_zram
    if is_zram:
        own = _zram(place, option, there, [one for one in found if one.design == option.design])
    else:
        own = _zswap(place, option, there)
    return (*own, *_reclaim(place, option, there))


def _size(place: Place, option: Option, name: str, there: Now) -> Setting:
    need = option.memory + place.swapped
    held = f"{format_size(need)} may have to leave, and programs grow: {HEADROOM:g} times that"
    if option.size < need:
        held = f"a pool that it fills takes {MOST_POOL_PERCENT} % of the memory"
    grown = format_size(int(option.size / HEADROOM))
    return Setting(
        name, option.size, there.get(name), held, f"more than {grown} that may have to leave"
    )


def _zswap(place: Place, option: Option, there: Now) -> Iterator[Setting]:
    kernel = table.get(option.design).kernel(place.kernel)
    if option.design == "classic" and not option.disk:
        need = format_size(option.memory + place.swapped)
        why = f"the areas that are on have room for the {need} that may have to leave"
        grown = f"more than {format_size(option.size)} that may have to leave"
        yield Setting("area", option.size, there["area"], why, grown)
    else:
        yield _size(place, option, "area", there)
    yield _compressor(option, there)
    yield _pool_limit(place, option, there)
    limit = place.ram * _percent(place, option) // 100
    gap = limit * (100 - ACCEPT_THRESHOLD_PERCENT) // 100
    yield Setting(
        "accept_threshold_percent",
        ACCEPT_THRESHOLD_PERCENT,
        there["accept_threshold_percent"],
        f"a full pool takes pages again once {format_size(gap)} of it were written back",
        "a disk that cannot write that much while pages wait",
    )
    if "shrinker_enabled" in kernel.zswap.parameters and option.design == "classic":
        yield Setting(
            "shrinker_enabled",
            "N" if place.seeks else "Y",
            there["shrinker_enabled"],
            "the disk seeks: each page that comes back from it takes milliseconds"
            if place.seeks
            else f"the pool of {format_size(option.pool)} holds cold pages too, and the disk takes"
            " them before it is full",
            "swap on a disk that does not seek" if place.seeks else "swap on a disk that seeks",
        )
    yield Setting(
        "enabled",
        "Y",
        there["enabled"],
        f"{format_size(option.freed)} are freed with it",
        "another design",
    )


def _full(option: Option) -> int:
    """Bytes of pool that a full area takes, at the upper end of the interval."""
    return option.pool_interval[1] * option.size // option.memory


def _percent(place: Place, option: Option) -> int:
    need = ceil(100 * _full(option) / place.ram)
    return max(MAX_POOL_PERCENT, min(MOST_POOL_PERCENT, need))


def _pool_limit(place: Place, option: Option, there: Now) -> Setting:
    percent = _percent(place, option)
    need = ceil(100 * _full(option) / place.ram)
    takes = f"a full area takes {format_size(_full(option))} of pool, {need} % of the memory"
    if percent > need or percent == MAX_POOL_PERCENT:
        why = f"{takes}, and the kernel's own {percent} % is enough"
        least = option.size / (place.ram * percent / 100)
        other = f"a ratio below {least:.2g} to 1, or a larger area"
    elif percent == need:
        why, other = takes, "another ratio or size of the area"
    else:
        why = f"{takes}; beyond {percent} % too little is left for what is in use"
        other = "a better ratio"
    return Setting("max_pool_percent", percent, there["max_pool_percent"], why, other)


def _zram(place: Place, option: Option, there: Now, same: Sequence[Option]) -> Iterator[Setting]:
    yield _size(place, option, "disksize", there)
    yield _compressor(option, there)
    most = place.ram * MOST_POOL_PERCENT // 100
    bounded = option.size > most
    yield Setting(
        "mem_limit",
        most if bounded else 0,
        there.get("mem_limit"),
        f"disksize is of data as it was; should it not compress, all {format_size(option.size)}"
        f" would be taken of the memory, of which {MOST_POOL_PERCENT} % are {format_size(most)}"
        if bounded
        else f"even if nothing compresses, the device takes {format_size(option.size)}, less than"
        f" {MOST_POOL_PERCENT} % of the memory",
        f"a disksize {'below' if bounded else 'above'} {format_size(most)}",
    )
    yield Setting(
        "backing_dev",
        NONE,
        there.get("backing_dev"),
        "nothing in the kernel triggers writeback; somebody has to write to writeback",
        "a service that does so, or zswap in place of zram",
    )
    yield _recompression(option, there, same)
    yield Setting(
        "priority",
        _ZRAM_PRIO,
        there.get("priority"),
        "it is filled before any disk",
        "no other area, where it does not matter",
    )
    if place.seen.zswap is not None:
        yield Setting(
            "zswap.enabled",
            "N",
            there["zswap.enabled"],
            "zswap before zram compresses twice",
            "zswap over a disk in place of zram",
        )


def _recompression(option: Option, there: Now, same: Sequence[Option]) -> Setting:
    """Whether it pays to compress once more what zram holds: *same* has the other compressors."""
    densest = min(same, key=lambda one: one.pool)
    saved = option.pool - densest.pool
    if saved <= 0:
        why = f"{option.compressor} compresses this memory best of all that were measured"
        return Setting("recomp_algorithm", NONE, there.get("recomp_algorithm"), why, "other memory")
    took = ""
    if option.time and densest.time:
        each = option.time.decompress_ns + densest.time.compress_ns
        took = f", for {each * option.outcome.pages / 1e9:.2g} s of CPU time"
    return Setting(
        "recomp_algorithm",
        NONE,
        there.get("recomp_algorithm"),
        f"{densest.compressor} would save {format_size(saved)} of the pool of"
        f" {format_size(option.pool)} at most{took}; nothing in the kernel triggers it",
        "a service that writes to recompress, and memory that seldom comes back",
    )


def _compressor(option: Option, there: Now) -> Setting:
    time = option.time
    took = f", {time.round_trip_us:.1f} us a page" if time else ""
    touches = ""
    if option.wait_us is not None:
        took, touches = f"{took}, {option.wait_us:.2g} us a touch", " touches,"
    return Setting(
        "compressor",
        option.compressor,
        there.get("compressor"),
        f"{option.ratio:.2f} to 1{took}: the best score of those that are here",
        f"other weights (--goal),{touches} memory or a kernel with other compressors",
    )


def _reclaim(place: Place, option: Option, there: Now) -> Iterator[Setting]:
    time = option.time
    back = time.round_trip_us if time else 1.0
    file = FILE_US[place.seeks]
    value = min(_MOST_SWAPPINESS, round(20 * file / (file + back)) * 10)
    is_now = place.seen.reclaim.swappiness
    if is_now is not None and abs(is_now - value) <= _NEAR:
        value = is_now  # times are not the same twice
    yield Setting(
        "vm.swappiness",
        value,
        there["vm.swappiness"],
        f"a page takes {back:.1f} us to go and come back, one of a file {file:g} us (a round"
        f" number); the kernel weighs both to 200, and {_MOST_SWAPPINESS} is the most",
        f"more than {file * (200 / _MOST_SWAPPINESS - 1):.0f} us a page",
    )
    on_disk = option.design == "classic" and place.seeks
    yield Setting(
        "vm.page-cluster",
        _DEFAULT_PAGE_CLUSTER if on_disk else 0,
        there["vm.page-cluster"],
        "pages that come back from a disk that seeks are read by the eight"
        if on_disk
        else "to read ahead costs a decompression a page, and saves no seek",
        "swap without a disk that seeks" if on_disk else "swap on a disk that seeks",
    )


class OtherSize(NamedTuple):
    """What another size would do, or none at all.

    :ivar size: in bytes; ``None`` for a design that has no size to choose.
    :ivar refused: bytes of memory that find no slot.
    :ivar metadata: bytes that slots take: those that are there, and those in use.
    """

    design: str
    size: int | None
    refused: int
    metadata: int


def other_sizes(place: Place, option: Option) -> tuple[OtherSize, ...]:
    """*option* with half its size, its own, and four times that; and virtual swap, which has none.

    The memory in question is that for which the size was chosen, so with the room to grow.
    """
    sizes = (option.size // 2, option.size, 4 * option.size)
    found = [other_size(place, option, size) for size in sizes]
    if table.get("vswap").is_on(place.kernel):
        pages = (option.memory + place.swapped) // PAGE_SIZE
        taken = metadata.of("vswap", place.kernel.name, slots=0, entries=True, zswap=pages)
        found.append(OtherSize("vswap", None, 0, taken.total_bytes))
    return tuple(found)


def other_size(place: Place, option: Option, size: int) -> OtherSize:
    """*option* with an area of *size* bytes."""
    memory = option.memory + place.swapped
    out = min(memory, size)
    kind = "zram" if table.get(option.design).is_zram else "zswap"
    held = {kind: out // PAGE_SIZE}
    taken = metadata.of(
        option.design, place.kernel.name, slots=size // PAGE_SIZE, entries=True, **held
    )
    return OtherSize(option.design, size, memory - out, taken.total_bytes)
