# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the C code and the routes around it from pages and streams that nobody thought of."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig

import lz4.block
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpora import patchwork

from ghostswap import codecs
from ghostswap.codecs.algorithms import COMPILED

NAMES = tuple(name for name in codecs.names() if COMPILED or name not in ("lz4", "lzo", "lzo-rle"))
ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
SOURCES = [
    os.path.join(ROOT, "ghostswap", "codecs", name) for name in ("_codecs.c", "stack_distances.c")
]

#: The codecs' own thresholds and what lies around them.
LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 18, 19, 33, 34, 260, 270, 2051, 2100)

codec_names = st.sampled_from(NAMES)
pages = st.lists(
    st.tuples(
        st.sampled_from(("literals", "copy", "run")),
        st.sampled_from(LENGTHS) | st.integers(1, 4096),
        st.integers(0, 4095),
    ),
    min_size=1,
    max_size=24,
).map(patchwork)


@settings(deadline=None, max_examples=200)
@given(name=codec_names, page=pages)
def test_every_page_comes_back(name: str, page: bytes) -> None:
    codec = codecs.get(name)
    data = codec.compress(page)
    assert codec.decompress(data) == page
    assert list(codec.raw_lengths(page + page)) == [len(data)] * 2


@pytest.mark.skipif(not COMPILED, reason="ghostswap.codecs._codecs was not built")
@settings(deadline=None, max_examples=200)
@given(page=pages)
def test_the_libraries_decode_our_streams(page: bytes) -> None:
    data = codecs.get("lz4").compress(page)
    assert lz4.block.decompress(data, uncompressed_size=4096) == page
    if path := ctypes.util.find_library("lzo2"):
        data = codecs.get("lzo").compress(page)
        out, length = ctypes.create_string_buffer(4096), ctypes.c_size_t(4096)
        status = ctypes.CDLL(path).lzo1x_decompress_safe(
            data, ctypes.c_size_t(len(data)), out, ctypes.byref(length), None
        )
        assert (status, out.raw[: length.value]) == (0, page)


def decompressed_or_refused(codec: codecs.Codec, data: bytes) -> bytes | None:
    try:
        page = codec.decompress(data)
    except ValueError:
        return None
    assert len(page) == 4096
    return page


@settings(deadline=None, max_examples=300)
@given(name=codec_names, data=st.binary(max_size=6000))
def test_any_bytes_decompress_to_a_page_or_are_refused(name: str, data: bytes) -> None:
    decompressed_or_refused(codecs.get(name), data)


@settings(deadline=None, max_examples=300)
@given(name=codec_names, page=pages, data=st.data())
def test_damaged_streams_decompress_to_a_page_or_are_refused(
    name: str, page: bytes, data: st.DataObject
) -> None:
    codec = codecs.get(name)
    stream = bytearray(codec.compress(page))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    decompressed_or_refused(codec, bytes(stream))


@settings(deadline=None, max_examples=200)
@given(name=codec_names, page=pages, data=st.data())
def test_streams_cut_short_or_drawn_out_are_refused(
    name: str, page: bytes, data: st.DataObject
) -> None:
    codec = codecs.get(name)
    stream = codec.compress(page)
    # The last bytes of an lz4 block are literals: less of them are a block, but not of a page.
    cut = data.draw(st.integers(0, len(stream) - 1))
    assert decompressed_or_refused(codec, stream[:cut]) is None
    assert decompressed_or_refused(codec, stream + b"\0") is None


@pytest.mark.skipif(not COMPILED, reason="ghostswap.codecs._codecs was not built")
def test_matches_from_nowhere_are_refused() -> None:
    """Distance 0 would hand out the stack, distance 2 what lies before the page."""
    codec = codecs.get("lz4")

    def block(distance: int) -> bytes:
        """1 literal, 4090 bytes of it over again, 5 literals."""
        return b"\x1fA" + bytes([distance, 0]) + b"\xff" * 15 + b"\xf6" + b"\x50AAAAA"

    assert codec.decompress(block(1)) == b"A" * 4096
    assert decompressed_or_refused(codec, block(0)) is None
    assert decompressed_or_refused(codec, block(2)) is None


