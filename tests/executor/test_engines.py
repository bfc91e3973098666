# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what every engine promises: each task is done or named, and nobody is left behind."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from support import tasks
from support.dask_workers import scheduler, workers

from ghostswap import __version__
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.executor.engine import Engine, Failure, Here, Lost, in_order
from ghostswap.executor.on_dask import Dask, _work
from ghostswap.executor.processes import Processes

# Dask's own, of its threads.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(params=["here", "processes", "dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with engine_of(request.param, request) as found:
        yield found


@pytest.fixture(params=["processes", "dask"])
def apart(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Those whose workers are others than this process."""
    with engine_of(request.param, request) as found:
        yield found


def engine_of(name: str, request: pytest.FixtureRequest, deadline: float = 60) -> Engine:
    if name == "here":
        return Here()
    if name == "processes":
        return Processes(2, deadline)
    return Dask(request.getfixturevalue("address"), 2, deadline)


def test_every_task_is_done_and_under_its_key(engine: Engine) -> None:
    found = list(engine.map(tasks.square, ((f"key{n}", n) for n in range(40))))
    assert dict(found) == {f"key{n}": n * n for n in range(40)}
    assert len(found) == 40
    assert list(engine.map(tasks.square, [])) == []


def test_items_are_taken_as_there_is_somebody_to_work_on_them(engine: Engine) -> None:
    taken = 0

    def items() -> Iterator[tuple[int, int]]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number, number

    results = iter(engine.map(tasks.square, items()))
    next(results)
    assert taken < 20
    results.close()  # type: ignore[attr-defined]


def test_what_is_refused_is_named_with_its_cure_and_the_others_are_done(engine: Engine) -> None:
    found = dict(engine.map(tasks.refuse_odd, ((n, n) for n in range(6))))
    assert [found[n] for n in (0, 2, 4)] == [0, 2, 4]
    for number in (1, 3, 5):
        failure = found[number]
        assert isinstance(failure, Failure)
        error = failure.error
        assert isinstance(error, TargetError)
        assert (error.message, error.hint) == (f"host{number}: is odd", "give another one")
        assert (error.path, error.exit_code) == (f"host{number}", 1)


def test_a_fault_of_the_program_is_no_result(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        dict(engine.map(tasks.fall_over, [(0, 0), (1, 1)]))


def test_of_a_worker_that_is_killed_nothing_is_lost(apart: Engine, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill() -> None:
        while len(met := list(tmp_path.glob("*.*"))) < 2:
            time.sleep(0.01)
        killed.append(int(met[0].suffix[1:]))
        os.kill(killed[0], signal.SIGKILL)
        (tmp_path / "go").touch()

    thread = threading.Thread(target=kill)
    thread.start()
    found = dict(apart.map(tasks.meet, ((n, (str(tmp_path), n)) for n in range(8))))
    thread.join()
    assert found == {n: n for n in range(8)}
    by_number = [path.stem for path in tmp_path.glob("*.*")]
    assert len(by_number) == 9, "one was begun twice"
    assert killed[0] != os.getpid()


def test_a_task_that_ends_its_workers_is_named_and_the_others_are_done(apart: Engine) -> None:
    found = dict(apart.map(tasks.end_with_three, ((n, n) for n in range(8))))
    failure = found.pop(3)
    assert found == {n: n for n in range(8) if n != 3}
    assert isinstance(failure, Failure)
    assert re.search(r"ends the (process|worker) that works on it, [23] times", failure.why)


def test_one_of_many_short_tasks_that_ends_its_workers_is_named_alone(apart: Engine) -> None:
    """Short ones travel together, and are told apart where that ends who works on them."""
    found = dict(apart.map(tasks.end_with_three, ((n, 3 if n == 150 else -n) for n in range(200))))
    failure = found.pop(150)
    assert found == {n: -n for n in range(200) if n != 150}
    assert isinstance(failure, Failure)
    assert re.search(r"ends the (process|worker) that works on it, [23] times", failure.why)


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_task_that_takes_too_long_is_given_up_and_the_others_are_done(
    name: str, request: pytest.FixtureRequest
) -> None:
    with engine_of(name, request, deadline=2) as engine:
        found = dict(engine.map(tasks.sleep_at_three, ((n, n) for n in range(8))))
        failure = found.pop(3)
        assert found == {n: n for n in range(8) if n != 3}
        assert isinstance(failure, Failure)
        assert failure.why == "was not done in 2 s"
        # Who slept works again.
        assert len(list(engine.map(tasks.square, ((n, n) for n in range(20))))) == 20


def test_what_is_no_address_or_where_nobody_is_is_one_sentence() -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    for address in ("", "here", "127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1"):
        with pytest.raises(UsageError, match="not the address of a scheduler"):
            Dask(address, 1, 1)
    with (
        pytest.raises(GhostswapError, match=r"tcp://127\.0\.0\.1:1: no scheduler"),
        Dask("tcp://127.0.0.1:1", 1, 1),
    ):
        pass


@pytest.mark.parametrize("banner", [b"", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", b"\0\1"])
def test_what_is_no_scheduler_is_one_sentence(banner: bytes) -> None:
    """Another service, which speaks first or waits, or goes away."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            other, _ = server.accept()
            with other:
                other.sendall(banner)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(GhostswapError, match="no scheduler of Dask is there"):
            Dask(f"tcp://127.0.0.1:{server.getsockname()[1]}", 1, 1)
        thread.join()


def test_a_worker_of_another_version_that_came_later_does_not_unpickle_what_it_is_sent() -> None:
    found = _work("0.0.7", b"no pickle")
    assert isinstance(found, Failure)
    assert found.why == f"came to a worker that has ghostswap {__version__}, and here is 0.0.7"
    results, _ = _work(__version__, pickle.dumps((tasks.square, [7, 8])))  # type: ignore[misc]
    assert results == [49, 64]


def test_results_are_in_order_and_what_failed_is_named_when_its_turn_comes() -> None:
    lost, refused = Failure(Lost("was not done in 2 s")), Failure(TargetError("host1", "is odd"))
    assert list(in_order([(2, "c"), (0, "a"), (1, "b")], str)) == ["a", "b", "c"]
    results = in_order([(2, refused), (1, lost), (0, "a")], "task {}".format)
    assert next(results) == "a"
    with pytest.raises(GhostswapError, match=r"^task 1 was not done in 2 s$"):
        next(results)
    with pytest.raises(TargetError, match=r"^host1: is odd$"):
        list(in_order([(0, refused)], str))


def test_a_scheduler_that_goes_away_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    with (
        scheduler(tmp_path) as (found, process),
        workers(found, tmp_path, 1),
        Dask(found, 1, 60) as engine,
    ):
        results = iter(engine.map(tasks.square, ((n, n) for n in range(1000))))
        next(results)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(GhostswapError, match="the scheduler has gone"):
            list(results)


def test_workers_of_another_version_are_refused_by_name(tmp_path: Path, address: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "ghostswap", other / "ghostswap", ignore=lambda *_: {"__pycache__"})
    door = other / "ghostswap" / "__init__.py"
    door.write_text(door.read_text().replace(f'"{__version__}"', '"0.0.7"'))
    with (
        workers(address, tmp_path, 1, other, others=2),
        pytest.raises(GhostswapError, match=r"worker tcp://\S+ has ghostswap 0\.0\.7") as refused,
        Dask(address, 1, 60),
    ):
        pass
    assert f"=={__version__}'" in refused.value.hint
