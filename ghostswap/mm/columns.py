# SPDX-License-Identifier: GPL-2.0-or-later
"""Columns: a machine word for each of many pages, slots or objects, by its number.

Where an object each would take ten times as much. A column that has to reach further is replaced
by a longer one, so whoever keeps it looks it up anew.
"""

from __future__ import annotations

import mmap
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal

Typecode = Literal["B", "h", "H", "i", "I", "q", "Q"]

#: Words of type ``H`` that there are, and so few of them that a column of all is too long a way.
_WORDS, _FEW = 1 << 16, 1 << 12
#: Smaller columns are not worth a huge page.
_HUGE = 2 << 20


def zeros(typecode: Typecode, count: int) -> memoryview:
    """A column of *count* zeros.

    Large ones ask for huge pages: what is looked up all over them is seldom in the TLB.

    :param typecode: of its words, as for :class:`array.array`.
    """
    size = count * array(typecode).itemsize
    if size < _HUGE:
        return memoryview(bytearray(size)).cast(typecode)
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory).cast(typecode)


def grown(typecode: Typecode, column: memoryview, item: int) -> memoryview:
    """*column*, made to reach to *item* and an eighth further with zeros."""
    new = zeros(typecode, item + 1 + item // 8)
    new[: len(column)] = column
    return new


def appended(typecode: Typecode, column: memoryview, end: int, words: array[int]) -> memoryview:
    """*column* with *words* from *end* on, replaced by a longer one if need be."""
    if end + len(words) > len(column):
        column = grown(typecode, column, end + len(words))
    column[end : end + len(words)] = memoryview(words)
    return column


def counted(words: array[int]) -> Counter[int]:
    """How often each of *words* is among them, those of type ``H``.

    >>> counted(array("H", [3, 3, 7]))
    Counter({3: 2, 7: 1})
    """
    if len(words) < _FEW:
        return Counter(words)
    return _counted(words, zeros("I", _WORDS))


def _counted(words: array[int], counts: memoryview) -> Counter[int]:
    for number in range(len(words)):
        counts[words[number]] += 1
    return Counter({word: counts[word] for word in range(_WORDS) if counts[word]})


def translated(words: array[int], new: Mapping[int, int]) -> array[int]:
    """What is *new* in the place of each of *words*, all of type ``H``.

    >>> translated(array("H", [3, 3, 7]), {3: 1, 7: 0})
    array('H', [1, 1, 0])
    """
    table, found = zeros("H", _WORDS), words[:]
    for old, word in new.items():
        table[old] = word
    _translate(words, table, found)
    return found


def _translate(words: array[int], table: memoryview, found: array[int]) -> None:
    for number in range(len(words)):
        found[number] = table[words[number]]


class Ring:
    """Numbers that come and go at both ends: a deque without an object for each."""

    def __init__(self) -> None:
        self._ring = zeros("I", 64)
        self._mask = 63
        self._head = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for at in range(self._head, self._head + self._length):
            yield self._ring[at & self._mask]

    def append(self, number: int) -> None:
        """Add *number* at the end."""
        if self._length > self._mask:
            self._grow()
        self._ring[self._head + self._length & self._mask] = number
        self._length += 1

    def appendleft(self, number: int) -> None:
        """Add *number* at the start."""
        if self._length > self._mask:
            self._grow()
        self._head = self._head - 1 & self._mask
        self._ring[self._head] = number
        self._length += 1

    def popleft(self) -> int:
        """Take the first number, which there must be."""
        number = self._ring[self._head]
        self._head = self._head + 1 & self._mask
        self._length -= 1
        return number

    def clear(self) -> None:
        """Drop all of them."""
        self._head = self._length = 0

    def _grow(self) -> None:
        ring = zeros("I", 2 * self._length)
        for number, value in enumerate(self):
            ring[number] = value
        self._ring = ring
        self._mask = 2 * self._mask + 1
        self._head = 0
