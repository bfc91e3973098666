# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that a cgroup is found by all its names, and has the memory of its processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import needs_root
from support.children import PRELUDE

from ghostswap.errors import TargetError
from ghostswap.pages import open_source
from ghostswap.pages.source import Why

ReadAll = Callable[..., list[bytes]]

pytestmark = needs_root
#: Of this process, for other workers have such groups at the same time.
ID = f"{os.getpid():08x}" * 8


def hierarchies() -> list[Path]:
    """Where version 1 with memory, and version 2, are mounted."""
    mountinfo = Path("/proc/self/mountinfo").read_text()
    row = r"^\S+ \S+ \S+ / (\S+) .* - (?:cgroup2 .*|cgroup .*\bmemory)$"
    found = re.findall(row, mountinfo, re.MULTILINE)
    return [Path(point) for point in found]


def remove(group: Path) -> None:
    """Kill what is in a cgroup, and remove it when that is gone."""
    for pid in (group / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    for _ in range(200):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.02)


@pytest.fixture(params=hierarchies() or [None], ids=str)
def group(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cgroup with two more in it, the inner one named as containers are."""
    if request.param is None:
        pytest.skip("no cgroups are mounted here")
    top = request.param / f"ghostswap-test-{os.getpid()}"
    inner, other = top / f"docker-{ID}.scope", top / "other.service"
    try:
        for folder in (top, inner, other):
            folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made: {error.strerror}")
    yield top
    for folder in (inner, other, top):
        remove(folder)


def start(group: Path, text: str) -> None:
    """Have a process in a cgroup that is no descendant of this one, with 50 pages of its own."""
    reader, writer = os.pipe()
    code = f"""{PRELUDE}
import os, time
m = anonymous(50)
fill(m, range(50), {text.encode()!r})
share = mmap.mmap(-1, 10 * 4096)
fill(share, range(10), b"share")
os.close({writer})
time.sleep(600)
"""
    script = f'echo $$ > {group}/cgroup.procs; exec "$0" -I -S -c "$1"'
    middle = ["sh", "-c", 'setsid sh -c "$0" "$@" &', script, sys.executable, code]
    subprocess.run(middle, check=True, pass_fds=[writer], stdout=subprocess.DEVNULL)
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def texts(pages: list[bytes]) -> dict[str, int]:
    """How many pages begin with which text."""
    wanted = ("first", "other", "share")
    return {text: sum(page.startswith(text.encode()) for page in pages) for text in wanted}


def test_a_cgroup_has_its_processes_and_those_below(group: Path, read_all: ReadAll) -> None:
    start(group / f"docker-{ID}.scope", "first")
    start(group / "other.service", "other")
    both = {"first": 50, "other": 50, "share": 20}
    for spec in (f"cgroup:/{group.name}", f"cgroup:{group.name}", f"cgroup:{group}"):
        with open_source(spec) as source:
            assert texts(read_all(source)) == both
            assert source.name == spec
            assert source.account.read == source.pages
    one = {"first": 50, "other": 0, "share": 10}
    for name in (ID, ID[:12], f"docker-{ID}.scope", f"/{group.name}/docker-{ID}.scope"):
        with open_source(f"cgroup:{name}") as source:
            assert texts(read_all(source)) == one


def test_names_that_several_have_are_refused_with_their_paths(group: Path) -> None:
    (group / "other.service" / f"{ID}").mkdir()
    try:
        with pytest.raises(TargetError, match="2 cgroups are named so") as caught:
            open_source(f"cgroup:{ID[:20]}")
        assert str(group) in caught.value.message
    finally:
        (group / "other.service" / f"{ID}").rmdir()


def test_a_unit_is_found_by_its_name_without_service(group: Path, read_all: ReadAll) -> None:
    unit = group / f"ghostswap-unit-{os.getpid()}.service"
    unit.mkdir()
    try:
        start(unit, "first")
        with open_source(f"cgroup:{unit.name.removesuffix('.service')}") as source:
            assert texts(read_all(source))["first"] == 50
    finally:
        remove(unit)


def test_a_cgroup_without_processes_and_no_cgroup_are_refused(group: Path) -> None:
    with pytest.raises(TargetError, match="has no processes"):
        open_source(f"cgroup:/{group.name}")
    for name in ("/no/such", "nosuch", "", "/..", "/../..", "a/../b", "\0", "0123456789abcdef"):
        with pytest.raises(TargetError, match=r"no such cgroup|is no cgroup") as caught:
            open_source(f"cgroup:{name}")
        assert caught.value.hint


def test_what_ghostswap_itself_has_there_is_left_out(group: Path, read_all: ReadAll) -> None:
    start(group, "first")
    code = f"{PRELUDE}\nm = anonymous(9)\nfill(m, range(9), b'other')\npause()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "\n"
        (group / "cgroup.procs").write_text(str(child.pid))
        with open_source(f"cgroup:/{group.name}") as source:
            assert texts(read_all(source)) == {"first": 50, "other": 0, "share": 10}
            assert source.account.counts()[Why.REFUSED] == 0
        child.communicate()
