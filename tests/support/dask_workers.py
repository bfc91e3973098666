# SPDX-License-Identifier: GPL-2.0-or-later
"""A scheduler of Dask and its workers, each a process of its own on 127.0.0.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT

#: For what asks Dask: it does so with a client, whose threads Python warns of as it forks.
_QUIET = {"PYTHONWARNINGS": "ignore", "DASK_LOGGING__DISTRIBUTED": "critical"}


@contextmanager
def scheduler(directory: Path) -> Iterator[str]:
    """A scheduler without workers; its address."""
    file = directory / "scheduler.json"
    args = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with _running("dask_scheduler", args, directory, ROOT):
        until = time.monotonic() + 120
        while True:
            try:
                address = str(json.loads(file.read_text())["address"])
                break
            except (OSError, ValueError):
                assert time.monotonic() < until, "no scheduler came up"
                time.sleep(0.05)
        yield address


@contextmanager
def workers(
    address: str, directory: Path, number: int, root: Path = ROOT, others: int = 0
) -> Iterator[None]:
    """So many workers of the scheduler at *address*, with nannies.

    :param root: where their ghostswap is.
    :param others: how many there are already.
    """
    args = [address, "--nthreads", "1", "--nworkers", str(number), "--no-dashboard"]
    args += ["--host", "127.0.0.1", "--local-directory", str(directory)]
    from distributed import Client

    with _running("dask_worker", args, directory, root):
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(number + others, timeout=120)
        yield


@contextmanager
def _running(name: str, args: list[str], directory: Path, root: Path) -> Iterator[None]:
    path = os.pathsep.join((str(root), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")))
    with open(directory / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *args],
            env={**os.environ, **_QUIET, "PYTHONPATH": path},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
