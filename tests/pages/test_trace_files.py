# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that recorded traces are read as they were written, once or again, and errors named."""

from __future__ import annotations

import os
import random
import socket
import struct
import tempfile
import threading
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import TargetError, UsageError
from ghostswap.pages.touches import CHUNK_TOUCHES
from ghostswap.pages.trace import Trace, open_trace

FORMATS = ("u32", "csv", "oracle")


def encode(format: str, pages: list[int]) -> bytes:
    """A trace of *pages*, which appear in the order of their numbers."""
    match format:
        case "u32":
            return struct.pack(f"<{len(pages)}I", *pages)
        case "csv":
            return b"".join(b"%d\n" % page for page in pages)
    return b"".join(struct.pack("<IQIq", 0, page * 7 + 3, 4096, -1) for page in pages)


def pages_of(trace: Trace, pages: int) -> list[int]:
    return [page for touches in trace.chunks([pages]) for page in touches.pages]


def some_pages(count: int) -> list[int]:
    rng = random.Random(count)
    return [at if at < 1000 else rng.randrange(1000) for at in range(count)]


@contextmanager
def piped(content: bytes) -> Iterator[int]:
    """A pipe that *content* comes out of, a little at a time."""
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb", buffering=0) as file:
            for at in range(0, len(content), 30_001):
                file.write(content[at : at + 30_001])

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("count", [1, CHUNK_TOUCHES, 2 * CHUNK_TOUCHES + 5])
def test_a_file_is_read_as_written_and_again(format: str, count: int, tmp_path: Path) -> None:
    pages = some_pages(count)
    (tmp_path / "trace").write_bytes(encode(format, pages))
    trace = open_trace(f"{format}:{tmp_path}/trace", group=3)
    assert trace.touches == (None if format == "csv" else count)
    assert trace.name == f"{tmp_path}/trace"
    for _ in range(2):
        chunks = list(trace.chunks([9, 9, 9, 1000]))
        assert [page for touches in chunks for page in touches.pages] == pages
        assert {(touches.group, touches.writes) for touches in chunks} <= {(3, None)}
        assert all(0 < len(touches.pages) <= CHUNK_TOUCHES for touches in chunks)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("most", [1, 70_000, 10**9])
def test_no_more_is_read_than_was_asked_for(format: str, most: int, tmp_path: Path) -> None:
    pages = some_pages(80_000)
    (tmp_path / "trace").write_bytes(encode(format, pages) + encode(format, [999] * 9))
    trace = open_trace(f"{format}:{tmp_path}/trace", touches=most)
    assert pages_of(trace, 1000)[:80_000] == pages[:most]
    assert trace.touches in (None, min(most, 80_009))


@pytest.mark.parametrize("format", FORMATS)
def test_writes_are_drawn_for_a_file_that_does_not_say(format: str, tmp_path: Path) -> None:
    pages = some_pages(50_000)
    (tmp_path / "trace").write_bytes(encode(format, pages))
    (touches,) = open_trace(f"{format}:{tmp_path}/trace", writes="odd").chunks([1000])
    assert touches.writes == bytes((page & 1) << 1 for page in pages)
    (touches,) = open_trace(f"{format}:{tmp_path}/trace", write_ratio=0.5).chunks([1000])
    assert touches.writes
    assert 24_000 < sum(touches.writes) < 26_000


@pytest.mark.parametrize("format", FORMATS)
def test_a_pipe_is_read_once_and_kept(format: str) -> None:
    pages = some_pages(150_000)
    with piped(encode(format, pages)) as fd:
        trace = open_trace(f"{format}:/dev/fd/{fd}")
        assert trace.touches is None
        for _ in range(2):
            assert pages_of(trace, 1000) == pages


def test_what_is_kept_of_a_pipe_has_no_name_and_no_descriptor_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    with piped(encode("u32", [5] * 100)) as fd:
        trace = open_trace(f"u32:/dev/fd/{fd}")
        assert pages_of(trace, 9) == [5] * 100
        assert os.listdir(tmp_path) == []
        del trace
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_that_cannot_be_kept_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with (
        piped(b"") as fd,
        pytest.raises(TargetError, match=r"cannot be kept in \$TMPDIR: No such file"),
    ):
        pages_of(open_trace(f"u32:/dev/fd/{fd}"), 9)


@pytest.fixture
def as_stdin() -> Iterator[Callable[[int], object]]:
    """Make a file descriptor standard input for a while."""
    kept = os.dup(0)
    yield lambda fd: os.dup2(fd, 0)
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("format", FORMATS)
def test_standard_input_is_read_once_and_waited_for(
    format: str, as_stdin: Callable[[int], object]
) -> None:
    pages = some_pages(100_000)
    with piped(encode(format, pages)) as fd:
        os.set_blocking(fd, False)
        as_stdin(fd)
        trace = open_trace(f"{format}:-")
        assert pages_of(trace, 1000) == pages
        assert pages_of(trace, 1000) == pages


