# SPDX-License-Identifier: GPL-2.0-or-later
"""What has left memory so far, and what it takes: as predicted for as much, and as it is."""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.advise.check.prediction import COMPRESS, Prediction, counted
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zram import ZramDevice
from ghostswap.live.seen.zswap import REFUSALS
from ghostswap.page import PAGE_SIZE

#: A pool is as predicted within so much of it, beyond the interval: memory is never the same twice.
NEAR = 0.1
#: With less in it, what a pool takes is mostly what its classes have begun and not filled.
LEAST = 8 << 20


class Figures(NamedTuple):
    """Sizes in bytes; what is predicted is for as much as there is now.

    :ivar left: memory that has left and whose slots are in use, and not in the swap cache.
    :ivar stored: of it in the pool; *stored_predicted* of as much as has left.
    :ivar pool: what that takes; *pool_predicted* and *pool_interval* for as much in it.
    :ivar freed: *left* without the pool and without metadata, which are as predicted.
    :ivar refused: pages that were refused, by counter, since the advice or, after another boot,
        since that; ``None`` where nobody tells.
    :ivar tried: pages that came to zswap or zram since then.
    :ivar refused_predicted: of those that come, the part that does not compress.
    :ivar written_back: pages that went from the pool to a disk since then.
    """

    left: int
    stored: int
    stored_predicted: int
    pool: int
    pool_predicted: int
    pool_interval: tuple[int, int]
    freed: int
    freed_predicted: int
    freed_interval: tuple[int, int]
    refused: dict[str, int] | None
    tried: int
    refused_predicted: float
    written_back: int

    @property
    def ratio(self) -> float:
        """Bytes that are in the pool for one that it takes."""
        return self.stored / self.pool if self.pool else 0.0

    @property
    def refused_share(self) -> float:
        """Of the pages that came, the part that was refused."""
        refused = sum((self.refused or {}).values())
        return refused / self.tried if self.tried else 0.0

    @property
    def pool_is_near(self) -> bool:
        """Whether the pool is within :data:`NEAR` of what was predicted."""
        low, high = self.pool_interval
        return low * (1 - NEAR) <= self.pool <= high * (1 + NEAR)


def figures(
    prediction: Prediction, seen: Status, device: ZramDevice | None, *, same_boot: bool
) -> Figures:
    """Look at *seen* with the eyes of *prediction*.

    :param device: of zram, the one in question.
    :param same_boot: whether counters go on since the advice.
    """
    if prediction.is_zram:
        counters = dict(device.counters) if device else {}
        stored, pool = counters.get("orig_data_size", 0), counters.get("mem_used_total", 0)
        path = f"/dev/{device.name}" if device else ""
        areas = [area for area in seen.active if area.path == path]
        refused: dict[str, int] | None = _some({"failed_writes": counters.get("failed_writes", 0)})
        tried = stored // PAGE_SIZE
        written_back = counters.get("bd_writes", 0)
    else:
        zswap = seen.zswap
        stored, pool = (zswap.stored, zswap.pool) if zswap else (0, 0)
        areas = list(seen.active)
        before = prediction.counters if same_boot else {}
        counters = {
            name: max(count - before.get(name, 0), 0) for name, count in counted(seen).items()
        }
        known = zswap is not None and bool(zswap.debugfs)
        refused = _some({name: counters.get(name, 0) for name in REFUSALS}) if known else None
        tried, written_back = counters.get("zswpout", 0), counters.get("zswpwb", 0)
    tried += sum((refused or {}).values())
    left = max(sum(area.used for area in areas) - seen.reclaim.meminfo.get("SwapCached", 0), 0)
    # Slots take their memory as soon as an area is on.
    static = prediction.static_bytes if areas else 0
    dynamic = prediction.metadata_bytes - prediction.static_bytes
    metadata = static + _part(dynamic, left, prediction.memory_bytes)
    came = prediction.stored_bytes + prediction.refused_bytes
    low, high = prediction.pool_interval
    freed_low, freed_high = prediction.freed_interval

    def freed(of_all: int) -> int:
        gained = of_all + prediction.static_bytes
        return _part(gained, left, prediction.memory_bytes) - static

    return Figures(
        left=left,
        stored=stored,
        stored_predicted=_part(prediction.stored_bytes, left, prediction.memory_bytes),
        pool=pool,
        pool_predicted=_part(prediction.pool_bytes, stored, prediction.stored_bytes),
        pool_interval=(
            _part(low, stored, prediction.stored_bytes),
            _part(high, stored, prediction.stored_bytes),
        ),
        freed=left - pool - metadata,
        freed_predicted=freed(prediction.freed_bytes),
        freed_interval=(freed(freed_low), freed(freed_high)),
        refused=refused,
        tried=tried,
        refused_predicted=prediction.refused_bytes / came if came else 0.0,
        written_back=written_back,
    )


def _some(counters: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counters.items() if count}


def _part(value: int, part: int, whole: int) -> int:
    return value * part // whole if whole else 0


def limits_hit(found: Figures) -> int:
    """Pages that were refused for want of room, not for what is in them."""
    return sum(count for name, count in (found.refused or {}).items() if name not in COMPRESS)
