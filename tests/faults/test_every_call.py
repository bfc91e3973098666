# SPDX-License-Identifier: GPL-2.0-or-later
"""Never a lost byte: each system call of each way to make an area fails once, or is the last.

A good run tells which calls a way makes on its target and its directory; then there is a run for
each call and each fault. Afterwards all is as before or the area is complete. Only SIGKILL may
leave what lies between, which is exactly the steps done so far.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from support.strace import Call, Done, Strace, names

from ghostswap.area.header.header import Header

UUID = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb"
SIZE = 256 << 10
#: What libblkid finds behind the header of an area, by its offset in the area.
SIGNATURES = {16384: b"SKUL\xba\xbe", 32769: b"CD001"}

#: All there is in a directory: the names, and content and mode of each.
State = dict[str, tuple[bytes, int]]


def _content(*, area: int | None = None) -> bytes:
    """Random bytes, with old signatures for an area that begins at *area*."""
    content = bytearray(random.Random(4).randbytes(SIZE))
    if area is not None:
        content[area + 32768] = 1  # ISO 9660 wants a type before its magic
        content[area + 16640 : area + 16648] = (16384).to_bytes(8, "big")  # LUKS2: where it lies
        content[area + 1080 : area + 1082] = b"\x53\xef"  # of ext4, under the header
        for offset, magic in SIGNATURES.items():
            content[area + offset : area + offset + len(magic)] = magic
    return bytes(content)


PLAIN, SIGNED, SIGNED_BEHIND = _content(), _content(area=0), _content(area=8192)
LABELLED = Header(4096, "little", last_page=SIZE // 4096 - 1).build() + PLAIN[4096:]


@dataclass(frozen=True)
class Way:
    """A way to make an area.

    :ivar args: of ``ghostswap``, the target left out.
    :ivar old: what is there before; ``None`` for nothing.
    :ivar steps: what changes of it, in order.
    :ivar offset: where the area begins.
    :ivar draft: whether the file is made under a name of its own, for want of O_TMPFILE.
    :ivar device: whether the target is a block device.
    """

    args: tuple[str, ...]
    old: bytes | None = None
    steps: tuple[str, ...] = ()
    offset: int = 0
    draft: bool = False
    device: bool = False


_MKSWAP = ("mkswap", "--quiet", "--uuid", "clear")
_NEW_FILE = (*_MKSWAP, "--file", "--size", "256K")
_CUT = ("mode", "wipes", "header", "size")
WAYS = {
    "new ghost": Way((*_MKSWAP, "--size", "1G")),
    "new file": Way(_NEW_FILE),
    "new ghost from a draft": Way((*_MKSWAP, "--size", "1G"), draft=True),
    "new file from a draft": Way(_NEW_FILE, draft=True),
    "in place": Way(_MKSWAP, PLAIN, ("header",)),
    "in place, signed": Way(_MKSWAP, SIGNED, ("wipes", "header")),
    "in place, offset": Way(
        (*_MKSWAP, "--offset", "8192"), SIGNED_BEHIND, ("wipes", "header"), offset=8192
    ),
    "file stays": Way((*_MKSWAP, "--file"), SIGNED, ("mode", "wipes", "header")),
    "file grows": Way(
        (*_MKSWAP, "--file", "--size", "512K"), SIGNED, ("mode", "size", "wipes", "header")
    ),
    "file is cut": Way((*_MKSWAP, "--file", "--size", "128K", "--force"), SIGNED, _CUT),
    "file to ghost": Way((*_MKSWAP, "--ghost", "--size", "1G", "--force"), SIGNED, _CUT),
    "device": Way(_MKSWAP, SIGNED, ("wipes", "header"), device=True),
    "label": Way(("label", "--label", "new", "--uuid", UUID), LABELLED, ("header",)),
}

#: Calls that change something, so that there may be no room for it, or that wait.
_CHANGING = re.compile(
    "openat|fchmod|fallocate|pwrite64|fsync|ftruncate|linkat|renameat2|unlinkat|ioctl|flock"
)
#: Calls that libblkid makes dozens of: the first and the last stand for all.
_MANY = {"read", "lseek", "fadvise64", "newfstatat", "fstat"}
#: What strace writes where a call was given a signal.
_SIGNAL = re.compile(r"--- SIG|killed by SIG")
#: One sentence, and one more on what to do.
_COMPLAINT = re.compile(r"ghostswap: [^\n]+\n(  [^\n]+\n)?")


class Place:
    """Where one way is gone again and again, each time in a directory of its own.

    :ivar before: what is there at first.
    :ivar after: what is there when all went well.
    :ivar every: the system calls of a good run; *calls*, those of them that are to suffer.
    :ivar named: what errors may call the target.
    :ivar changes: those of them that change something or wait.
    """

    def __init__(self, strace: Strace, way: Way, directory: Path, device: str) -> None:
        self.way = way
        self._strace = strace
        self.directory = directory
        self._device = device
        self._numbers = count()
        self._always: tuple[str, ...] = ()
        self.go()  # the first run writes what Python compiled, and so makes more calls than others
        self.before, self.after, calls = self._good_run()
        if way.draft:
            refused = next(call for call in calls if "O_TMPFILE" in call.line)
            self._always = (refused.suffers("error=EOPNOTSUPP"),)
            _, self.after, calls = self._good_run()
        self.every = calls
        if way.draft:
            # A second fault of openat would replace the first.
            calls = [call for call in calls if call.name != "openat"]
        order = [call.name for call in calls]
        self.calls = [
            call
            for number, call in enumerate(calls)
            if call.name not in _MANY
            or call.name not in order[:number]
            or call.name not in order[number + 1 :]
        ]
        self.named = ("area", device) if device else ("area",)
        self.changes = [call for call in self.calls if _CHANGING.fullmatch(call.name)]
        assert self.changes

    def _good_run(self) -> tuple[State, State, list[Call]]:
        before, after, done = self.go(everything=True)
        assert (done.status, done.stderr) == (0, "")
        assert before != after
        return before, after, done.calls(self._device or str(self.directory))

    def go(self, *faults: str, everything: bool = False) -> tuple[State, State, Done]:
        """One run: what was there before, what is there afterwards, and how it ended.

        :param everything: record every system call, not only those that suffer.
        """
        place = self.directory / f"{next(self._numbers):04}"
        place.mkdir()
        target = place / "area"
        if self._device:
            target.symlink_to(self._device)
        if self.way.old is not None:
            target.write_bytes(self.way.old)
        if self.way.old is not None and not self._device:
            target.chmod(0o640)
        before = _state(place)
        faults = (*self._always, *faults)
        done = self._strace.run(
            (*self.way.args, str(target)),
            *faults,
            trace=() if everything else names(faults) | {"exit_group"},
        )
        return before, _state(place), done

    def suffer(self, what: str, calls: list[Call]) -> Iterator[tuple[Call, State, Done]]:
        """A run for each of *calls*, in which it suffers *what*: what is there, how it ended."""
        with ThreadPoolExecutor(1 if self._device else os.cpu_count()) as pool:
            missed = 0
            runs = pool.map(lambda call: self._hit(call, what), calls)
            for call, found in zip(calls, runs, strict=True):
                if found is None:
                    missed += 1
                else:
                    yield call, *found[1:]
        assert missed <= 2

    def _hit(self, call: Call, what: str) -> tuple[State, State, Done] | None:
        """A run in which *call* suffers *what*; ``None`` where it is made no more.

        Swap that another test mounts or takes away is looked at as well, so that there are more or
        fewer calls of a name; then *call* is looked for anew.
        """
        before = self.every[: self.every.index(call)]
        number = sum(_shape(one) == _shape(call) for one in before)
        for _ in range(5):
            found = self.go(call.suffers(what))
            log = found[2].log
            if _SIGNAL.search(log) or log.count("(INJECTED)") > len(self._always):
                return found
            alike = [one for one in self._good_run()[2] if _shape(one) == _shape(call)]
            if number >= len(alike):
                return None
            call = alike[number]
        raise AssertionError(f"{call} is made, and never suffers {what}")

    def between(self) -> list[State]:
        """What may be there if the work ends at once: no steps done, the first, the first two..."""
        if self.way.old is None:
            return [self.before, self.after]
        now, mode = self.before["area"]
        complete, new_mode = self.after["area"]
        states = [self.before]
        for step in self.way.steps:
            if step == "mode":
                mode = new_mode
            elif step == "size":
                now = now[: len(complete)].ljust(len(complete), b"\0")
            elif step == "header":
                now = _with(now, self.way.offset, complete[self.way.offset :][:4096])
            else:
                for offset, magic in SIGNATURES.items():
                    now = _with(now, self.way.offset + offset, bytes(len(magic)))
                    states.append({"area": (now, mode)})
            states.append({"area": (now, mode)})
        assert states[-1] == self.after
        return states

    def formatted(self) -> list[State]:
        """What an area in place may look like: also with signatures that could not be read.

        They stay where the user insists.
        """
        states = [self.after]
        if "--force" in self.way.args:
            now, mode = self.after["area"]
            old = self.before["area"][0]
            for offset, magic in SIGNATURES.items():
                if offset < len(now):
                    now = _with(now, offset, old[offset : offset + len(magic)])
                    states.append({"area": (now, mode)})
        return states


def _shape(call: Call) -> str:
    """*call* without what differs from run to run: process, directory, names by lot, addresses."""
    return re.sub(
        r'^\d+ +|/\d{4}(?=[/>"])|#\d+|(?<=\.area\.)[0-9a-f]{8}|0x[0-9a-f]+', "", call.line
    )


def _with(content: bytes, offset: int, data: bytes) -> bytes:
    return content[:offset] + data + content[offset + len(data) :]


def _state(directory: Path) -> State:
    return {
        entry.name: (entry.read_bytes(), entry.stat().st_mode & 0o7777)
        for entry in directory.iterdir()
    }


@pytest.fixture(scope="module")
def loop_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A block device of :data:`SIZE` bytes."""
    if os.geteuid():
        pytest.skip("needs root for a loop device")
    image = tmp_path_factory.mktemp("loop") / "image"
    image.write_bytes(bytes(SIZE))
    made = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot make a loop device: {made.stderr.strip()}")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@pytest.fixture(scope="module", params=WAYS)
