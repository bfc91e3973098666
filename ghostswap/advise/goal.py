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
    :ivar disk: disk that has to be reserved anew, as a share of the memory.
    :ivar seeks: what part of *cushion* counts where the disk seeks.
    :ivar kept: what it is worth that the compressor need not change: times are not the same twice.
    """

    memory: float
    cushion: float
    microsecond: float
    disk: float
    seeks: float = 0.25
    kept: float = 0.03


GOALS: MappingProxyType[Goal, Weights] = MappingProxyType(
    {
        "balanced": Weights(memory=1, cushion=0.3, microsecond=0.004, disk=0.02),
        "memory": Weights(memory=1, cushion=0.5, microsecond=0.0005, disk=0),
        "latency": Weights(memory=1, cushion=0.05, microsecond=0.03, disk=0.02),
        "disk": Weights(memory=1, cushion=0, microsecond=0.004, disk=0.5),
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
    kept: bool = False,
) -> float:
    """What an option is worth; see :class:`Weights` for the parts.

    >>> weights = Weights(memory=1, cushion=0.5, microsecond=0.01, disk=0.1)
    >>> score(weights, freed=0.5, cushion=0.2, microseconds=10, disk=1, seeks=False)
    0.4
    """
    part = weights.seeks if seeks else 1
    return (
        weights.memory * freed
        + weights.cushion * cushion * part
        - weights.microsecond * microseconds
        - weights.disk * disk
        + weights.kept * kept
    )