def test_standard_input_that_cannot_be_a_trace_is_refused(
    as_stdin: Callable[[int], object], tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    as_stdin(theirs)
    with pytest.raises(UsageError, match="terminal"):
        open_trace("csv:-")
    os.close(ours)
    os.close(theirs)
    directory = os.open(tmp_path, os.O_RDONLY)
    as_stdin(directory)
    os.close(directory)
    with pytest.raises(TargetError, match="standard input: cannot read: Is a directory"):
        pages_of(open_trace("csv:-"), 9)
    os.close(0)
    with pytest.raises(TargetError, match="standard input: Bad file descriptor"):
        pages_of(open_trace("csv:-"), 9)


@pytest.mark.parametrize(
    ("format", "where"),
    [("u32", "record 70000"), ("csv", "line 70001"), ("oracle", "record 70000")],
)
def test_a_page_beyond_memory_is_named(format: str, where: str, tmp_path: Path) -> None:
    pages = [number % 100 for number in range(70_000)]
    (tmp_path / "trace").write_bytes(encode(format, [*pages, 100, *pages]))
    trace = open_trace(f"{format}:{tmp_path}/trace")
    message = f"trace: {where} touches page 100, but the memory has pages 0 to 99$"
    with pytest.raises(TargetError, match=message):
        pages_of(trace, 100)
    assert len(pages_of(trace, 101)) == 140_001
    with pytest.raises(TargetError, match="touches page 0, but the memory has no pages"):
        pages_of(trace, 0)


@pytest.mark.parametrize("format", ["u32", "oracle"])
@pytest.mark.parametrize("lost", [1, 3])
def test_a_trace_cut_short_is_refused(format: str, lost: int, tmp_path: Path) -> None:
    content = encode(format, some_pages(70_000))[:-lost]
    path = tmp_path / "trace"
    path.write_bytes(content)
    message = "trace: ends in the middle of record 69999"
    with pytest.raises(TargetError, match=message) as caught:
        open_trace(f"{format}:{path}")
    assert "cut short" in caught.value.hint
    with (
        piped(content) as fd,
        pytest.raises(TargetError, match="ends in the middle of record 69999"),
    ):
        pages_of(open_trace(f"{format}:/dev/fd/{fd}"), 1000)


@pytest.mark.parametrize("format", ["u32", "oracle", "csv"])
@pytest.mark.parametrize("content", [b"", b"page,write\n\n"])
def test_a_trace_without_touches_is_refused(format: str, content: bytes, tmp_path: Path) -> None:
    if content and format != "csv":
        pytest.skip("only a CSV can have more than its touches")
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(TargetError, match="trace: has no touches"):
        pages_of(open_trace(f"{format}:{path}"), 1000)
    with piped(content) as fd, pytest.raises(TargetError, match="has no touches"):
        pages_of(open_trace(f"{format}:/dev/fd/{fd}"), 1000)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"page,writes", '"writes", which is not known'),
        (b"when,page", '"when", which is not known'),
        (b"page,page", '"page", twice'),
        (b"page,\x1b[31m", r'"\\x1b\[31m", which is not known'),
    ],
)
def test_a_column_that_is_not_known_is_named(header: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(header + b"\n1,2\n")
    with pytest.raises(TargetError, match=f"the first line names the column {said}") as caught:
        pages_of(open_trace(f"{tmp_path}/a.csv"), 1000)
    assert "page[,write][,group]" in caught.value.hint


def test_what_is_no_file_is_refused_without_waiting(
    tmp_path: Path, as_nobody: Callable[[Callable[[], Any]], Any]
) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path in (str(tmp_path), str(tmp_path / "socket"), "/dev/zero"):
            with pytest.raises(TargetError, match=f"^{path}: is neither a file nor a pipe$"):
                open_trace(f"u32:{path}")
    with pytest.raises(TargetError, match="No such file"):
        open_trace(f"{tmp_path}/gone.csv")
    with pytest.raises(UsageError, match="NUL"):
        open_trace("csv:\0")
    (tmp_path / "a.csv").touch(0)
    message, _ = as_nobody(lambda: open_trace(f"{tmp_path}/a.csv"))
    assert message == f"{tmp_path}/a.csv: Permission denied"


def test_oracle_general_is_read_as_libcachesim_reads_it(
    tmp_path: Path, libcachesim: ModuleType
) -> None:
    rng = random.Random(5)
    objects = [(1 << 64) - 1, *(high << 32 | low for high in range(23) for low in range(13))]
    records = [(at // 10, rng.choice(objects), rng.randrange(1, 1 << 20), -1) for at in range(5000)]
    path = tmp_path / "a.oracleGeneral"
    path.write_bytes(b"".join(struct.pack("<IQIq", *record) for record in records))
    reader = libcachesim.TraceReader(str(path), libcachesim.TraceType.ORACLE_GENERAL_TRACE)
    numbers: dict[int, int] = {}
    expected = [numbers.setdefault(request.obj_id, len(numbers)) for request in reader]
    assert len(expected) == 5000
    assert pages_of(open_trace(str(path)), 300) == expected


# CSV


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([8], "line 3 names group 1, but there is only group 0"),
        ([8, 9, 9], "line 4 names group 3, but there are groups 0 to 2"),
        ([8, 8, 9, 8], "line 3 touches page 8, but the memory of group 1 has pages 0 to 7"),
        ([7, 9, 9, 8], "line 2 touches page 7, but the memory of group 0 has pages 0 to 6"),
        ([8, 9, 0, 7], "line 4 touches page 7, but the memory of group 3 has pages 0 to 6"),
    ],
)
def test_a_page_is_one_of_the_group_that_the_line_names(
    pages: list[int], said: str, tmp_path: Path
) -> None:
    """Not one of the group whose trace it is, and never of a group that is not there."""
    (tmp_path / "t.csv").write_bytes(b"page,group\n7,0\n8,1\n7,3\n")
    with pytest.raises(TargetError, match=f"t.csv: {said}$"):
        list(open_trace(f"{tmp_path}/t.csv").chunks(pages))


def rows_of(content: bytes, path: Path, **options: Any) -> list[tuple[int, int, int | None]]:
    path.write_bytes(content)
    return [
        (touches.group, page, touches.writes[at] if touches.writes is not None else None)
        for touches in open_trace(f"csv:{path}", **options).chunks([100] * 8)
        for at, page in enumerate(touches.pages)
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"1\n2", [(7, 1, None), (7, 2, None)]),
        (b"page\r\n1\r\n\r\n2\r\n", [(7, 1, None), (7, 2, None)]),
        (b"1,0\n2,1\n3,r\n4, W \n", [(7, 1, 0), (7, 2, 1), (7, 3, 0), (7, 4, 1)]),
        (b"1,2\n2,RW\n", [(7, 1, 2), (7, 2, 2)]),
        (b"1,r,0\n1,r,1\n2,w,1\n2,r,0\n", [(0, 1, 0), (1, 1, 0), (1, 2, 1), (0, 2, 0)]),
        (b"Group, Page\n2,9\n\n2,8\n", [(2, 9, None), (2, 8, None)]),
        (b"write,page\nw,9\nr,9\n", [(7, 9, 1), (7, 9, 0)]),
    ],
)
def test_csv_with_names_or_without(
    content: bytes, rows: list[tuple[int, int, int | None]], tmp_path: Path
) -> None:
    assert rows_of(content, tmp_path / "trace", group=7) == rows


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"1\nx\n", 2),
        (b"1\n\n-1\n", 3),
        (b"1\n2,1\n", 2),
        (b"1,1\n2\n", 2),
        (b"1,3\n", 1),
        (b"1,w,-1\n", 1),
        (b"1,w,0,5\n", 1),
        (b"pages\n1\n", 1),
        (b"write\n1\n", 1),
        (b'"1"\n', 1),
        (b"\xef\xbb\xbf1\n", 1),
        (b"1\n\x1b[31m\0\xff\n", 2),
        (b"1\n" + b"1" * 5000 + b"\n", 2),
        (b"1\n" + b"1" * (3 << 20), 2),
    ],
)
def test_a_line_that_is_no_touch_is_named(content: bytes, line: int, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=f"trace: line {line} is no touch: ") as caught:
        rows_of(content, tmp_path / "trace")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < len(str(tmp_path)) + 300
    assert "page[,write][,group]" in caught.value.hint


