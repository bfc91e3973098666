# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects a fleet's numbers: those of a host are simulate's, and all else is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from support.fleets import GIB, fleet, profile

from ghostswap.advise.options import size_for
from ghostswap.cli.app import run
from ghostswap.errors import GhostswapError
from ghostswap.executor.engine import Engine, Failure, Here, K, R, T
from ghostswap.fleet.advice import Question, advise
from ghostswap.fleet.figures import read
from ghostswap.fleet.kinds import RATIOS, kind_of
from ghostswap.fleet.store import Store
from ghostswap.fleet.tasks import Asked, Stored, identity, store, store_all
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.profiles.source import ProfileSource

QUESTION = Question("ghost", "vswap", "lz4", "6.18", 20, 95)


def quiet(what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG001
    return nullcontext(lambda _: None)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "fleet.db"), create=True) as opened:
        with opened.writing():
            for file in fleet(tmp_path / "hosts"):
                data = file.read_bytes()
                opened.add(*read(str(file), file.stem, data), data)
        yield opened


class Counting(Here):
    """This process, which counts and may stop or fail."""

    def __init__(self, *, stops_after: int = 1 << 30, fails: str = "") -> None:
        self.tasks = 0
        self.runs = 0
        self._stops_after = stops_after
        self._fails = fails

    def map(
        self, function: Callable[[T], R], items: Iterable[tuple[K, T]]
    ) -> Iterator[tuple[K, R | Failure]]:
        for key, item in items:
            if self.tasks == self._stops_after:
                raise KeyboardInterrupt
            self.tasks += 1
            name, _, texts, _ = item  # type: ignore[misc]
            self.runs += len(texts)  # type: ignore[has-type]
            if name == self._fails:  # type: ignore[has-type]
                yield key, Failure(GhostswapError("ends whoever works on it"))
            else:
                yield from super().map(function, [(key, item)])


