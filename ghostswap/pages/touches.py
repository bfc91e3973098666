# SPDX-License-Identifier: GPL-2.0-or-later
"""What every trace offers: touches of pages in their order, chunk by chunk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Literal, NamedTuple, Protocol

#: Touches in a chunk: enough that handing one over costs nothing, some 300 KiB.
CHUNK_TOUCHES = 65_536
#: Touches of a trace that does not say how many.
DEFAULT_TOUCHES = 1_000_000


class Touches(NamedTuple):
    """Touches that follow each other, all by one cgroup.

    :ivar group: the cgroup's number, among those that have memory.
    :ivar pages: of type ``I``: which page of the group's memory each touches, from 0.
    :ivar writes: a byte for each: 0 where it reads, 1 where it writes, 2 where it reads and then
        writes, so that if there is a fault, it is one by reading; ``None`` where all only read.
    """

    group: int
    pages: array[int]
    writes: bytes | None = None


class Trace(Protocol):
    """Touches that can be had again and again, and are the same each time."""

    @property
    def name(self) -> str:
        """What the user asked for, such as ``zipf:0.8@1M`` or a path."""
        ...

    @property
    def touches(self) -> int | None:
        """How many, for a progress bar; ``None`` where only reading it all can tell."""
        ...

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        """Start over: the touches of memories of so many *pages*, one of each group.

        :raises UsageError: where the trace does not fit such a memory.
        :raises TargetError: where its file cannot be read, or says what no trace can.
        """
        ...


#: Which touches write: a share of them by chance; those of odd pages, which are read and written
#: back; or as the trace says.
WriteRule = float | Literal["odd"] | None


class Choices(NamedTuple):
    """What is the user's to choose with any trace.

    :ivar touches: how many there are where the trace does not say, the most that are read of a
        file; ``None`` for :data:`DEFAULT_TOUCHES` and all.
    :ivar rule: which touches write; ``None`` as the trace says, or none of them.
    :ivar seed: of all that is left to chance; each group has its own chance.
    :ivar group: whose touches they are, where the trace does not say.
    """

    touches: int | None = None
    rule: WriteRule = None
    seed: int = 0
    group: int = 0

    def seed_of(self, what: str) -> str:
        """The seed of one thing that is left to chance, independent of the others."""
        return f"{what} {self.seed} {self.group}"


def start_marking(choices: Choices) -> Callable[[array[int]], bytes | None]:
    """Give what makes, of the pages of each chunk in turn, its ``Touches.writes``.

    A share is exact: each touch writes with that probability, independent of all others.
    """
    rule = choices.rule
    if not rule:
        return lambda _: None
    if rule == "odd":
        return lambda pages: bytes([(page & 1) << 1 for page in pages])
    rng = Random(choices.seed_of("writes"))
    # A random byte decides; only where it is the one that the share falls into, a second draw.
    sure, rest = divmod(rule * 256, 1)
    verdicts = bytes(1 if byte < sure else 2 if byte == sure else 0 for byte in range(256))

    def draw(pages: array[int]) -> bytes:
        writes = bytearray(rng.randbytes(len(pages)).translate(verdicts))
        at = writes.find(2)
        while at >= 0:
            writes[at] = rng.random() < rest
            at = writes.find(2, at)
        return bytes(writes)

    return draw
