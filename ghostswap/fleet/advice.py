# SPDX-License-Identifier: GPL-2.0-or-later
"""What size of swap a fleet is to have: one for all, one a kind, or none that anybody chooses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from ghostswap import codecs, kernels
from ghostswap.advise.options import size_for
from ghostswap.designs import table
from ghostswap.errors import GhostswapError
from ghostswap.executor.engine import Engine
from ghostswap.fleet.figures import Host
from ghostswap.fleet.kinds import Kind, kind_of
from ghostswap.fleet.runs import Failed, Runs
from ghostswap.fleet.sizing import Plan, is_worse, plan, size_of_all
from ghostswap.fleet.store import Store
from ghostswap.fleet.tasks import Asked, Stored

#: Shows how far something has come, as :data:`ghostswap.study.memory.Progress`.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
#: Hosts to look at first, at most.
_FIRST = 10


class Question(NamedTuple):
    """What is asked of a fleet.

    :ivar design: one that has to be given a size; *dynamic*, one that has none, ``None`` to leave
        that out.
    :ivar kernel: whose rules are taken.
    :ivar max_pool_percent: of each host's memory, what zswap's pool may take.
    :ivar cover: per cent of the hosts that a size is to be enough for.
    :ivar size: the one size in bytes; ``None`` for the one that is enough for *cover*.
    """

    design: str
    dynamic: str | None
    compressor: str
    kernel: str
    max_pool_percent: int
    cover: float
    size: int | None = None

    def check(self) -> None:
        """Refuse what no host could have.

        :raises GhostswapError: for a design that is not on the kernel, a compressor that is not
            known here.
        """
        for design in filter(None, (self.design, self.dynamic)):
            table.get(design).check(kernels.get(self.kernel))
        _ = self.column

    @property
    def column(self) -> str:
        """The column of a profile that the design goes by."""
        kind = table.get(self.design).compresses_for
        return codecs.get(self.compressor, self.kernel, kind).key

    def asked(self, host: Host) -> Asked:
        """*host* with an area as large as need be."""
        percent = self.max_pool_percent
        return Asked(self.design, self.compressor, self.kernel, host.mem_total, percent)


class OfKind(NamedTuple):
    """The hosts of one kind."""

    kind: Kind
    plan: Plan


class Look(NamedTuple):
    """A host to look at first.

    :ivar lost: bytes that it would free with its own *size*, and does not with the one of all.
    """

    host: Host
    kind: Kind
    size: int
    lost: int
    stored: Stored


class Advice(NamedTuple):
    """What the sizes come to.

    :ivar hosts: of the fleet, in all.
    :ivar one_size: for all; so *own*, each host its own, and *kinds*, each kind its own.
    :ivar by_kind: the same by kind.
    :ivar dynamic: no size, where that was asked.
    :ivar look: hosts that lose most by one size.
    :ivar failed: hosts that are in none of this.
    :ivar drawn: how many of the hosts are known by a sample.
    :ivar error: how far lengths may be from the kernel's, ``""`` where they are equal.
    """

    question: Question
    hosts: int
    one_size: Plan
    kinds: Plan
    by_kind: tuple[OfKind, ...]
    own: Plan
    dynamic: Plan | None
    look: tuple[Look, ...]
    failed: tuple[Failed, ...]
    drawn: int
    error: str


def advise(store: Store, question: Question, engine: Engine, progress: Progress) -> Advice:
    """Answer *question* for all hosts in *store*.

    :raises GhostswapError: where there is none, or all of them fail.
    """
    question.check()
    hosts = store.hosts()
    if not hosts:
        raise GhostswapError(
            "there are no hosts in the store", "add some: ghostswap fleet add DIR --store FILE"
        )
    runs = Runs(store, hosts, engine)
    kinds = _kinds(store, question, hosts, runs)
    endless = {number: question.asked(hosts[number]) for number in kinds}
    dynamic = {}
    if question.dynamic is not None:
        dynamic = {n: one._replace(design=question.dynamic) for n, one in endless.items()}
    with progress("hosts, as they are", len(kinds)) as done:
        first = {n: (one, dynamic[n]) if dynamic else (one,) for n, one in endless.items()}
        runs.make(first, done)
    there = _left(kinds, runs)
    needs = {number: runs.of(number, endless[number]).left_bytes for number in there}
    sizes = _sizes(question, kinds, needs)
    sized = {
        number: {name: endless[number]._replace(size=size) for name, size in of.items()}
        for number, of in sizes.items()
    }
    with progress("hosts, by sizes", len(there)) as done:
        runs.make({number: tuple(of.values()) for number, of in sized.items()}, done)
    judged = {number: sized[number] for number in _left(there, runs)}
    return _advice(question, hosts, kinds, runs, judged, dynamic)


def _left(numbers: Collection[int], runs: Runs) -> list[int]:
    """Those of the hosts *numbers* that did not fail.

    :raises GhostswapError: where there is none.
    """
    left = [number for number in numbers if number not in runs.failed]
    if not left:
        first = next((runs.failed[number] for number in numbers), None)
        raise GhostswapError(
            f"no host can be judged; {(first or next(iter(runs.failed.values()))).why}",
            "'ghostswap fleet list' shows what is known of each",
        )
    return left


def _kinds(store: Store, question: Question, hosts: Sequence[Host], runs: Runs) -> dict[int, Kind]:
    """By number of the host, its kind; those without the compressor fail."""
    column = question.column
    found = {}
    for number, host in enumerate(hosts):
        columns = store.columns(host)
        ratio = next((one.figures.ratio for one in columns if one.compressor == column), None)
        if ratio is None:
            known = ", ".join(one.compressor for one in columns)
            runs.failed[number] = Failed(
                host, f"{host.name}: a profile of {known}, and not of {column}"
            )
        else:
            found[number] = kind_of(host.mem_total, ratio)
    return found


def _sizes(
    question: Question, kinds: Mapping[int, Kind], needs: Mapping[int, int]
) -> dict[int, dict[str, int]]:
    """By number of the host and name of a plan, the size of its area."""
    of_kind = defaultdict(list)
    for number, need in needs.items():
        of_kind[kinds[number]].append(need)
    by_kind = {kind: size_of_all(own, question.cover) for kind, own in of_kind.items()}
    one = question.size or size_of_all(needs.values(), question.cover)
    return {
        number: {"one": one, "kind": by_kind[kinds[number]], "own": size_for(need)}
        for number, need in needs.items()
    }


def _advice(
    question: Question,
    hosts: Sequence[Host],
    kinds: Mapping[int, Kind],
    runs: Runs,
    sized: Mapping[int, Mapping[str, Asked]],
    dynamic: Mapping[int, Asked],
) -> Advice:
    def stored(name: str) -> dict[int, Stored]:
        return {number: runs.of(number, of[name]) for number, of in sized.items()}

    one, own, by_kind = stored("one"), stored("own"), stored("kind")
    members = defaultdict(list)
    for number in sized:
        members[kinds[number]].append(number)
    first = next(iter(sized.values()))
    look = sorted(
        (number for number in sized if is_worse(one[number], own[number])),
        key=lambda number: (one[number].freed_bytes - own[number].freed_bytes, number),
    )
    return Advice(
        question,
        len(hosts),
        plan(first["one"].size, one, own),
        plan(None, by_kind, own),
        tuple(
            OfKind(kind, plan(sized[of[0]]["kind"].size, {n: by_kind[n] for n in of}, own))
            for kind, of in sorted(members.items(), key=lambda item: _order(item[0]))
        ),
        plan(None, own, own),
        plan(None, {n: runs.of(n, dynamic[n]) for n in sized}, own) if dynamic else None,
        tuple(
            Look(
                hosts[number],
                kinds[number],
                sized[number]["own"].size or 0,
                own[number].freed_bytes - one[number].freed_bytes,
                one[number],
            )
            for number in look[:_FIRST]
        ),
        tuple(runs.failed[number] for number in sorted(runs.failed)),
        sum(each.drawn is not None for each in one.values()),
        next((each.error for each in one.values() if each.error), ""),
    )


def _order(kind: Kind) -> tuple[int, float]:
    return kind.memory, kind.low
