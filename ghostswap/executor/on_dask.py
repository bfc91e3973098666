# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers of Dask, here or on other machines: https://distributed.dask.org.

What travels is the name of a function and plain bytes, words and numbers; workers have a ghostswap
of their own, of the same version. Dask gives a task whose worker died to another one, and gives it
up where it ends one after the other, for which workers need nannies.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from ghostswap import __version__
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.executor.engine import Failure, K, R, T, attempt
from ghostswap.workers import deaf

if TYPE_CHECKING:
    from distributed import Client, Future

#: What to name in place of a scheduler's address for one that is started here.
LOCAL = "local"
#: Seconds to wait for a scheduler, and where there are no workers, for one.
PATIENCE = 5.0
WORKERS_PATIENCE = 30.0
#: Tasks on their way for each thread: while one is worked on, the next one travels.
_AHEAD = 2
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
    """

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
        self._address = address
        self._jobs = jobs
        self._deadline = deadline
        self._stack = ExitStack()

    def __enter__(self) -> Dask:
        """Go there.

        :raises GhostswapError: where nobody is there, or workers have another version.
        """
        from distributed import Client

        # Their errors are raised here too, and said in a sentence.
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with self._stack:
            # Ctrl-C is for this thread alone, not for those of Dask.
            with deaf():
                address = self._address if self._address != LOCAL else self._started()
                try:
                    self._client: Client = Client(address, timeout=PATIENCE, name="ghostswap")
                except OSError as error:
                    raise GhostswapError(
                        f"{self._address}: no scheduler of Dask is there",
                        "start one with 'dask scheduler', and workers with"
                        " 'dask worker tcp://HOST:8786', or leave out --scheduler",
                    ) from error
                self._stack.callback(self._close)
            self._check()
            self._stack = self._stack.pop_all()
        return self

    def _started(self) -> Any:
        """A cluster of processes on this machine."""
        from distributed import LocalCluster

        cluster = LocalCluster(
            n_workers=self._jobs,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            preload=_DEAF,
        )
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
        open_: dict[Future[Any], tuple[K, float]] = {}
        try:
            while True:
                while len(open_) < _AHEAD * max(self._threads(), 1):
                    item = next(source, None)
                    if item is None:
                        break
                    future = self._client.submit(attempt, function, item[1], pure=False)
                    open_[future] = item[0], time.monotonic()
                if not open_:
                    return
                for future in self._done(open_):
                    key, _ = open_.pop(future)
                    yield key, self._result(future)
                yield from self._late(open_)
        finally:
            with suppress(Exception):
                self._client.cancel(list(open_))

    def _done(self, open_: Iterable[Future[Any]]) -> list[Future[Any]]:
        """Those that are done, after a while at most."""
        from distributed import wait

        with suppress(TimeoutError):
            wait(list(open_), timeout=_LOOK, return_when="FIRST_COMPLETED")
        done = [future for future in open_ if future.done()]
        if not done:
            self._wait_for_workers()
        return done

    def _result(self, future: Future[Any]) -> Any:
        """What a task came to.

        :raises Exception: that the function raised.
        """
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            times = error.allowed_failures + 1
            return Failure(GhostswapError(f"ends the worker that works on it, {times} times"))
        except ModuleNotFoundError as error:
            return Failure(GhostswapError(f"a worker lacks a module: {error.name}"))

    def _late(self, open_: dict[Future[Any], tuple[K, float]]) -> Iterator[tuple[K, R | Failure]]:
        """Give up what was not done in time; its worker begins anew, for nothing else ends it."""
        now = time.monotonic()
        for future, (key, since) in tuple(open_.items()):
            # It may have waited for another one.
            if now - since < _AHEAD * self._deadline:
                continue
            del open_[future]
            with suppress(Exception):
                workers = self._client.processing()
                at = [name for name, keys in workers.items() if future.key in keys]
                self._client.cancel([future])
                self._client.restart_workers(at, timeout=PATIENCE)
            yield key, Failure(GhostswapError(f"was not done in {self._deadline:g} s"))


def _version() -> str:
    return __version__
