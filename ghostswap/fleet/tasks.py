# SPDX-License-Identifier: GPL-2.0-or-later
"""What is run for a host, wherever that is: plain bytes and words go in, plain bytes come out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ghostswap import codecs
from ghostswap.designs import table
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.study.fill import middle
from ghostswap.study.host import Group
from ghostswap.study.host import Host as Machine
from ghostswap.study.memory import profiled

#: A task as it travels: name of the host, its profile, texts of :class:`Asked`, and the
#: :func:`identity` of who asks.
Sent = tuple[str, bytes, Sequence[str], str]


class Asked(NamedTuple):
    """What a host's memory is stored in, all of it, as ``ghostswap simulate`` would.

    :ivar kernel: name of a row of :data:`ghostswap.kernels.KERNELS`.
    :ivar ram: bytes of the machine's memory.
    :ivar max_pool_percent: of it, what zswap's pool may take.
    :ivar size: of the area in bytes, or of zram's disksize; ``None`` for as large as need be.
    """

    design: str
    compressor: str
    kernel: str
    ram: int
    max_pool_percent: int
    size: int | None = None

    def text(self) -> str:
        """The same as JSON, alike wherever it is made."""
        return json.dumps(self._asdict(), sort_keys=True)

    def key(self, digest: bytes) -> bytes:
        """What the result is kept under for the profile with that SHA-256.

        Another :func:`identity` may come to another result.
        """
        return sha256(digest + f"{identity(self)} {self.text()}".encode()).digest()

    @property
    def machine(self) -> Machine:
        """The machine, whose one group has the memory."""
        return Machine(
            ram=self.ram,
            kernel=self.kernel,
            design=self.design,
            compressor=self.compressor,
            max_pool_percent=self.max_pool_percent,
            size=self.size,
            groups=(Group("process", source=""),),
        )


class Stored(NamedTuple):
    """What that came to.

    :ivar pages: of the memory; *refused_pages* could not leave it.
    :ivar freed_bytes: memory gained, less than nothing where the slots take more.
    :ivar wasted_bytes: memory of slots that no page is in.
    :ivar wasted_disk_bytes: disk that is reserved and was never written.
    :ivar error: how far lengths may be from the kernel's, ``""`` where they are equal.
    :ivar drawn: pages that were drawn where this is an estimate, else ``None``.
    """

    pages: int
    refused_pages: int
    freed_bytes: int
    pool_bytes: int
    wasted_bytes: int
    wasted_disk_bytes: int
    error: str
    drawn: int | None

    @property
    def left_bytes(self) -> int:
        """Of the memory, what left."""
        return (self.pages - self.refused_pages) * PAGE_SIZE

    def blob(self) -> bytes:
        """The same as JSON, alike wherever it is made."""
        return json.dumps(self._asdict(), sort_keys=True).encode()

    @classmethod
    def of(cls, blob: bytes) -> Stored:
        """What :meth:`blob` made."""
        return cls(**json.loads(blob))


def store(source: ProfileSource, asked: Asked) -> Stored:
    """Store the memory of a profile.

    :raises GhostswapError: where it lacks the compressor.
    """
    machine = asked.machine
    measured = profiled(machine, source)
    outcome = middle(machine, measured)
    slots = sum(area.pages or 0 for area in outcome.areas)
    used = sum(area.inuse_pages for area in outcome.areas)
    static = outcome.metadata.static_bytes
    return Stored(
        outcome.pages,
        outcome.kept_pages,
        outcome.freed_bytes,
        outcome.pool_bytes,
        static * max(slots - used, 0) // slots if slots else 0,
        outcome.never_written_bytes,
        measured.error,
        outcome.drawn,
    )


def store_all(sent: Sent) -> list[bytes]:
    """Store a profile once for each of the texts of :class:`Asked`.

    :raises GhostswapError: where it is no profile, as :func:`store`, and where this ghostswap is
        another than the asking.
    """
    name, data, texts, asking = sent
    all_asked = [Asked(**json.loads(text)) for text in texts]
    codecs.check_identity(name, identity(all_asked[0]), asking)
    source = ProfileSource(name, data)
    return [store(source, asked).blob() for asked in all_asked]


def identity(asked: Asked) -> str:
    """All that may make another number of what is *asked*: the version, and that of the codec.

    :raises GhostswapError: as :func:`ghostswap.codecs.get`.
    """
    kind = table.get(asked.design).compresses_for
    return codecs.identity(asked.compressor, asked.kernel, kind)
