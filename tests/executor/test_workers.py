# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects work in processes: in order, with what fails passed on, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

from ghostswap.executor.processes import each

SLEEPER = """
import os, time
from ghostswap.executor.processes import each

def work(number):
    os.write(1, b"%d\\n" % os.getpid())  # in one piece
    time.sleep(600)

for _ in each(work, [1, 2, 3, 4], 2):
    pass
"""


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_order_and_nothing_but_them_is_pickled(jobs: int) -> None:
    items: list[Callable[[], int]] = [lambda n=n: n * n for n in range(7)]  # type: ignore[misc]
    assert list(each(lambda item: item(), items, jobs)) == [n * n for n in range(7)]


def test_with_one_job_or_one_item_it_is_this_process_that_works() -> None:
    here = os.getpid()
    assert list(each(lambda _: os.getpid(), [1, 2], 1)) == [here, here]
    assert list(each(lambda _: os.getpid(), [1], 2)) == [here]
    assert here not in list(each(lambda _: os.getpid(), [1, 2], 2))
    assert list(each(os.getpid, [], 2)) == []  # type: ignore[arg-type]


def _is_gone(process: int) -> bool:
    """Whether *process* has ended, or does within ten seconds."""
    for _ in range(1000):
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.01)
    return False


def test_an_exception_passes_and_does_not_wait_for_the_others(tmp_path: Path) -> None:
    sleeper = tmp_path / "sleeper"

    def work(number: int) -> None:
        if number:
            sleeper.write_text(str(os.getpid()))
            time.sleep(600)
        while not (sleeper.exists() and sleeper.read_text()):
            time.sleep(0.01)
        raise KeyError(number)

    with pytest.raises(KeyError, match="0"):
        list(each(work, [0, 1], 2))
    assert _is_gone(int(sleeper.read_text()))


def test_who_wants_no_more_results_leaves_no_process(tmp_path: Path) -> None:
    def work(number: int) -> int:
        (tmp_path / str(number)).write_text(str(os.getpid()))
        if number:
            time.sleep(600)
        return number

    results = each(work, [0, 1, 2], 2)
    assert next(results) == 0  # type: ignore[call-overload]
    while not (tmp_path / "1").exists() or not (tmp_path / "1").read_text():
        time.sleep(0.01)
    results.close()  # type: ignore[attr-defined]
    assert _is_gone(int((tmp_path / "1").read_text()))


@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_a_violent_end_leave_no_process(deadly: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        if deadly is signal.SIGINT:
            os.killpg(parent.pid, deadly)  # as a terminal does: all of them get it
        else:
            parent.kill()
        assert parent.wait(timeout=30) == -deadly
    assert all(map(_is_gone, workers))


#: Ctrl-C comes from the first process that starts, while the others are being started.
EARLY = """
import os, signal, threading
from multiprocessing import active_children
from ghostswap.workers import make_pool

once, fill = os.pipe2(os.O_NONBLOCK)
os.write(fill, b"1")

def interrupt():
    try:
        os.read(once, 1)
    except BlockingIOError:
        return
    os.kill(os.getppid(), signal.SIGINT)

try:
    with make_pool(8, interrupt):
        signal.pause()
except KeyboardInterrupt:
    print(threading.active_count(), len(active_children()))
"""


def test_ctrl_c_as_the_processes_start_leaves_no_pool_that_is_still_going_down() -> None:
    """For Python would fall over it as it ends: "Exception ignored in: <module 'threading'"."""
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-c", EARLY],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "1 0\n", "")
