# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of all rooms share: recorded cases, and the command line run as a user runs it."""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from support.zygote import Zygote

from ghostswap.live import undo

ROOT = Path(__file__).parent.parent
CASES = ROOT / "tests" / "cases"

# The tree may be somebody else's, to whose .hypothesis nothing can be written.
settings.register_profile("ghostswap", database=None)
settings.load_profile("ghostswap")

Run = Callable[..., subprocess.CompletedProcess[str]]


def load_case(name: str) -> list[dict[str, Any]]:
    """The rows of a recorded case file; its "doc" says where they come from."""
    rows: list[dict[str, Any]] = json.loads(lzma.decompress((CASES / name).read_bytes()))["rows"]
    return rows


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """What short commands are forked from."""
    with Zygote() as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, zygote: Zygote) -> Run:
    """Run ``ghostswap`` in *tmp_path* as a process of its own."""

    def call(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("cwd", tmp_path)
        environment = options.pop("env", {})
        if options.keys() == {"cwd"} and zygote.takes([*args], environment):
            return zygote.run([*args], str(options["cwd"]), environment)
        options.setdefault("stdin", subprocess.DEVNULL)
        environment = {**os.environ, **environment}
        return subprocess.run(
            [sys.executable, "-m", "ghostswap", *args],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=120,
            env=environment,
            check=False,
            **options,
        )

    return call


def pytest_configure(config: pytest.Config) -> None:
    """Let the commands that tests run be as a person's are."""
    # They obey Ctrl-C, as jobs of a background shell do not.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # They find themselves compiled by Python, else each does all of that anew.
    if sys.dont_write_bytecode:
        cache = tempfile.mkdtemp(prefix="ghostswap-pycache-")
        config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))
        os.environ["PYTHONPYCACHEPREFIX"] = cache
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def kernel_lock() -> Iterator[None]:
    """Hold the one kernel there is, for a test that changes its state."""
    if os.geteuid():
        pytest.skip("changes the running kernel, which needs root")
    with undo.kernel_lock(lambda: None):
        yield


@pytest.fixture
def steady_kernel() -> Iterator[None]:
    """Keep tests that change the running kernel away from one that looks at it twice."""
    with contextlib.nullcontext() if os.geteuid() else undo.kernel_lock(lambda: None):
        yield


@pytest.fixture
def libcachesim() -> ModuleType:
    """The oracle for exact LRU, whose wheel needs GLib of the system."""
    module: ModuleType = pytest.importorskip("libcachesim", exc_type=ImportError)
    return module


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give what asks the running kernel to one worker: the lock would keep the others waiting."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        locks = {"kernel_lock", "steady_kernel"} & {*getattr(item, "fixturenames", ())}
        if locks or item.path.is_relative_to(ROOT / "tests" / "kernel"):
            item.add_marker(pytest.mark.xdist_group("kernel"))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_mkfs_ext4 = pytest.mark.skipif(
    shutil.which("mkfs.ext4") is None, reason="mkfs.ext4 is not installed"
)
needs_mkswap = pytest.mark.skipif(shutil.which("mkswap") is None, reason="mkswap is not installed")
