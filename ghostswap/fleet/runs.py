# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of many hosts: those that were made before come from the store, the others from an engine.

What comes of a run is kept as it comes, so that who is stopped goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ghostswap.executor.engine import Engine, Failure
from ghostswap.fleet.figures import Host
from ghostswap.fleet.store import Store
from ghostswap.fleet.tasks import Asked, Sent, Stored, identity, store_all

#: Seconds of results that go to the disk together.
_TOGETHER = 0.2
#: Seconds that one task may take: more than a host of 64 GiB does, each page of which is known.
DEADLINE = 600.0
#: What of each host is asked, by its number.
Wanted = Mapping[int, Sequence[Asked]]


class Failed(NamedTuple):
    """A host that came to nothing, and why."""

    host: Host
    why: str


class Runs:
    """What was run of *hosts*, all of which are in the *store*.

    :ivar failed: by number of the host, those that failed so far; nothing more is run of them.
    """

    def __init__(self, store: Store, hosts: Sequence[Host], engine: Engine) -> None:
        self.failed: dict[int, Failed] = {}
        self._store = store
        self._hosts = hosts
        self._engine = engine
        self._found: dict[tuple[int, Asked], Stored] = {}

    def of(self, number: int, asked: Asked) -> Stored:
        """What became of host *number*, which was run so and did not fail."""
        return self._found[number, asked]

    def make(self, wanted: Wanted, done: Callable[[int], None]) -> None:
        """Run all that is *wanted*.

        :param done: is called with how many hosts were just done.
        """
        missing = {}
        for number, all_asked in wanted.items():
            if number in self.failed:
                continue
            open_ = [asked for asked in dict.fromkeys(all_asked) if not self._know(number, asked)]
            if open_:
                missing[number] = open_
            else:
                done(1)
        kept: list[tuple[bytes, bytes]] = []
        last = 0.0  # so that the first goes at once, for what comes next may take long
        try:
            for number, blobs in self._engine.map(store_all, self._sent(missing)):
                if isinstance(blobs, Failure):
                    self._fail(number, blobs.why)
                else:
                    for asked, blob in zip(missing[number], blobs, strict=True):
                        self._found[number, asked] = Stored.of(blob)
                        kept.append((asked.key(self._hosts[number].digest), blob))
                if time.monotonic() - last >= _TOGETHER:
                    self._keep(kept)
                    last = time.monotonic()
                done(1)
        finally:
            self._keep(kept)

    def _fail(self, number: int, why: str) -> None:
        host = self._hosts[number]
        named = f"{host.name}: "
        self.failed[number] = Failed(host, named + why.removeprefix(named))

    def _know(self, number: int, asked: Asked) -> bool:
        """Whether that was run, here or before."""
        if (number, asked) in self._found:
            return True
        blob = self._store.result(asked.key(self._hosts[number].digest))
        if blob is None:
            return False
        self._found[number, asked] = Stored.of(blob)
        return True

    def _sent(self, missing: Wanted) -> Iterator[tuple[int, Sent]]:
        for number, all_asked in missing.items():
            host = self._hosts[number]
            texts = [asked.text() for asked in all_asked]
            made_by = identity(all_asked[0])
            yield number, (host.name, self._store.profile(host), texts, made_by)

    def _keep(self, results: list[tuple[bytes, bytes]]) -> None:
        if results and self._store.may_write:
            self._store.keep(results)
        results.clear()
