# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet add``: files found, read by whoever is there, and taken into the store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256

from ghostswap.cli.reports.fleet import add_report
from ghostswap.cli.reports.fleet.add_report import Added
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.executor.choice import engine_for
from ghostswap.executor.engine import Failure
from ghostswap.fleet.figures import Column, Host, read
from ghostswap.fleet.runs import DEADLINE
from ghostswap.fleet.store import Store
from ghostswap.pages.profiles import MAGIC

SUFFIX = ".gsp"
#: Bytes of profiles, and hosts, that go to the disk together at most.
_TOGETHER, _HOSTS = 8 << 20, 200
#: A file, and what its host is called.
Named = tuple[str, str]


def run(paths: tuple[str, ...], store: str, jobs: int | None, *, as_json: bool) -> int:
    """Add the profiles at *paths* to *store*; 1 where one cannot be added, else 0.

    :raises GhostswapError: where the store cannot be written.
    """
    files, failed = find(paths)
    with Store(store, create=True) as opened:
        found = _add(opened, files, failed, jobs)
    if as_json:
        emit_json(add_report.as_json(found))
    else:
        add_report.print_all(found)
    return 1 if found.failed else 0


def find(paths: Iterable[str]) -> tuple[list[Named], dict[str, str]]:
    """All profiles at *paths*, with the names of their hosts; and what is none, with why.

    A host is called as its file is, below the directory that was named.
    """
    files: dict[str, str] = {}
    failed: dict[str, str] = {}

    def broken(error: OSError) -> None:
        failed[str(error.filename)] = os.strerror(error.errno or 0)

    for path in paths:
        if not os.path.isdir(path):
            files.setdefault(path, os.path.basename(path).removesuffix(SUFFIX))
            continue
        before = len(files)
        for directory, inner, names in os.walk(path, onerror=broken):
            inner.sort()
            for name in sorted(names):
                if name.endswith(SUFFIX):
                    file = os.path.join(directory, name)
                    files.setdefault(file, os.path.relpath(file, path).removesuffix(SUFFIX))
        if len(files) == before and path not in failed:
            failed[path] = f"there is no file in it that ends in {SUFFIX}"
    return list(files.items()), failed


def _add(store: Store, files: list[Named], failed: dict[str, str], jobs: int | None) -> Added:
    known = 0
    added = 0
    waiting: dict[str, bytes] = {}
    ready: list[tuple[Host, tuple[Column, ...], bytes]] = []

    def new() -> Iterator[tuple[str, tuple[str, str, bytes]]]:
        nonlocal known
        seen = set()
        for path, name in files:
            try:
                data = _read(path)
            except GhostswapError as error:
                failed[path] = _why(path, error)
                advance(1)
                continue
            digest = sha256(data).digest()
            if digest in seen or store.has(digest):
                known += 1
                advance(1)
                continue
            seen.add(digest)
            waiting[path] = data
            yield path, (path, name, data)

    def flush() -> None:
        nonlocal added
        with store.writing():
            for host, columns, data in ready:
                store.add(host, columns, data)
        added += len(ready)
        ready.clear()

    with (
        progress_bar("profiles", len(files)) as advance,
        engine_for(jobs, len(files), DEADLINE, None) as engine,
    ):
        for path, of in engine.map(_describe, new()):
            data = waiting.pop(path)
            if isinstance(of, Failure):
                failed[path] = _why(path, of.error)
            else:
                ready.append((*of, data))
                if len(ready) == _HOSTS or sum(len(one[2]) for one in ready) >= _TOGETHER:
                    flush()
            advance(1)
        flush()
    return Added(store.path, added, known, store.count(), dict(sorted(failed.items())))


def _describe(sent: tuple[str, str, bytes]) -> tuple[Host, tuple[Column, ...]]:
    return read(*sent)


def _read(path: str) -> bytes:
    """The file at *path*, if it begins as a profile does.

    :raises TargetError: where it does not, or cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a FIFO would wait for its writer
            raise TargetError(path, "is not a file")
        with open(path, "rb") as file:
            head = file.read(len(MAGIC))
            return head if head != MAGIC else head + file.read()
    except OSError as error:
        raise TargetError.from_os(path, error) from error
    except ValueError:
        raise TargetError(path, "has a NUL byte in its name") from None


def _why(path: str, error: GhostswapError) -> str:
    """What is wrong, without the *path* before it."""
    return error.message.removeprefix(f"{path}: ")