SANITIZED = """
import importlib.machinery, importlib.util, json, random, sys
from array import array

from tests.support.corpora import patchwork

loader = importlib.machinery.ExtensionFileLoader("_codecs", sys.argv[1])
c = importlib.util.module_from_spec(importlib.util.spec_from_loader("_codecs", loader))
rng = random.Random(4096)

def page():
    whats, lengths = ("literals", "copy", "run"), json.loads(sys.argv[2])
    pieces = [
        (rng.choice(whats), rng.choice(lengths), rng.randrange(4096))
        for _ in range(rng.randrange(1, 24))
    ]
    # An array's memory ends where the page does, so the sanitizer sees one byte more being read.
    return array("B", patchwork(pieces))

def damaged(data):
    '''Some bytes off, most by one, as lengths and distances that are just too large need it.'''
    data = bytearray(data)
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(data))
        data[at] = (data[at] + rng.choice((1, 1, 255, rng.randrange(256)))) % 256
    return array("B", data[: rng.choice((len(data), rng.randrange(len(data) + 1)))])

for round in range(300):
    for name in ("lz4", "lzo", "lzo-rle"):
        p = page()
        data = c.compress(name, p)
        assert c.decompress(name, array("B", data)) == p.tobytes()
        assert c.raw_lengths(name, p) == len(data).to_bytes(2, "little")
        c.measure(name, p)
        for bad in (damaged(data), damaged(data), array("B", rng.randbytes(rng.randrange(300)))):
            try:
                c.decompress(name, bad)
            except ValueError:
                pass

def zero_run(n):
    return bytes((0x18 | n & 7, 0xFC, 0xFF, n >> 3))

for n in range(2048):  # up to and beyond the end of the page, which no damage comes across
    try:
        c.decompress("lzo-rle", b"\\x11\\x01\\x15page" + zero_run(2047) + zero_run(n))
    except ValueError:
        pass
for pages in (1, 2, 63, 64, 65, 255, 256, 257, 1000):
    places, counts = array("I", range(pages)), array("Q", bytes(8 * pages))
    for touches in (0, 1, 255, 256, 257, 3000):
        touched = array("I", [rng.randrange(pages) for _ in range(touches)])
        c.stack_distances(places, touched, counts)
    assert sorted(places) == list(range(pages)) and sum(counts) == 3769
    for bad in ((array("I", [0] * pages + [0]), b"", counts), (places, b"", b"\\0"), (
        array("I", [pages]), b"", array("Q", [0])), (places, array("I", [pages]), counts)):
        try:
            c.stack_distances(*bad)
            raise SystemExit(f"taken: {bad}")
        except (ValueError, TypeError, BufferError):
            pass
print("clean")
"""


def test_sanitizers_find_nothing_in_the_c_code(tmp_path: os.PathLike[str]) -> None:
    include = sysconfig.get_paths()["include"]
    if not shutil.which("gcc") or not os.path.exists(os.path.join(include, "Python.h")):
        pytest.skip("gcc or Python.h is missing")
    asan = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not os.path.isabs(asan):
        pytest.skip("libasan is missing")
    module = os.path.join(tmp_path, "_codecs.so")
    subprocess.run(
        [
            *("gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
            *("-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *("-DPy_LIMITED_API=0x030b0000", f"-I{include}", *SOURCES, "-o", module),
        ],
        check=True,
    )
    result = subprocess.run(
        [sys.executable, "-c", SANITIZED, module, json.dumps(LENGTHS)],
        cwd=ROOT,
        env={
            "LD_PRELOAD": asan,
            "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
            "PYTHONMALLOC": "malloc",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("clean\n", "", 0)
