# SPDX-License-Identifier: GPL-2.0-or-later
"""Each compressor as it is had here: compiled after the kernel, or by the nearest library."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ghostswap.compiled import CODECS, obstacle
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, WORD, ZEROS

try:
    from ghostswap.codecs import _codecs

    COMPILED = True
except ImportError:  # it is optional at build
    COMPILED = False

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@dataclass(frozen=True, slots=True)
class Codec(ABC):
    """One compressor, as a kernel's zswap or zram uses it. May be shared between threads.

    :ivar name: the kernel's name of the compressor.
    """

    name: str

    @property
    def error(self) -> str:
        """How far :meth:`measure` is from the kernel's, one clause; ``""`` where they are equal."""
        return ""

    @property
    def key(self) -> str:
        """The compressor and how its kernel sets it up, in a word: equal keys, equal lengths."""
        return self.name

    @property
    def exact(self) -> bool:
        """Whether :meth:`measure` gives the kernel's number for every page."""
        return not self.error

    def measure(self, buffer: ReadableBuffer) -> array[int]:
        """Say what each page measures as.

        :param buffer: whole pages, C-contiguous.
        :return: ``array('H')`` in the alphabet of :mod:`ghostswap.page`.
        :raises ValueError: where *buffer* is not whole pages.
        """
        return self._measure(_whole_pages(buffer))

    def raw_lengths(self, buffer: ReadableBuffer) -> array[int]:
        """Give the compressed length of each page, filled or not, however long.

        :raises ValueError: where *buffer* is not whole pages.
        """
        return self._raw_lengths(_whole_pages(buffer))

    def compress(self, page: ReadableBuffer) -> bytes:
        """Compress one page, to as many bytes as it takes.

        :raises ValueError: where *page* is not 4096 bytes.
        """
        pages = _whole_pages(page)
        if len(pages) != PAGE_SIZE:
            raise ValueError(f"not one page of {PAGE_SIZE} bytes: {len(pages)} bytes")
        return self._compress(pages)

    @abstractmethod
    def decompress(self, data: ReadableBuffer) -> bytes:
        """Give back the page that was compressed.

        :raises ValueError: where *data* is not one whole compressed page.
        """

    @abstractmethod
    def _measure(self, pages: memoryview) -> array[int]: ...

    @abstractmethod
    def _raw_lengths(self, pages: memoryview) -> array[int]: ...

    @abstractmethod
    def _compress(self, page: memoryview) -> bytes: ...


def _whole_pages(buffer: ReadableBuffer) -> memoryview:
    view = memoryview(buffer)
    if not view.c_contiguous or view.nbytes % PAGE_SIZE:
        raise ValueError(f"not whole pages of {PAGE_SIZE} contiguous bytes: {view.nbytes} bytes")
    return view.cast("B")


class Compiled(Codec):
    """lz4, lzo and lzo-rle by _codecs.c: the kernel's lengths for every page, without the GIL."""

    __slots__ = ()

    def _measure(self, pages: memoryview) -> array[int]:
        return array("H", _codecs.measure(self.name, pages))

    def _raw_lengths(self, pages: memoryview) -> array[int]:
        return array("H", _codecs.raw_lengths(self.name, pages))

    def _compress(self, page: memoryview) -> bytes:
        return _codecs.compress(self.name, page)

    def decompress(self, data: ReadableBuffer) -> bytes:
        return _codecs.decompress(self.name, data)


class _ByLibrary(Codec):
    """A codec whose library takes one page a call."""

    __slots__ = ()

    @abstractmethod
    def _compressor(self) -> Callable[[bytes], bytes]:
        """Give what compresses page after page, for one thread."""

    @abstractmethod
    def _decompress(self, data: ReadableBuffer) -> bytes:
        """Give what *data* holds; anything but a page where it is bad."""

    #: The longest output that the kernel takes.
    _LIMIT = PAGE_SIZE

    def _measure(self, pages: memoryview) -> array[int]:
        found = array("H")
        compress = self._compressor()
        for page in _each(pages):
            same = page[:-WORD] == page[WORD:]
            if same and not any(page[:WORD]):
                found.append(ZEROS)
                continue
            length = len(compress(page))
            if length > self._LIMIT:
                found.append(INCOMPRESSIBLE)
            else:
                found.append(SAME + length if same else length)
        return found

    def _raw_lengths(self, pages: memoryview) -> array[int]:
        compress = self._compressor()
        return array("H", (len(compress(page)) for page in _each(pages)))

    def _compress(self, page: memoryview) -> bytes:
        return self._compressor()(bytes(page))

    def decompress(self, data: ReadableBuffer) -> bytes:
        page = self._decompress(data)
        if len(page) != PAGE_SIZE:
            raise ValueError(f"not a page compressed with {self.name}")
        return page