@given(st.one_of(st.binary(max_size=60), st.text("0123456789,rw\n \rpagew_-+", max_size=60)))
def test_any_csv_is_a_trace_or_refused(content: bytes | str) -> None:
    encoded = content if isinstance(content, bytes) else content.encode()
    with piped(encoded) as fd:
        trace = open_trace(f"csv:/dev/fd/{fd}")
        with suppress(TargetError):
            assert all(page < 100 for page in pages_of(trace, 100))


def test_a_line_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv"
    path.touch()
    os.truncate(path, 64 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(TargetError, match="line 1 is no touch"):
            pages_of(open_trace(str(path)), 100)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_csv_that_says_who_writes_is_not_overruled(tmp_path: Path) -> None:
    for content in (b"1,w\n", b"page,write\n"):
        with pytest.raises(UsageError, match="says itself which touches write"):
            rows_of(content, tmp_path / "trace", write_ratio=0.5)
    assert rows_of(b"1\n3\n", tmp_path / "trace", writes="odd") == [(0, 1, 2), (0, 3, 2)]


def test_a_group_is_handed_over_in_chunks(tmp_path: Path) -> None:
    (tmp_path / "trace").write_bytes(b"1,w,4\n" * 70_000 + b"2,r,5\n")
    chunks = list(open_trace(f"csv:{tmp_path}/trace").chunks([9] * 6))
    assert [(touches.group, len(touches.pages)) for touches in chunks] == [
        (4, CHUNK_TOUCHES),
        (4, 70_000 - CHUNK_TOUCHES),
        (5, 1),
    ]
    assert chunks[2].pages == array("I", [2])
