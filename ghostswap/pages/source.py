# SPDX-License-Identifier: GPL-2.0-or-later
"""What every source of memory offers: whole pages, front to back, read once, and an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, Protocol


class Why(StrEnum):
    """Why pages were not handed out; the values are keys of JSON and stay what they are."""

    #: The system, or the medium, did not give them.
    UNREADABLE = "unreadable"
    #: Headers claim them, and the file or stream ends before.
    TRUNCATED = "truncated"
    #: What they were packed with is broken, or no library here unpacks it.
    DAMAGED = "damaged"
    #: They belong to a process that this user may not read.
    REFUSED = "refused"
    #: They belonged to a process that ended before its turn.
    ENDED = "ended"
    #: In a swap area, or no one tells where in swap.
    SWAPPED = "swapped"
    #: In swap, and in zswap's pool.
    ZSWAPPED = "zswapped"
    #: Kept in memory by mlock(2).
    LOCKED = "locked"
    #: Huge pages of hugetlbfs.
    HUGETLB = "hugetlb"
    #: No memory, but a device's.
    DEVICE = "device"
    #: They would still have come, and somebody did not wait.
    INTERRUPTED = "interrupted"
    #: Copies of what is in a file, or of the kernel's own (vdso): dropped, not swapped.
    FILE = "file"
    #: Mapped once more, by fork(2) or KSM; the page was counted where it was met first.
    SHARED = "shared"
    #: Shared memory that no process of the source maps.
    UNMAPPED = "unmapped"
    #: Known to be no pages of anybody: never touched, or only read.
    ABSENT = "absent"
    #: Zeros, of which the source does not tell whether there ever was a page.
    ZERO = "zero"
    #: Not in the dump: the process asked for that, or the memory was never written.
    UNDUMPED = "undumped"
    #: Not in the dump: whoever made it left them out.
    EXCLUDED = "excluded"
    #: Bytes that an earlier part of a dump has claimed.
    OVERLAPPING = "overlapping"
    #: Bad pages of a swap area, which no kernel writes.
    BAD = "bad"


#: Memory that should have been handed out.
MISSING = frozenset(
    {Why.UNREADABLE, Why.TRUNCATED, Why.DAMAGED, Why.REFUSED, Why.ENDED, Why.INTERRUPTED}
)
#: Memory that is in swap already.
IN_SWAP = frozenset({Why.SWAPPED, Why.ZSWAPPED})


class Left(NamedTuple):
    """Memory that a source names and did not hand out.

    :ivar pages: how many; 0 where nobody can know.
    :ivar what: the processes, mappings or bytes they are in, for a person; ``""`` for none.
    :ivar reason: one clause.
    :ivar cure: what the user can do about it, or ``""``.
    """

    why: Why
    pages: int
    what: str
    reason: str
    cure: str = ""

    @property
    def words(self) -> str:
        """All that in one line."""
        where = f"{self.what}: " if self.what else ""
        pages = f"{self.pages} " if self.pages else ""
        noun = "page" if self.pages == 1 else "pages"
        verb = "not read" if self.why in MISSING else "left out"
        cure = f" ({self.cure})" if self.cure else ""
        return f"{where}{pages}{noun} {verb}: {self.reason}{cure}"


@dataclass(slots=True)
class Account:
    """What a source handed out and what it left; complete once ``readinto`` has returned 0.

    What is left is added up by reason: a thousand processes make one line.

    :ivar memory: what the pages are, in a few words: ``memory of processes``.
    :ivar read: pages handed out.
    :ivar doubts: pages handed out of which it is not certain that swap would have got them, by why.
    :ivar weight: how many pages one stands for that is *met*, looked at by itself; 1 but in a
        sample.
    """

    memory: str
    read: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    weight: int | Fraction = 1
    _exact: dict[str, int | Fraction] = field(default_factory=dict)
    _sums: dict[tuple[Why, str, str, str], tuple[int, int | Fraction]] = field(default_factory=dict)
    _ranges: list[tuple[int, int, int, Why, str]] = field(default_factory=list)

    def leave(
        self,
        why: Why,
        pages: int,
        reason: str,
        cure: str = "",
        *,
        what: str = "",
        count: int = 1,
        met: bool = False,
    ) -> None:
        """Add *pages* that are in *count* of *what* (``process``, ``mapping``), or were *met*."""
        before, total = self._sums.get((why, what, reason, cure), (0, 0))
        weight = self.weight if met else 1
        self._sums[why, what, reason, cure] = before + count, total + pages * weight

    def doubt(self, why: str, pages: int) -> None:
        """Add *pages* that are handed out, though it is not certain that they should be."""
        self._exact[why] = self._exact.get(why, 0) + pages * self.weight
        self.doubts[why] = round(self._exact[why])

    def leave_bytes(self, why: Why, start: int, end: int, pages: int, reason: str) -> None:
        """Add the *pages* in bytes *start* to *end* of a file; ranges that meet become one.

        So do those behind the end of a file, where nothing is between them either.
        """
        if self._ranges:
            first, last, before, *what = self._ranges[-1]
            if what == [why, reason] and (last == start or why is Why.TRUNCATED):
                start = first
                pages += before
                self._ranges.pop()
        self._ranges.append((start, end, pages, why, reason))

    @property
    def left(self) -> list[Left]:
        """What was left so far."""
        sums = [
            Left(why, round(pages), _counted(count, what), reason, cure)
            for (why, what, reason, cure), (count, pages) in self._sums.items()
        ]
        ranges = [
            Left(why, pages, f"bytes {start}-{end - 1}", reason)
            for start, end, pages, why, reason in self._ranges
        ]
        return sums + ranges

    def pages(self, whys: Iterable[Why]) -> int:
        """How many were left for any of these reasons, as far as they can be counted."""
        wanted = frozenset(whys)
        return sum(left.pages for left in self.left if left.why in wanted)

    def counts(self) -> dict[str, int]:
        """The numbers alone, for JSON: ``read``, ``doubtful`` and every :class:`Why`."""
        counts = {"read": self.read, "doubtful": self.doubts.total()}
        counts |= dict.fromkeys(Why, 0)
        for left in self.left:
            counts[left.why] += left.pages
        return counts

    def words(self) -> list[str]:
        """A line for each thing that was left, and each doubt."""
        doubts = [
            f"{pages} page{'s' * (pages > 1)} in doubt: {why}" for why, pages in self.doubts.items()
        ]
        return [left.words for left in self.left] + doubts

    def absorb(self, other: Account) -> None:
        """Add what *other* has."""
        self.read += other.read
        self.doubts += other.doubts
        for key, (count, pages) in other._sums.items():
            before, total = self._sums.get(key, (0, 0))
            self._sums[key] = before + count, total + pages
        self._ranges += other._ranges


def _counted(count: int, what: str) -> str:
    plural = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count} {what}{plural}" if what else ""


class Source(Protocol):
    """Pages of memory that can be read once, in order, into a buffer of the caller's.

    A source is a context manager; leaving it closes what it opened.
    """

    @property
    def name(self) -> str:
        """What the user asked for, such as ``pid:1234`` or a path."""
        ...

    @property
    def pages(self) -> int | None:
        """Pages expected in all, for a progress bar; ``None`` where nobody can know (a pipe)."""
        ...

    @property
    def account(self) -> Account:
        """What was handed out and what was left so far."""
        ...

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* (a whole number of pages) with the next pages.

        :return: bytes filled, a multiple of the page size; 0 at the end.
        """
        ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *exc: object) -> None: ...

    def skip(self, pages: int) -> int:
        """Pass over the next *pages* without handing them out; what can be is not read either.

        :return: how many there were, fewer at the end. Pages that would be left for what is in
            them count, for nobody looks.
        """
        ...

    def read_one(self, page: memoryview) -> bool | None:
        """Read the next page and no other.

        :return: whether it came; ``False`` where it is one to leave, ``None`` at the end.
        """
        ...

    def weigh(self, weight: Fraction) -> None:
        """Have each page that is read one by one, and left, count for *weight* pages.

        It counts for itself where nothing can be passed over unread.
        """
        ...
