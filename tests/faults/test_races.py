# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody else is at work at the same time: between two system calls, or all the while.

The command is stopped right after one of its system calls, the others do what they do, and it
goes on. So nothing here depends on who is faster.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, needs_root
from support.strace import Done, Strace

from ghostswap.area.header.header import parse

SIZE = 256 << 10
FIRST, SECOND = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb", "9d9c1f5e-7a07-4d6c-8a0e-3f3ad7b0c0de"
MKSWAP = ("mkswap", "--uuid", FIRST)

#: Runs ``mkswap ARGS TARGET``, stops it after the system call whose line holds a text, and calls.
Race = Callable[[tuple[str, ...], Path, str, Callable[[], object]], Done]


@pytest.fixture
def race(strace: Strace, tmp_path: Path) -> Race:
    def go(args: tuple[str, ...], target: Path, after: str, between: Callable[[], object]) -> Done:
        # The same where nobody else is tells which call that is.
        alone = tmp_path / "alone"
        alone.mkdir()
        if target.exists():
            write(alone / "area", target.read_bytes())
        good = strace.run((*MKSWAP, *args, str(alone / "area")))
        assert good.status == 0, good.stderr
        call = next(call for call in good.calls(str(alone)) if after in call.line)
        return strace.interleave((*MKSWAP, *args, str(target)), call, between)

    return go


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with nothing in it."""
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def uuid(path: Path) -> str | None:
    """Of the area that *path* must be, whole."""
    content = path.read_bytes()
    found = parse(content)
    assert found.declared_size == len(content)
    return found.uuid


#: The last call that looks at the target before it is opened.
LOOK = "st_size=262144"
NEW = ("--file", "--size", "256K")


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_link_put_in_place_of_the_target_is_not_followed(
    race: Race, place: Path, force: tuple[str, ...]
) -> None:
    area, precious = place / "area", place / "precious"
    write(area, b"a" * SIZE)
    write(precious, b"p" * SIZE)

    def swap() -> None:
        area.unlink()
        area.symlink_to(precious)

    done = race(force, area, LOOK, swap)
    assert done.status == 1
    assert precious.read_bytes() == b"p" * SIZE
    assert "symbolic link" in done.stderr


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (os.mkfifo, "is a FIFO"),
        (os.mkdir, "is a directory"),
        (os.fspath, "No such file or directory"),  # nothing is put there
    ],
)
def test_what_is_put_in_place_of_the_target_is_looked_at_again(
    race: Race, place: Path, put: Callable[[Path], None], said: str
) -> None:
    area = place / "area"
    write(area, b"a" * SIZE)

    def swap() -> None:
        area.unlink()
        put(area)

    done = race((), area, LOOK, swap)
    assert done.status == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_renamed_target_is_the_one_that_was_opened(race: Race, place: Path) -> None:
    area, renamed = place / "area", place / "renamed"
    write(area, b"a" * SIZE)

    def swap() -> None:
        area.rename(renamed)
        write(area, b"b" * SIZE)

    done = race((), area, "flock(", swap)
    assert done.status == 0
    assert uuid(renamed) == FIRST
    assert area.read_bytes() == b"b" * SIZE


@pytest.mark.parametrize("args", [("--size", "1G"), NEW])
@pytest.mark.parametrize("after", ["O_DIRECTORY", "O_TMPFILE", "fsync("])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    race: Race, place: Path, args: tuple[str, ...], after: str
) -> None:
    area = place / "area"
    done = race(args, area, after, lambda: write(area, b"appeared"))
    assert done.status == 1
    assert "File exists" in done.stderr
    assert area.read_bytes() == b"appeared"
    assert os.listdir(place) == ["area"]


@pytest.mark.parametrize("args", [("--size", "1G"), NEW])
@pytest.mark.parametrize("after", ["ENOENT", "O_DIRECTORY", "O_TMPFILE", "fsync("])
def test_a_directory_that_goes_away_takes_the_new_file_along(
    race: Race, place: Path, args: tuple[str, ...], after: str
) -> None:
    done = race(args, place / "area", after, place.rmdir)
    assert done.status == 1
    assert f"{place / 'area'}: cannot create: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not place.exists()


@pytest.mark.parametrize(("size", "args"), [(0, ()), (SIZE // 2, ()), (SIZE * 2, ("--file",))])
def test_a_file_that_changes_its_size_meanwhile_is_left_alone(
    race: Race, place: Path, size: int, args: tuple[str, ...]
) -> None:
    area = place / "area"
    write(area, b"a" * SIZE)
    done = race(args, area, "fadvise64(", lambda: os.truncate(area, size))
    assert done.status == 1
    assert f"had {SIZE} bytes and has {size} now" in done.stderr
    assert area.read_bytes() == (b"a" * SIZE).ljust(size, b"\0")[:size]


@needs_root
def test_a_device_that_shrinks_meanwhile_is_left_alone(
    race: Race, place: Path, tmp_path: Path
) -> None:
    area, image = place / "area", tmp_path / "image"
    write(image, b"a" * SIZE)
    made = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot make a loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    area.symlink_to(device)

    def shrink() -> None:
        os.truncate(image, SIZE // 2)
        subprocess.run(["losetup", "--set-capacity", device], check=True)

    try:
        done = race((), area, "fadvise64(", shrink)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    assert done.status == 1
    assert f"had {SIZE} bytes and has {SIZE // 2} now" in done.stderr
    assert image.read_bytes() == b"a" * (SIZE // 2)


class Second:
    """A second run, on the same target."""

    def __init__(self, *args: str | Path) -> None:
        self._args = args

    def start(self) -> None:
        """Start it, and come back when it waits for the first."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ghostswap", "mkswap", "--uuid", SECOND, *self._args],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        assert "waiting for whoever has locked" in self.process.stderr.readline()

    def end(self) -> tuple[int, str]:
        """Its exit status, and what it said after it had waited."""
        _, stderr = self.process.communicate(timeout=60)
        return self.process.returncode, stderr