@pytest.mark.parametrize("drawn", [None, 500])
@pytest.mark.parametrize(
    ("design", "size", "ram"),
    [
        ("ghost", None, 4 * GIB),
        ("ghost", 8 << 20, 4 * GIB),
        ("ghost", None, 32 << 20),
        ("zram", None, 4 * GIB),
        ("zram", 8 << 20, 4 * GIB),
        ("classic", 256 << 20, 4 * GIB),
        ("classic", 8 << 20, 32 << 20),
        ("vswap", None, 4 * GIB),
    ],
)
def test_the_numbers_of_a_host_are_those_that_simulate_prints_of_its_profile(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    design: str,
    size: int | None,
    ram: int,
    drawn: int | None,
) -> None:
    data = profile(7, 5000, drawn=drawn)
    file = tmp_path / "host.gsp"
    file.write_bytes(data)
    args = ["--pages", str(file), "--design", design, "--kernel", "6.18", "--ram", str(ram)]
    args += [] if size is None else ["--size", str(size)]
    assert run(["simulate", *args, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = store(ProfileSource("host", data), Asked(design, "lz4", "6.18", ram, 20, size))
    assert found.pages == said["source"]["pages"]
    assert found.freed_bytes == said["freed_bytes"]
    assert found.refused_pages == said["kept_pages"]
    assert found.pool_bytes == said["pool_bytes"]
    assert found.drawn == drawn
    if design == "classic":
        assert found.wasted_disk_bytes == said["disk"]["never_written_bytes"]


def test_a_fleets_numbers_are_sums_and_percentiles_of_its_hosts(filled: Store) -> None:
    found = advise(filled, QUESTION, Here(), quiet)
    hosts = filled.hosts()
    assert (found.hosts, found.failed) == (len(hosts), ())
    needs, own = [], {}
    for number, host in enumerate(hosts):
        source = ProfileSource(host.name, filled.profile(host))
        asked = QUESTION.asked(host)
        needs.append(store(source, asked).left_bytes)
        size = size_for(needs[-1])
        own[number] = store(source, Asked(**{**json.loads(asked.text()), "size": size}))
    assert found.one_size.size == size_for(max(needs)), "95 % of six hosts are all of them"
    freed = sorted(one.freed_bytes for one in own.values())
    assert (found.own.freed.total, found.own.freed.least) == (sum(freed), freed[0])
    assert found.own.freed.percentiles == {5: freed[0], 50: freed[2], 95: freed[5]}
    assert found.own.worse_off == ()
    assert sum(one.plan.hosts for one in found.by_kind) == len(hosts)
    assert sum(one.plan.freed.total for one in found.by_kind) == found.kinds.freed.total
    assert found.dynamic is not None
    assert found.dynamic.wasted.most == 0


def test_one_size_that_is_small_refuses_pages_and_a_large_one_wastes_memory(filled: Store) -> None:
    small = advise(filled, Question(*_parts(QUESTION), size=2 << 20), Here(), quiet)
    large = advise(filled, Question(*_parts(QUESTION), size=64 * GIB), Here(), quiet)
    slots = (2 << 20) // PAGE_SIZE - 1  # less the header
    refused = sorted(max(0, host.pages - slots) for host in filled.hosts())
    # Of a sample, limits are scaled, and meet whole pages of it.
    assert abs(small.one_size.refused_pages.most - refused[-1]) <= 15
    assert small.one_size.refused_pages.least == refused[0] == 0
    assert large.one_size.refused_pages.most == 0
    assert large.one_size.wasted.least > 40 << 20
    assert small.one_size.wasted.most < 1 << 20
    assert large.one_size.losing == len(filled.hosts())
    named = [one.host.name for one in small.look]
    lost = [one.lost for one in small.look]
    assert lost == sorted(lost, reverse=True)
    assert set(named) == {filled.hosts()[number].name for number in small.one_size.worse_off}


def _parts(question: Question) -> tuple[str, str | None, str, str, int, float]:
    return (
        question.design,
        question.dynamic,
        question.compressor,
        question.kernel,
        question.max_pool_percent,
        question.cover,
    )


def test_who_is_stopped_goes_on_where_it_was_and_what_was_run_is_not_run_again(
    filled: Store,
) -> None:
    whole = Counting()
    expected = advise(filled, QUESTION, whole, quiet)
    again = Counting()
    assert advise(filled, QUESTION, again, quiet) == expected
    assert again.tasks == 0
    other = Question("zram", *_parts(QUESTION)[1:])
    stopped = Counting(stops_after=4)
    with pytest.raises(KeyboardInterrupt):
        advise(filled, other, stopped, quiet)
    assert stopped.runs == 4, "what has no size is the same beside zram"
    rest = Counting()
    advise(filled, other, rest, quiet)
    fresh = Counting()
    assert rest.tasks < 2 * len(filled.hosts())
    advise(filled, other, fresh, quiet)
    assert fresh.tasks == 0


def test_a_host_that_fails_is_named_and_the_others_are_judged(filled: Store) -> None:
    found = advise(filled, QUESTION, Counting(fails="host2"), quiet)
    assert [one.why for one in found.failed] == ["host2: ends whoever works on it"]
    assert found.one_size.hosts == found.hosts - 1
    with pytest.raises(GhostswapError, match="host0: a profile of lz4, lzo-rle, and not of lz4hc"):
        advise(filled, Question("ghost", None, "lz4hc", "6.18", 20, 95), Here(), quiet)


def test_a_worker_with_other_libraries_is_refused(filled: Store) -> None:
    host = filled.hosts()[0]
    asked = QUESTION.asked(host)
    data, texts = filled.profile(host), [asked.text()]
    assert store_all((host.name, data, texts, identity(asked)))
    with pytest.raises(GhostswapError, match=r"host0: a worker has \S+ \S+ lz4; here is lz5"):
        store_all((host.name, data, texts, "lz5"))


def test_an_empty_store_has_nothing_to_say(tmp_path: Path) -> None:
    with Store(str(tmp_path / "empty"), create=True) as opened:
        engine: Engine = Here()
        with pytest.raises(GhostswapError, match="no hosts"):
            advise(opened, QUESTION, engine, quiet)


def test_kinds_are_of_fixed_grids() -> None:
    assert kind_of(16 * GIB, 2.5) == kind_of(15 * GIB, 2.9) == kind_of(20 * GIB, 2.0)
    assert kind_of(23 * GIB, 2.5).memory == 32 * GIB
    assert kind_of(22 * GIB, 2.5).memory == 16 * GIB
    assert {kind_of(GIB, ratio).low for ratio in (0.5, *RATIOS)} == {0.0, *RATIOS}
    assert kind_of(0, 1).memory == 1
    assert len({str(kind_of(GIB, ratio)) for ratio in (0.5, *RATIOS)}) == len(RATIOS) + 1


def test_a_result_is_the_same_bytes_after_it_was_kept() -> None:
    source = ProfileSource("host", profile(3, 100))
    found = store(source, Asked("ghost", "lz4", "6.18", GIB, 20))
    assert Stored.of(found.blob()) == found
    assert Stored.of(found.blob()).blob() == found.blob()
