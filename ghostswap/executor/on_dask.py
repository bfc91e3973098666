# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers of Dask, here or on other machines: https://distributed.dask.org.

What travels is pickled: the name of a function and its item, which only a worker with the same
version of ghostswap unpickles. Who reaches a scheduler can run what they like on its workers, with
or without that. Dask gives a task whose worker died to another one, and gives it
up where it ends one after the other, for which workers need nannies.
"""

from __future__ import annotations

import logging
import pickle
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, islice, repeat
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic

from ghostswap import __version__
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.executor.engine import ALLOWED_FAILURES, Failure, K, Lost, R, T, attempt
from ghostswap.workers import deaf

if TYPE_CHECKING:
    from distributed import Client, Future

#: What to name in place of a scheduler's address for one that is started here.
LOCAL = "local"
#: Seconds to wait for a scheduler, and where there are no workers, for one.
PATIENCE = 5.0
WORKERS_PATIENCE = 30.0
_LONGEST_GREETING = 1 << 20
#: Bundles on their way for each thread: while one is worked on, others travel.
_AHEAD = 4
#: Seconds that a bundle of tasks is to take, for one of Dask's costs some milliseconds of who asks;
#: and the most that are in one.
_BUNDLE = 0.5
_MOST = 32
#: Statuses of a task that has come to something.
_ENDED = ("finished", "error")
#: Seconds after which is seen to workers, where nothing is done.
_LOOK = 1.0
#: What workers that are started here run first: a terminal sends Ctrl-C to them too.
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class Dask:
    """The workers of a scheduler.

    :param address: of the scheduler, ``tcp://host:port``; :data:`LOCAL` for one that is started
        here, with *jobs* workers and their nannies, and ends with this.
    :param deadline: seconds after which a task that is worked on is given up, and its worker
        started anew.
    :raises UsageError: where Dask is not installed, or for what is no address.
    :raises GhostswapError: where nobody is there.
    """

    shares_files = False

    def __init__(self, address: str, jobs: int, deadline: float) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError(
                "a scheduler needs Dask, which is not installed",
                "pip install 'ghostswap[fleet]'",
            ) from None
        if address != LOCAL and not re.fullmatch(r"(tcp|tls)://[^/\s]+:[0-9]{1,5}", address):
            raise UsageError(
                f"not the address of a scheduler: {address!r}",
                f"write tcp://HOST:PORT, or {LOCAL} for one that is started here",
            )
        if address != LOCAL:
            self._knock(address)
        self._address = address
        self._jobs = jobs
        self._deadline = deadline
        self._stack = ExitStack()

    def __enter__(self) -> Dask:
        """Go there.

        :raises GhostswapError: where there is no scheduler, or workers have another version.
        """
        from distributed import Client

        # Their errors are raised here too, and said in a sentence.
        for name in tuple(logging.root.manager.loggerDict):
            if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
        with self._stack:
            # Ctrl-C is for this thread alone, not for those of Dask.
            with deaf():
                address = self._address if self._address != LOCAL else self._started()
                try:
                    self._client: Client = Client(address, timeout=PATIENCE, name="ghostswap")
                except OSError as error:
                    raise _nobody(self._address) from error
                self._stack.callback(self._close)
            self._check()
            self._stack = self._stack.pop_all()
        return self

    @staticmethod
    def _knock(address: str) -> None:
        """See whether a scheduler is there: before all work, which may take long.

        It speaks first: the length of its greeting in 8 bytes, low byte first (distributed 2026.8,
        comm/core.py and tcp.py). Dask itself waits for ever where something else is there.
        """
        kind, _, place = address.partition("://")
        host, _, port = place.rpartition(":")
        try:
            found = socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
            with found, found.makefile("rb") as said:
                if kind == "tcp":
                    length = said.read(8)
                    if len(length) < 8 or int.from_bytes(length, "little") > _LONGEST_GREETING:
                        raise ConnectionError("no greeting")
        except (OSError, OverflowError) as error:
            raise _nobody(address) from error

    def _started(self) -> Any:
        """A cluster of processes on this machine.

        :raises GhostswapError: where they do not come up.
        """
        import dask
        from distributed import LocalCluster

        # Before one more fails: it does so with the last of them.
        allowed = {"distributed.scheduler.allowed-failures": ALLOWED_FAILURES - 1}
        try:
            with dask.config.set(allowed):
                cluster = LocalCluster(
                    n_workers=self._jobs,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    preload=_DEAF,
                )
        except (OSError, RuntimeError) as error:
            raise GhostswapError(
                f"the workers of Dask do not start here: {error}", "leave out --scheduler"
            ) from error
        self._stack.callback(cluster.close, timeout=PATIENCE)
        return cluster

    def _close(self) -> None:
        with suppress(Exception), deaf():
            self._client.close(timeout=PATIENCE)

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _check(self) -> None:
        """Refuse workers that would come to other results.

        :raises GhostswapError: where there are none, or one has another ghostswap.
        """
        self._wait_for_workers()
        versions = self._client.run(_version, on_error="return")
        for worker, found in sorted(versions.items()):
            if isinstance(found, str) and found == __version__:
                continue
            has = f"ghostswap {found}" if isinstance(found, str) else "no ghostswap that it can run"
            raise GhostswapError(
                f"the worker {worker} has {has}, and here is {__version__}",
                f"install there what is here: pip install 'ghostswap[fleet]=={__version__}'",
            )

    def _wait_for_workers(self) -> None:
        until = time.monotonic() + WORKERS_PATIENCE
        while not self._threads():
            if time.monotonic() > until:
                raise GhostswapError(
                    f"{self._address}: the scheduler has no workers",
                    f"start some: dask worker {self._address}",
                )
            time.sleep(0.05)

    def _threads(self) -> int:
        """How many tasks are worked on at once."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return sum(worker["nthreads"] for worker in workers)

    def map(
        self, function: Callable[[T], R], items: Iterable[tuple[K, T]]
    ) -> Iterator[tuple[K, R | Failure]]:
        """As :meth:`ghostswap.executor.engine.Engine.map`.

        :param function: of a module, which workers have too.
        """
        source = iter(items)
        # A worker takes others' tasks along that waited there, which are suspected too: once more,
        # alone.
        suspects: deque[tuple[K, T]] = deque()
        open_: dict[Future[Any], _Bundle[K, T]] = {}
        many = 1
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        lost: list[Future[Any]] = []
        watch = _Watch(self._client, self._deadline)
        room = self._room()
        try:
            while True:
                while len(open_) < room and (tasks := tuple(islice(source, many))):
                    open_[self._submit(function, tasks, done)] = _Bundle(tasks)
                if not open_ and suspects:
                    tasks = (suspects.popleft(),)
                    open_[self._submit(function, tasks, done)] = _Bundle(tasks, is_alone=True)
                if not open_:
                    return
                found = _all_of(done)
                if not found:  # for a while
                    self._wait_for_workers()
                    room = self._room()
                # What has ended by now; a result is lost with its worker, and comes once more.
                ended = {one: one.status for one in (*found, *lost) if one in open_}
                lost = [one for one, status in ended.items() if status not in _ENDED]
                if any(one.status == "cancelled" for one in lost):
                    raise self._gone()
                for future, result in chain(self._results(ended), watch.late(open_)):
                    bundle = open_.pop(future)
                    if not isinstance(result, Failure):
                        found_of_each, seconds = result
                        many = _worth_a_bundle(seconds / len(bundle.tasks))
                        yield from zip(bundle.keys, found_of_each, strict=True)
                    elif isinstance(result, _Suspect) and not bundle.is_alone:
                        suspects.extend(bundle.tasks)
                    else:
                        yield from zip(bundle.keys, repeat(result))
        except OSError as error:
            raise self._gone() from error
        finally:
            with suppress(Exception):
                self._client.cancel(list(open_))

    def _room(self) -> int:
        """How many bundles may be on their way."""
        return max(1, _AHEAD * self._threads())

    def _gone(self) -> GhostswapError:
        return GhostswapError(
            f"{self._address}: the scheduler has gone", "start it, and run this again"
        )

    def _submit(
        self,
        function: Callable[[T], R],
        tasks: Sequence[tuple[K, T]],
        done: SimpleQueue[Future[Any]],
    ) -> Future[Any]:
        """Have *tasks* worked on, one after the other; they are put into *done* then."""
        packed = pickle.dumps((function, [item for _, item in tasks]))
        future = self._client.submit(_work, __version__, packed, pure=False)
        future.add_done_callback(done.put)
        return future

    def _results(self, ended: Mapping[Future[Any], str]) -> Iterator[tuple[Future[Any], Any]]:
        """What tasks came to that have *ended* so.

        :raises Exception: that the function raised.
        """
        from distributed import KilledWorker

        finished = [future for future, status in ended.items() if status == "finished"]
        yield from zip(finished, self._client.gather(finished), strict=True)
        for future in (future for future, status in ended.items() if status == "error"):
            error = future.exception()
            if isinstance(error, KilledWorker):
                times = error.allowed_failures + 1
                why = f"ends the worker that works on it, {times} times"
                yield future, _Suspect(Lost(why))
            elif isinstance(error, ModuleNotFoundError):
                why = f"came to a worker that lacks a module: {error.name}"
                yield future, Failure(Lost(why))
            else:
                raise error


