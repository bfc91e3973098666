# SPDX-License-Identifier: GPL-2.0-or-later
"""Live processes to look at, and another user's eyes."""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.children import PRELUDE

from ghostswap.errors import GhostswapError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Source

NOBODY = 65534


def await_pause(child: subprocess.Popen[str]) -> None:
    """Wait until *child* sleeps in ``pause()``: up to then it goes on touching pages."""
    assert child.stdout
    assert child.stdout.readline() == "\n", "the child failed"
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.001)


@pytest.fixture
def spawn() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Run Python code in a child up to its first ``pause()``."""
    children: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", f"{PRELUDE}\n{code}\npause()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        await_pause(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[int, bytes]]:
    """A process with 64 filled pages that is no descendant of this one, and its text."""
    text = secrets.token_hex(16)
    os.mkfifo(tmp_path / "ready")
    code = f"""{PRELUDE}
import time
m = anonymous(64)
fill(m, range(64), b{text!r})
print(flush=True)
time.sleep(600)
"""
    ready = os.open(tmp_path / "ready", os.O_RDWR)  # so that the child need not wait for a reader
    start = subprocess.run(
        ["sh", "-c", '"$0" -I -S -c "$1" > ready & echo $!', sys.executable, code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
    )
    pid = int(start.stdout)
    assert os.read(ready, 1) == b"\n"
    os.close(ready)
    yield pid, text.encode()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def go_on() -> Callable[[subprocess.Popen[str]], None]:
    """Let a child run to its next ``pause()``."""

    def run(child: subprocess.Popen[str]) -> None:
        assert child.stdin
        child.stdin.write("\n")
        child.stdin.flush()
        await_pause(child)

    return run


@pytest.fixture
def read_all() -> Callable[..., list[bytes]]:
    """Read a source to its end into a dirty buffer; return its pages, those that start so."""

    def read(source: Source, buffer_pages: int = 64, start: bytes = b"") -> list[bytes]:
        buffer = memoryview(bytearray(b"\xa5" * buffer_pages * PAGE_SIZE))
        pages: list[bytes] = []
        ended = False
        while got := source.readinto(buffer):
            assert not ended, "only the last chunk may be short"
            ended = got < len(buffer)
            assert got % PAGE_SIZE == 0
            views = (buffer[at : at + PAGE_SIZE] for at in range(0, got, PAGE_SIZE))
            pages += [bytes(view) for view in views if view[: len(start)] == start]
        assert source.readinto(buffer) == 0, "the end lasts"
        return pages

    return read


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], Any]], Any]:
    """Call a function as nobody, in a fork; return its result, or its error's message and hint."""
    if os.geteuid():
        pytest.skip("only root can become another user")

    def call(function: Callable[[], Any]) -> Any:
        reader, writer = os.pipe()
        if not (pid := os.fork()):
            try:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                try:
                    answer = function()
                except GhostswapError as error:
                    answer = error.message, error.hint
                os.write(writer, pickle.dumps(answer))
            finally:
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as stream:
            answer = pickle.loads(stream.read())
        os.waitpid(pid, 0)
        return answer

    return call
