# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps that were written into a pipe: ``makedumpfile -F``, and QEMU's kdump formats.

The file is a heading and then records, each with the place of its bytes in the dump. Reference:
``struct makedumpfile_header`` and ``makedumpfile_data_header`` of makedumpfile 1.7.2.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from construct import Bytes, Int64sb, Struct

from ghostswap.errors import TargetError
from ghostswap.pages.dumps.medium import Medium, read
from ghostswap.pages.dumps.tables import row

HEADER = Struct("signature" / Bytes(16), "type" / Int64sb, "version" / Int64sb)
RECORD = Struct("offset" / Int64sb, "buf_size" / Int64sb)
_HEADER_SIZE = 4096
_END = -1
#: More than dumps of some 100 GB have.
_MOST_RECORDS = 1 << 24
#: How many later records may begin before a place and end before it, too: headers that are
#: written once more.
_OVERLAPS = 8


class FlattenedMedium:
    """The dump that the records in *packed* make up; what none has is zeros.

    :raises TargetError: where they make no sense.
    """

    def __init__(self, packed: Medium) -> None:
        self.name = packed.name
        self._packed = packed
        # Of each record: where its bytes are in the dump, how many, and where in the file.
        self._offsets, self._sizes, self._places = array("Q"), array("Q"), array("Q")
        self._read_index()
        self.size: int | None = max(
            map(sum, zip(self._offsets, self._sizes, strict=True)), default=0
        )

    def _read_index(self) -> None:
        head = HEADER.parse(read(self._packed, 0, HEADER.sizeof()).ljust(HEADER.sizeof(), b"\0"))
        if (head.type, head.version) != (1, 1):
            said = f"is a flattened dump of type {head.type}, version {head.version}"
            raise TargetError(self.name, said, "rearrange it: makedumpfile -R")
        record = row(RECORD)
        place = _HEADER_SIZE
        while len(data := read(self._packed, place, record.size)) == record.size:
            offset, size = record.unpack(data)
            if offset == _END:
                break
            place += record.size
            if offset < 0 or size <= 0 or len(self._offsets) == _MOST_RECORDS:
                raise TargetError(self.name, f"has a broken record at byte {place - record.size}")
            self._offsets.append(offset)
            self._sizes.append(size)
            self._places.append(place)
            place += size
        # Of those at one place the one that was written last stays last.
        order = sorted(range(len(self._offsets)), key=self._offsets.__getitem__)
        self._sizes = array("Q", map(self._sizes.__getitem__, order))
        self._places = array("Q", map(self._places.__getitem__, order))
        self._offsets = array("Q", map(self._offsets.__getitem__, order))

    def read_at(self, view: memoryview, offset: int) -> int:
        """Read as :meth:`Medium.read_at` says."""
        if offset >= (self.size or 0):
            return 0
        behind = bisect_right(self._offsets, offset)
        for number in range(behind - 1, max(-1, behind - 1 - _OVERLAPS), -1):
            ahead = offset - self._offsets[number]
            if (rest := self._sizes[number] - ahead) > 0:
                if behind < len(self._offsets):
                    rest = min(rest, self._offsets[behind] - offset)
                return self._packed.read_at(view[:rest], self._places[number] + ahead)
        end = self._offsets[behind] if behind < len(self._offsets) else self.size or 0
        zeros = min(len(view), end - offset)
        view[:zeros] = bytes(zeros)
        return zeros

    def data(self, offset: int, end: int) -> tuple[int, int]:
        """All is data."""
        return offset, end

    def close(self) -> None:
        """Close what it lies in."""
        self._packed.close()
