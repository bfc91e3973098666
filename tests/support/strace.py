# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that fail on demand: the real command line under strace(1)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import ROOT

_CALL = re.compile(r"(?:\d+ +)?(\w+)\(")

_STOPPED = re.compile(r"^(\d+) +--- stopped by SIGSTOP", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Call:
    """A system call of a recorded run.

    :ivar when: which call of that name it is, counted from 1 as ``inject=...:when=`` counts.
    :ivar line: as strace wrote it.
    """

    name: str
    when: int
    line: str

    def suffers(self, what: str) -> str:
        """The argument of ``strace -e`` that does *what* to this call: ``error=EIO`` say."""
        return f"inject={self.name}:{what}:when={self.when}"


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended.

    :ivar status: negative for the signal that killed it.
    :ivar log: what strace wrote.
    """

    status: int
    stdout: str
    stderr: str
    log: str

    def calls(self, path: str) -> list[Call]:
        """Every system call on *path* or below it, in order."""
        counts: Counter[str] = Counter()
        found = []
        for line in self.log.splitlines():
            match = _CALL.match(line)
            if match is None:
                continue
            counts[match[1]] += 1
            if path in line and match[1] != "execve":
                found.append(Call(match[1], counts[match[1]], line))
        return found


def _usable() -> str:
    """The path of strace; the test is skipped where it is missing or must not trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run(
        [strace, "--seccomp-bpf", "-f", "-e", "inject=getppid:retval=1", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"strace cannot trace here: {tried.stderr.strip()}")
    return strace


@dataclass(frozen=True, slots=True)
class Strace:
    """Runs ``ghostswap`` under strace, with the same system calls each time.

    :ivar cache: a directory for compiled modules: compiled by the first run, read by the others.
    """

    cache: Path
    strace: str = field(default_factory=_usable)

    def run(self, args: Sequence[str], *faults: str, trace: Collection[str] = ()) -> Done:
        """Run ``ghostswap`` with *args* while system calls suffer *faults*.

        :param trace: the system calls to record, those that suffer among them; by default all.
        """
        with self._started(args, faults, trace) as (process, log):
            return _done(process, log)

    def interleave(self, args: Sequence[str], call: Call, between: Callable[[], object]) -> Done:
        """Run ``ghostswap`` with *args*, and call *between* right after *call* has returned."""
        stop = call.suffers("signal=STOP")
        with self._started(args, [stop], {call.name}) as (process, log):
            deadline = time.monotonic() + 60
            while not (stopped := _STOPPED.search(log.read_text())):
                assert process.poll() is None, "it ended before that call"
                assert time.monotonic() < deadline
                time.sleep(0.005)
            try:
                between()
            finally:
                os.kill(int(stopped[1]), signal.SIGCONT)
            return _done(process, log)

    @contextmanager
    def _started(
        self, args: Sequence[str], faults: Collection[str], trace: Collection[str]
    ) -> Iterator[tuple[subprocess.Popen[str], Path]]:
        """``ghostswap`` running, and what strace writes meanwhile."""
        # Quicker, as calls that are not traced do not stop; but there no signal can be sent.
        quick = trace and not any("signal=" in fault for fault in faults)
        with tempfile.TemporaryDirectory(dir=self.cache) as scratch:
            log = Path(scratch, "log")
            log.touch()
            with subprocess.Popen(
                [
                    *(self.strace, "-f", "-y", "-o", log),
                    *(("-e", f"trace={','.join(trace)}") if trace else ()),
                    *(("--seccomp-bpf",) if quick else ()),
                    *(part for fault in faults for part in ("-e", fault)),
                    *(sys.executable, "-m", "ghostswap", *args),
                ],
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self._environment(),
                start_new_session=True,
            ) as process:
                try:
                    yield process, log
                except BaseException:
                    os.killpg(process.pid, signal.SIGKILL)  # also what is stopped
                    raise

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        return {**kept, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(self.cache / "pycache")}


def _done(process: subprocess.Popen[str], log: Path) -> Done:
    stdout, stderr = process.communicate(timeout=60)
    return Done(process.returncode, stdout, stderr, log.read_text(errors="replace"))


def names(faults: Collection[str]) -> set[str]:
    """The system calls that suffer *faults*."""
    return {fault.removeprefix("inject=").partition(":")[0] for fault in faults}