GHOST = ("--ghost", "--force", "--size", "1G")


@pytest.mark.parametrize(
    "first", [(), ("--file", "--size", "512K"), ("--file", "--force", "--size", "128K")]
)
@pytest.mark.parametrize(
    "second", [(), ("--file", "--size", "768K"), ("--file", "--force", "--size", "64K"), GHOST]
)
def test_of_two_runs_the_second_finds_what_the_first_has_made(
    race: Race, place: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    area = place / "area"
    write(area, b"a" * SIZE)
    other = Second(*second, area)
    assert race(first, area, "flock(", other.start).status == 0
    status, stderr = other.end()
    assert status == 0, stderr
    if second is GHOST:
        assert area.stat().st_size == 4096
        assert parse(area.read_bytes()).uuid == SECOND
    else:
        assert uuid(area) == SECOND


def test_a_second_run_does_not_format_the_ghost_that_the_first_has_made(
    race: Race, place: Path
) -> None:
    area = place / "area"
    write(area, b"a" * SIZE)
    other = Second(area)
    assert race(GHOST, area, "flock(", other.start).status == 0
    status, stderr = other.end()
    assert status == 1
    assert "at least 40 KiB" in stderr
    assert parse(area.read_bytes()).uuid == FIRST
    assert area.stat().st_size == 4096


@pytest.mark.parametrize("args", [("--size", "1G"), NEW])
def test_of_two_new_files_the_first_to_be_complete_stays(
    race: Race, place: Path, args: tuple[str, ...]
) -> None:
    area = place / "area"

    def other() -> None:
        subprocess.run(
            [sys.executable, "-m", "ghostswap", "mkswap", "--uuid", SECOND, *args, area],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )

    done = race(args, area, "fsync(", other)
    assert done.status == 1
    assert "File exists" in done.stderr
    assert parse(area.read_bytes()).uuid == SECOND
    assert os.listdir(place) == ["area"]
