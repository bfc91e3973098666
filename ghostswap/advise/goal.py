# SPDX-License-Identifier: GPL-2.0-or-later
"""What counts how much when options are set side by side: a score, in shares of the memory.

A score of 0.5 is as good as half of the memory freed for nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple

Goal = Literal["balanced", "memory", "latency", "disk"]


class Weights(NamedTuple):
    """What each counts.

    :ivar memory: the share of the memory that is freed.
    :ivar cushion: the share that the pool takes and writeback could still move to a disk.
    :ivar microsecond: one of CPU time to compress and bring back a page.
    :ivar wait: one that a touch waits, as a mean of all; where touches are known it counts in the
        place of *microsecond*, which is as much as if one touch in ten had its page brought back.
    :ivar disk: disk that has to be reserved anew, as a share of the memory.
    :ivar seeks: what part of *cushion* counts where the disk seeks.
    :ivar kept: what it is worth that the compressor need not change: times are not the same twice.
    """

    memory: float
    cushion: float
    microsecond: float
    wait: float
    disk: float
    seeks: float = 0.25
    kept: float = 0.03


GOALS: MappingProxyType[Goal, Weights] = MappingProxyType(
    {
        "balanced": Weights(memory=1, cushion=0.3, microsecond=0.004, wait=0.04, disk=0.02),
        "memory": Weights(memory=1, cushion=0.5, microsecond=0.0005, wait=0.005, disk=0),
        "latency": Weights(memory=1, cushion=0.05, microsecond=0.03, wait=0.3, disk=0.02),
        "disk": Weights(memory=1, cushion=0, microsecond=0.004, wait=0.04, disk=0.5),
    }
)


def score(
    weights: Weights,
    *,
    freed: float,
    cushion: float,
    microseconds: float,
    disk: float,
    seeks: bool,
    wait: float | None = None,
    kept: bool = False,
) -> float:
    """What an option is worth; see :class:`Weights` for the parts.

    :param wait: of a touch, in microseconds; ``None`` where no touches are known.

    >>> weights = Weights(memory=1, cushion=0.5, microsecond=0.01, wait=0.1, disk=0.1)
    >>> score(weights, freed=0.5, cushion=0.2, microseconds=10, disk=1, seeks=False)
    0.4
    >>> score(weights, freed=0.5, cushion=0.2, microseconds=10, disk=1, seeks=False, wait=0)
    0.5
    """
    part = weights.seeks if seeks else 1
    took = weights.microsecond * microseconds if wait is None else weights.wait * wait
    return (
        weights.memory * freed
        + weights.cushion * cushion * part
        - took
        - weights.disk * disk
        + weights.kept * kept
    )