def place(
    strace: Strace, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """Each way in turn."""
    way = WAYS[request.param]
    device = request.getfixturevalue("loop_device") if way.device else ""
    return Place(strace, way, tmp_path_factory.mktemp("place"), device)


def only(*ways: str) -> pytest.MarkDecorator:
    """These ways instead of each."""
    return pytest.mark.parametrize("place", ways, indirect=True)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EINTR"])
def test_an_error_leaves_all_as_it_was_or_the_area_complete(place: Place, error: str) -> None:
    calls = place.calls if error == "EIO" else place.changes
    for call, state, done in place.suffer(f"error={error}", calls):
        assert "(INJECTED)" in done.log, call
        if done.status == 0:
            assert state in place.formatted(), call
            assert done.stderr == "", call
        else:
            assert state in (place.before, place.after), call
            assert done.status == 1, (call, done.stderr)
            assert _COMPLAINT.fullmatch(done.stderr), (call, done.stderr)
            assert any(name in done.stderr for name in place.named), (call, done.stderr)


def test_a_short_write_is_an_error(place: Place) -> None:
    writes = [call for call in place.calls if call.name == "pwrite64"]
    for call, state, done in place.suffer("retval=3", writes):
        assert state == place.before, call
        assert done.status == 1, call
        assert "No space left on device" in done.stderr, call


def test_sigkill_leaves_the_steps_done_so_far_and_no_litter(place: Place) -> None:
    reached = []
    last = [call for call in place.calls if call.name == "close"][-1]
    for call, state, done in place.suffer("signal=KILL", [*place.changes, last]):
        assert done.status == -9, call
        litter = state.keys() - {"area"}
        if place.way.draft:  # the price of a file system without O_TMPFILE
            assert len(litter) <= 1, call
            assert all(re.fullmatch(r"\.area\.[0-9a-f]{8}", name) for name in litter), call
        else:
            assert not litter, call
        state = {name: what for name, what in state.items() if name not in litter}
        assert state in place.between(), call
        reached.append(state)
    assert all(state in reached for state in place.between())


@only(
    "new file", "new ghost from a draft", "in place, signed", "file grows", "file is cut", "label"
)
def test_an_interrupt_leaves_all_as_it_was_or_the_area_complete(place: Place) -> None:
    for call, state, done in place.suffer("signal=INT", place.changes):
        assert "--- SIGINT" in done.log, call
        assert state in (place.before, place.after), call
        # click prints the empty line, which ends the one with ^C on a terminal.
        assert (done.status, done.stderr) == (130, "\nghostswap: interrupted\n"), call


@only("new file from a draft", "file is cut")
@pytest.mark.parametrize(("name", "status"), [("TERM", 143), ("HUP", 129)])
def test_what_else_ends_programs_is_as_harmless(place: Place, name: str, status: int) -> None:
    for call, state, done in place.suffer(f"signal={name}", place.changes):
        assert f"--- SIG{name}" in done.log, call
        assert state in (place.before, place.after), call
        assert (done.status, done.stderr) == (status, ""), call


@only("in place, signed", "in place, offset", "file grows", "file is cut", "device")
@pytest.mark.parametrize("name", ["pwrite64", "fsync"])
def test_where_putting_back_fails_the_lost_bytes_are_told(place: Place, name: str) -> None:
    last = [call for call in place.calls if call.name == name][-1 if name == "pwrite64" else 0]
    _, state, done = place.go(f"inject={name}:error=EIO:when={last.when}+")
    assert done.status == 1
    assert _COMPLAINT.fullmatch(done.stderr)
    if name == "pwrite64":
        assert "could not be put back" in done.stderr
    else:
        assert "was put back, but perhaps not on disk" in done.stderr
    changed = place.way.steps[: place.way.steps.index("header")] if name == "fsync" else ()
    assert ("the mode was 0640" in done.stderr) == ("mode" in changed)
    assert (f"the size was {SIZE}" in done.stderr) == ("size" in changed)
    told = re.findall(r"at offset (\d+) were ([0-9a-f]*)", done.stderr)
    content = state["area"][0]
    for offset, digits in told:
        content = _with(content, int(offset), bytes.fromhex(digits))
    assert content == place.way.old
    offsets = {place.way.offset + offset for offset in SIGNATURES}
    assert offsets <= {int(offset) for offset, _ in told}


@only("new ghost from a draft", "new file from a draft")
def test_where_rename_knows_no_flags_a_link_gives_the_name(place: Place) -> None:
    (rename,) = (call for call in place.calls if call.name == "renameat2")
    _, state, done = place.go(rename.suffers("error=EINVAL"))
    assert (done.status, done.stderr) == (0, "")
    assert state == place.after


@only("in place, signed")
def test_no_read_error_hides_an_old_signature(place: Place) -> None:
    """libblkid gives up a format whose place it cannot read, and would find nothing there."""
    reads = [call for call in place.every if call.name == "read"]
    assert len(reads) > 20
    for call, state, done in place.suffer("error=EIO", reads):
        if done.status == 0:
            assert state == place.after, call
        else:
            assert state == place.before, call
            assert "--force" in done.stderr, call
