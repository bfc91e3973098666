# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd-coredump packs, and people do: zstd, lz4 or xz, unpacked as it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ghostswap.errors import TargetError
from ghostswap.pages.dumps.medium import ForwardMedium, Medium

#: Bytes that are read at once.
_PACKED = 1 << 18


class _Decompressor(Protocol):
    """What lzma of the standard library has, and the others after it."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _zstd() -> tuple[_Decompressor, type[Exception]]:
    from backports import zstd  # compression.zstd since Python 3.14

    return zstd.ZstdDecompressor(), zstd.ZstdError


def _lz4() -> tuple[_Decompressor, type[Exception]]:
    from lz4 import frame

    return frame.LZ4FrameDecompressor(), RuntimeError


def _xz() -> tuple[_Decompressor, type[Exception]]:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMAError


#: By the first bytes: the name, and what makes a decompressor and the error that it raises.
FORMATS: dict[bytes, tuple[str, Callable[[], tuple[_Decompressor, type[Exception]]]]] = {
    bytes.fromhex("28b52ffd"): ("zstd", _zstd),
    bytes.fromhex("04224d18"): ("lz4", _lz4),
    bytes.fromhex("fd377a585a00"): ("xz", _xz),
}


class UnpackedMedium(ForwardMedium):
    """What is packed in *packed*, frame after frame; bytes behind the last one are not looked at.

    Memory stays flat, whatever it grows to: a window of zstd above 128 MiB is refused.
    """

    def __init__(self, packed: Medium, magic: bytes) -> None:
        super().__init__(packed.name)
        self._packed = packed
        self._magic = magic
        self.format, self._make = FORMATS[magic]
        self._decompressor, self._error = self._make()
        self._offset = 0

    def next(self, view: memoryview) -> int:
        """Unpack some more.

        :raises TargetError: where it is broken or ends in the middle.
        """
        while True:
            packed = b""
            if self._decompressor.eof:
                if not (packed := self._next_frame()):
                    return 0
            elif self._decompressor.needs_input and not (packed := self._load()):
                raise TargetError(self.name, f"ends in the middle of its {self.format} data")
            try:
                part = self._decompressor.decompress(packed, len(view))
            except (self._error, MemoryError) as error:
                said = f"its {self.format} data is broken: {error}"
                raise TargetError(self.name, said) from error
            if part:
                view[: len(part)] = part
                return len(part)

    def _next_frame(self) -> bytes:
        """Get ready for the next frame; give the start of it, nothing if there is none."""
        head = self._decompressor.unused_data or b""
        while len(head) < len(self._magic) and (more := self._load()):
            head += more
        if not head.startswith(self._magic):
            return b""
        self._decompressor, self._error = self._make()
        return head

    def _load(self) -> bytes:
        buffer = bytearray(_PACKED)
        with memoryview(buffer) as view:
            got = self._packed.read_at(view, self._offset)
        self._offset += got
        return bytes(buffer[:got])

    def close(self) -> None:
        """Close what it is packed in."""
        self._packed.close()