def _each(pages: memoryview) -> Iterator[bytes]:
    return (bytes(pages[at : at + PAGE_SIZE]) for at in range(0, len(pages), PAGE_SIZE))


#: A measured error: percent of how many lengths, that of pages kept whole or refused left out.
_off = (
    "{} % of {:,} recorded lengths equal, the rest up to {} bytes off, pool bytes up to {} % off"
).format


class Lz4hc(_ByLibrary):
    """liblz4 at the kernel's level 9, though the kernel's parser is another."""

    __slots__ = ()

    @property
    def error(self) -> str:
        return _off(85, 11576, 12, "0.76")

    def _compressor(self) -> Callable[[bytes], bytes]:
        from lz4.block import compress

        return lambda page: compress(page, mode="high_compression", compression=9, store_size=False)

    def _decompress(self, data: ReadableBuffer) -> bytes:
        from lz4.block import LZ4BlockError, decompress

        try:
            page: bytes = decompress(data, uncompressed_size=PAGE_SIZE)
        except LZ4BlockError:
            return b""
        return page


class Lz4Frame(Lz4hc):
    """lz4 where _codecs.c was not built: only frames make liblz4 use the 16-bit table."""

    __slots__ = ()

    #: Around the block: a 7-byte frame header and the block's size; an end mark.
    _BLOCK = slice(11, -4)
    #: What stands for a page that the frame holds raw, as it does from 4096 bytes on: one run
    #: of literals, whose length is 15 and the sum of these bytes.
    _LITERALS = b"\xf0" + b"\xff" * ((PAGE_SIZE - 15) // 255) + bytes([(PAGE_SIZE - 15) % 255])

    @property
    def error(self) -> str:
        measured = (
            "97.15 % of pages equal, the rest 1 to 9 bytes short, pool bytes up to 0.52 % off"
        )
        return f"{measured}; {obstacle(CODECS)}"

    def _compressor(self) -> Callable[[bytes], bytes]:
        from lz4.frame import compress

        def block(page: bytes) -> bytes:
            frame: bytes = compress(page, block_linked=False, store_size=False)
            data = frame[self._BLOCK]
            return data if len(data) < PAGE_SIZE else self._LITERALS + page

        return block


class Deflate(_ByLibrary):
    """Raw deflate, level 6, a 2 KiB window and memory level 8 (crypto/deflate.c)."""

    __slots__ = ()

    #: The kernel offers 4096 bytes, and zlib fails where its output just fills them.
    _LIMIT = PAGE_SIZE - 1

    @property
    def error(self) -> str:
        import zlib

        if "ng" in zlib.ZLIB_RUNTIME_VERSION:
            return "zlib-ng here, which searches otherwise than zlib: never compared"
        return ""

    def _compressor(self) -> Callable[[bytes], bytes]:
        import zlib

        def deflate(page: bytes) -> bytes:
            stream = zlib.compressobj(6, zlib.DEFLATED, -11, 8)
            return stream.compress(page) + stream.flush()

        return deflate

    def _decompress(self, data: ReadableBuffer) -> bytes:
        import zlib

        try:
            return _stream_end(zlib.decompressobj(-11), data)
        except zlib.error:
            return b""


#: Level 3 for a hint of the size to come, in the order of ``_ZSTD_NAMES`` (zstd's table).
_ZSTD_LEVEL_3 = {
    0: (21, 16, 17, 1, 5),
    4096: (12, 12, 13, 2, 4),
    1 << 18: (18, 16, 16, 1, 4),
}
_ZSTD_NAMES = ("window_log", "chain_log", "hash_log", "search_log", "min_match")

#: The versions that were as good as 1.5.2 on every page.
_LIKE_1_5_2 = ("1.5.1", "1.5.2", "1.5.4", "1.5.5", "1.5.6")
#: How far lengths of one zstd (the second) are from those of a kernel with another (the first).
ZSTD_ERROR = {
    **{("1.4.10", here): "" for here in ("1.4.8", "1.4.10")},
    **{("1.4.10", here): _off(7, 5666, 19, "0.50") for here in _LIKE_1_5_2},
    ("1.4.10", "1.5.7"): _off(7, 5666, 22, "1.42"),
    **{("1.5.2", here): "" for here in _LIKE_1_5_2},
    ("1.5.2", "1.5.7"): _off(80, 5852, 16, "1.07"),
    ("1.5.7", "1.5.7"): "",
}

#: The extra of ghostswap that installs a zstd with the lengths of a kernel's.
_ZSTD_EXTRA = {"1.4.10": "zstd-6.1", "1.5.2": "zstd-6.12"}


@dataclass(frozen=True, slots=True)
class Zstd(_ByLibrary):
    """Level 3 as the kernel sets it up, by Python's zstd or, where only that is exact, zstandard.

    :ivar version: the zstd that the kernel carries.
    :ivar hint: the size for which the kernel asks for level 3's parameters, 0 for any.
    :ivar libraries: by version, those to choose from; those that are here where ``None``.
    """

    version: str
    hint: int
    libraries: Mapping[str, ZstdLibrary] | None = None

    @property
    def key(self) -> str:
        """See :class:`Codec`."""
        return f"{self.name}-{self.version}-{self.hint}"

    def _libraries(self) -> Mapping[str, ZstdLibrary]:
        return zstd_libraries() if self.libraries is None else self.libraries

    @property
    def error(self) -> str:
        here = self._library()
        measured = self._error_of(here)
        if measured and self.version in _ZSTD_EXTRA:
            measured += f"; exact after pip install 'ghostswap[{_ZSTD_EXTRA[self.version]}]'"
        return measured and f"zstd {here} here, {self.version} in the kernel: {measured}"

    def _library(self) -> str:
        """Give the version to use: the first that is exact, else Python's own."""
        return min(self._libraries(), key=lambda version: bool(self._error_of(version)))

    def _error_of(self, version: str) -> str:
        return ZSTD_ERROR.get((self.version, version), "never compared")

    def _compressor(self) -> Callable[[bytes], bytes]:
        parameters = dict(zip(_ZSTD_NAMES, _ZSTD_LEVEL_3[self.hint], strict=True))
        return self._libraries()[self._library()](parameters)

    def _decompress(self, data: ReadableBuffer) -> bytes:
        # Whichever library made the frame, for older zstandards do not say where it ended.
        zstd = _zstd()
        # A frame of one page says its size, and asks for no more memory than that.
        options = {zstd.DecompressionParameter.window_log_max: PAGE_SIZE.bit_length() - 1}
        try:
            return _stream_end(zstd.ZstdDecompressor(options=options), data)
        except zstd.ZstdError:
            return b""


def _stream_end(stream: Any, data: ReadableBuffer) -> bytes:
    """Decompress to the end of *data*, or to one byte more than any page has."""
    page: bytes = stream.decompress(data, PAGE_SIZE + 1)
    return page if stream.eof and not stream.unused_data else b""


#: Parameters -> what compresses a page with them.
ZstdLibrary = Callable[[dict[str, int]], Callable[[bytes], bytes]]


@cache  # what is not there is searched for once, not for each page
def zstd_libraries() -> dict[str, ZstdLibrary]:
    """Give what makes compressors, by its version of zstd, Python's own first."""
    libraries: dict[str, ZstdLibrary] = {_zstd().zstd_version: _by_python}
    try:
        version = import_module("zstandard").ZSTD_VERSION
    except ImportError:  # it is optional
        return libraries
    libraries.setdefault(".".join(map(str, version)), _by_zstandard)
    return libraries


def _by_python(parameters: dict[str, int]) -> Callable[[bytes], bytes]:
    zstd = _zstd()
    names = zstd.CompressionParameter
    options = {getattr(names, name): value for name, value in parameters.items()}
    options[names.strategy] = zstd.Strategy.dfast
    stream = zstd.ZstdCompressor(options=options)
    return lambda page: stream.compress(page, stream.FLUSH_FRAME)


def _by_zstandard(parameters: dict[str, int]) -> Callable[[bytes], bytes]:
    zstd = import_module("zstandard")
    options = zstd.ZstdCompressionParameters(strategy=zstd.STRATEGY_DFAST, **parameters)
    compress: Callable[[bytes], bytes] = zstd.ZstdCompressor(compression_params=options).compress
    return compress


def _zstd() -> ModuleType:
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
