# SPDX-License-Identifier: GPL-2.0-or-later
"""The file in which a fleet is kept: profiles, a few figures of each, and what was run of them.

SQLite with a write-ahead log: what was said to be added is on the disk, whatever happens then, and
others read while one writes. What is in it goes by its content, so that the same profile is in it
once, and a run that was made is not made again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

from ghostswap.errors import GhostswapError, TargetError
from ghostswap.fleet.figures import Column, Figures, Host

#: Which kind of SQLite file it is, and of which version.
APPLICATION_ID = int.from_bytes(b"gspf", "big")
VERSION = 1
#: Seconds to wait for another one who writes.
_PATIENCE = 60.0
_SCHEMA = """
CREATE TABLE host (
    digest BLOB PRIMARY KEY, name BLOB NOT NULL, kernel TEXT NOT NULL, machine TEXT NOT NULL,
    mem_total INTEGER NOT NULL, pages INTEGER NOT NULL, measured INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE profile (digest BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE figures (
    digest BLOB NOT NULL, number INTEGER NOT NULL, compressor TEXT NOT NULL, error TEXT NOT NULL,
    blob BLOB NOT NULL, PRIMARY KEY (digest, number)
) WITHOUT ROWID;
CREATE TABLE result (key BLOB PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;
"""
_HOST = "digest, name, kernel, machine, mem_total, pages, measured"
_MADE = "make one: ghostswap fleet add DIR --store FILE"


class Store:
    """An open store; a context manager.

    :param path: of the file.
    :param create: make it where it is not there yet.
    :raises TargetError: where it is not there, is no store, is newer, or cannot be opened.
    """

    def __init__(self, path: str, *, create: bool = False) -> None:
        self.path = path
        self._may_write = True
        self._open(create=create)

    def _open(self, *, create: bool) -> None:
        path = self.path
        if "\0" in path:
            raise TargetError(path, "has a NUL byte in its name")
        try:
            if create and not os.path.lexists(path):
                with suppress(FileExistsError):  # somebody else makes it now
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            if not os.path.isfile(path):
                os.stat(path)
                raise TargetError(path, "is not a file", "give another --store")
            self._may_write = os.access(path, os.W_OK) and os.access(
                os.path.dirname(path) or ".", os.W_OK
            )
        except FileNotFoundError as error:
            if create:
                raise TargetError.from_os(path, error, "cannot be made") from error
            raise TargetError(path, "there is no such store", _MADE) from None
        except OSError as error:
            raise TargetError.from_os(path, error, "cannot be opened") from error
        if create and not self._may_write:
            raise TargetError(path, "cannot be written", "give another --store")
        # Where nothing may be written, not even the log's index, nobody writes meanwhile either.
        how = "mode=rw" if self._may_write else "immutable=1"
        try:
            self._db = sqlite3.connect(
                f"file:{quote(os.fsencode(path))}?{how}",
                timeout=_PATIENCE,
                isolation_level=None,
                uri=True,
            )
        except sqlite3.Error as error:
            raise self._error(error) from error
        try:
            self._check(create=create)
        except BaseException:
            self.close()
            raise

    def _check(self, *, create: bool) -> None:
        with self._said():
            kind, version, tables = self._look()
            if kind == 0 and tables == 0 and create:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._make()
                kind, version, _ = self._look()
            elif kind == 0 and tables == 0:
                raise TargetError(self.path, "is empty", _MADE)
        if kind != APPLICATION_ID:
            raise TargetError(self.path, "is no store of a fleet", "give another --store")
        if version != VERSION:
            raise TargetError(
                self.path,
                f"is a store of version {version}, and versions up to {VERSION} are known here",
                "use a newer ghostswap, as where it was made",
            )
        self._db.execute("PRAGMA synchronous = FULL")

    def _look(self) -> tuple[int, int, int]:
        """Which kind of file it is, of which version, and how many tables are in it."""
        (kind,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return kind, version, tables

    def _make(self) -> None:
        with self.writing():
            if self._look()[2]:
                return  # somebody else was quicker
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what is not written by then never was."""
        with suppress(sqlite3.Error):  # a log that cannot be emptied is read by the next
            self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written within is in the file at the end, or none of it.

        :raises TargetError: where the disk is full, or another one writes for long.
        """
        with self._said():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # some errors have done so
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _said(self) -> Iterator[None]:
        """SQLite's errors as sentences."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> GhostswapError:
        name = getattr(error, "sqlite_errorname", "")
        said, cure = _ERRORS.get(name.split("_")[1] if "_" in name else "", (str(error), ""))
        return TargetError(self.path, said, cure)

    # What is in it

    def has(self, digest: bytes) -> bool:
        """Whether there is a host with this profile."""
        with self._said():
            found = self._db.execute("SELECT 1 FROM host WHERE digest = ?", (digest,))
            return found.fetchone() is not None

    def add(self, host: Host, columns: Sequence[Column], data: bytes) -> None:
        """Take *host* in, within :meth:`writing`; one that is there stays as it is.

        :param data: its profile.
        """
        if self.has(host.digest):
            return
        own = (host.kernel, host.machine, host.mem_total, host.pages, host.measured)
        self._db.execute(
            f"INSERT INTO host ({_HOST}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (host.digest, host.raw_name, *own),
        )
        self._db.execute("INSERT INTO profile VALUES (?, ?)", (host.digest, data))
        for number, one in enumerate(columns):
            row = (host.digest, number, one.compressor, one.error, one.figures.pack())
            self._db.execute("INSERT INTO figures VALUES (?, ?, ?, ?, ?)", row)

    def hosts(self) -> list[Host]:
        """All hosts, by name."""
        with self._said():
            rows = self._db.execute(f"SELECT {_HOST} FROM host ORDER BY name, digest").fetchall()
        return [Host(row[0], os.fsdecode(row[1]), *row[2:]) for row in rows]

    def count(self) -> int:
        """How many hosts there are."""
        with self._said():
            (count,) = self._db.execute("SELECT count(*) FROM host").fetchone()
        return int(count)

    def columns(self, host: Host) -> tuple[Column, ...]:
        """What *host*'s memory is by each compressor."""
        with self._said():
            rows = self._db.execute(
                "SELECT compressor, error, blob FROM figures WHERE digest = ? ORDER BY number",
                (host.digest,),
            ).fetchall()
        return tuple(Column(name, error, Figures.unpack(blob)) for name, error, blob in rows)

    def profile(self, host: Host) -> bytes:
        """The file that *host* was added by."""
        with self._said():
            (data,) = self._db.execute(
                "SELECT data FROM profile WHERE digest = ?", (host.digest,)
            ).fetchone()
        return bytes(data)

    def result(self, key: bytes) -> bytes | None:
        """What is kept under *key*; ``None`` where nothing is."""
        with self._said():
            row = self._db.execute("SELECT blob FROM result WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    @property
    def may_write(self) -> bool:
        """Whether this user may write to it."""
        return self._may_write

    def keep(self, results: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep what came of runs, by their keys; all, or none where that fails."""
        with self.writing():
            self._db.executemany("INSERT OR IGNORE INTO result VALUES (?, ?)", results)


#: SQLite's primary error codes in words, and what to do.
_ERRORS = {
    "NOTADB": ("is no store of a fleet", "give another --store"),
    "FULL": ("no room is left on its disk", "make room and run it again: what was added is kept"),
    "IOERR": ("cannot be read or written", "see whether its disk is full or broken"),
    "BUSY": ("somebody else writes to it", "wait for that to end and run it again"),
    "LOCKED": ("somebody else writes to it", "wait for that to end and run it again"),
    "READONLY": ("cannot be written", "give another --store, or see who owns it"),
    "CANTOPEN": ("cannot be opened", "see who owns it and its directory"),
    "CORRUPT": ("is damaged", "add the profiles to a new one"),
    "PERM": ("cannot be opened", "see who owns it"),
}