def _nobody(address: str) -> GhostswapError:
    return GhostswapError(
        f"{address}: no scheduler of Dask is there",
        "start one with 'dask scheduler', and workers with"
        " 'dask worker tcp://HOST:8786', or leave out --scheduler",
    )


@dataclass(frozen=True, slots=True)
class _Bundle(Generic[K, T]):
    """Tasks that travel as one of Dask's.

    :ivar is_alone: it is one that was suspected.
    """

    tasks: tuple[tuple[K, T], ...]
    is_alone: bool = False

    @property
    def keys(self) -> tuple[K, ...]:
        return tuple(key for key, _ in self.tasks)


def _worth_a_bundle(seconds: float) -> int:
    """How many tasks are to travel together, of which one takes so many *seconds*."""
    return max(1, min(int(_BUNDLE / max(seconds, _BUNDLE / _MOST)), _MOST))


class _Suspect(Failure):
    """Workers died, or had to, that had the task or were to have it."""


def _all_of(done: SimpleQueue[Future[Any]]) -> list[Future[Any]]:
    """All that is done, after a while at most."""
    found: list[Future[Any]] = []
    with suppress(Empty):
        found.append(done.get(timeout=_LOOK))
        while True:
            found.append(done.get_nowait())
    return found


class _Watch:
    """Sees which tasks of *client* take longer than *deadline* seconds."""

    def __init__(self, client: Client, deadline: float) -> None:
        self._client = client
        self._deadline = deadline
        self._next = time.monotonic() + deadline
        self._seen: dict[str, float] = {}

    def late(self, open_: Collection[Future[Any]]) -> Iterator[tuple[Future[Any], _Suspect]]:
        """Those of *open_* that do; their workers begin anew, for nothing else ends them."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + max(_LOOK, self._deadline / 10)
        # The first are worked on, as many as there are threads; the others mostly wait.
        threads, workers = self._client.nthreads(), self._client.processing()
        at = {key: name for name, keys in workers.items() for key in keys[: threads.get(name, 1)]}
        self._seen = {key: self._seen.get(key, now) for key in at}
        late = [one for one in open_ if now - self._seen.get(one.key, now) > self._deadline]
        if late:
            with suppress(Exception):  # a worker that has gone meanwhile
                self._client.cancel(late)
                self._client.restart_workers({at[one.key] for one in late}, timeout=PATIENCE)
        for one in late:
            yield one, _Suspect(Lost(f"was not done in {self._deadline:g} s"))


def _version() -> str:
    return __version__


def _work(version: str, packed: bytes) -> object:
    """What a worker does: results of all tasks of a bundle, and seconds that they took.

    One that has come since may be of another *version*, and is a failure.
    """
    if version != __version__:
        said = f"came to a worker that has ghostswap {__version__}, and here is {version}"
        return Failure(Lost(said, "install on all workers what is here"))
    start = time.monotonic()
    function, items = pickle.loads(packed)
    return [attempt(function, item) for item in items], time.monotonic() - start
