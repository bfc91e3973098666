# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of blkid, wipefs, swaplabel and file(1) is what these tools say themselves."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.signatures import ISO9660, LINUX_RAID, LUKS2, REISERFS, jmicron

from ghostswap.area.header import probers
from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import MAX_HEADER, PAGE_SIZES, SIGNATURES, SWAPSPACE2, Header
from ghostswap.area.header.layout import TUXONICE
from ghostswap.area.target.target import open_target

TAGS = ("TYPE", "VERSION", "LABEL", "UUID")

LABELS = st.text("abc XYZ019-_", max_size=16).map(str.encode)
HEADERS = st.builds(
    Header,
    page_size=st.sampled_from(PAGE_SIZES),
    byte_order=st.sampled_from(["little", "big"]),
    last_page=st.sampled_from([0, 9, 255, 0xFFFFFFFF]),
    nr_badpages=st.sampled_from([0, 2, 700]),
    sws_uuid=st.sampled_from([bytes(16), bytes(range(16))]),
    sws_volume=LABELS.map(lambda label: label.ljust(16, b"\0")),
    version=st.sampled_from([1, 1, 1, 2, 0x01020304]),
    magic=st.sampled_from([*SIGNATURES, b"S1SUSPENDx", b"ULSUSPEND2", TUXONICE + b"\1\2"]),
    bootbits=st.just(bytes(1024)),
    badpages_raw=st.just(b""),
    padding=st.sampled_from([0, 31, 32, 33, 34]).map(
        lambda word: b"".join(bytes([word > 0 and word == n, 0, 0, 0]) for n in range(117))
    ),
)
SIZES = st.sampled_from([40959, 40960, probers.TINY, probers.TINY + 1])


def needs(*tools: str) -> pytest.MarkDecorator:
    missing = [tool for tool in tools if which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


def image(header: Header, orig_sig: bytes = b"", tuxonice: bool = False) -> bytes:
    page = bytearray(header.build())
    if orig_sig:
        page[-20:-10] = orig_sig
    if tuxonice:
        page[: len(TUXONICE)] = TUXONICE
    return bytes(page)


def blkid(path: str) -> dict[str, bytes] | None:
    """What blkid reports of *path*; ``None`` where it says that two things could be meant."""
    done = subprocess.run(["blkid", "--probe", path], capture_output=True, check=False)
    if done.returncode == 8 or (done.returncode == 2 and len(wipefs(path)) > 1):  # 2.41
        return None
    assert done.returncode in (0, 2), done.stderr
    words = (word.partition("=") for word in shlex.split(done.stdout.decode())[1:])
    return {name: value.encode() for name, _, value in words if name in TAGS}


def wipefs(path: str) -> list[tuple[int, str]]:
    command = ["wipefs", "--noheadings", "--parsable", "--output", "OFFSET,TYPE", path]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return sorted((int(line.split(",")[0], 16), line.split(",")[1]) for line in lines)


@needs("blkid", "wipefs")
@settings(max_examples=80, deadline=None)
@given(
    header=HEADERS,
    others=st.lists(
        st.tuples(st.sampled_from(PAGE_SIZES), st.sampled_from(list(SIGNATURES))), max_size=2
    ),
    tuxonice=st.booleans(),
    size=SIZES,
)
def test_matches_are_those_of_blkid_and_wipefs(
    header: Header, others: list[tuple[int, bytes]], tuxonice: bool, size: int
) -> None:
    data = bytearray(image(header, tuxonice=tuxonice).ljust(MAX_HEADER, b"\0"))
    for page_size, magic in others:
        data[page_size - 10 : page_size] = magic
    with tempfile.NamedTemporaryFile() as file:
        file.write(data[:size])
        file.truncate(size)
        file.flush()
        start = bytes(data[:size])
        found = probers.matches(start, size)
        said = blkid(file.name)
        if said is None:
            assert len(found) == 2
        else:
            believed = found[:1] if size <= probers.TINY else found
            assert [match.tags for match in believed] == ([said] if said else [])
        listed = [(m.offset, m.tags["TYPE"].decode()) for m in probers.erasable(start, size)]
        assert sorted(listed) == wipefs(file.name)


@needs("swaplabel", "file", "blkid")
@settings(max_examples=80, deadline=None)
@given(
    header=HEADERS,
    orig_sig=st.sampled_from([b"", SWAPSPACE2, b"SWAP-SPACE"]),
    tuxonice=st.booleans(),
    size=st.one_of(SIZES, st.just(4096)),
)
def test_views_are_what_swaplabel_and_file_say(
    header: Header, orig_sig: bytes, tuxonice: bool, size: int
) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(image(header, orig_sig, tuxonice))
        file.truncate(max(size, header.page_size))
        file.flush()
        with open_target(file.name) as target:
            views = {view.tool: view for view in probers.views(target, inspect(target))}
        done = subprocess.run(["swaplabel", file.name], capture_output=True, text=True, check=False)
        view = views["swaplabel"]
        assert view.sees == (done.returncode == 0)
        if view.sees and done.stdout:
            assert view.says == ", ".join(
                f"{name}: {value.strip()}"
                if name == "UUID"
                else f"{name}: {value.removeprefix(' ')}"
                for name, _, value in (row.partition(":") for row in done.stdout.splitlines())
            )
        said = subprocess.run(
            ["file", "--brief", file.name], capture_output=True, text=True, check=True
        ).stdout.removesuffix("\n")
        view = views["file"]
        assert view.says.partition(":")[0] == said if said == "data" else view.says == said
        assert view.sees == (said != "data")
        assert views["blkid"].sees == bool(blkid(file.name))


@needs("file")
@pytest.mark.parametrize(
    "label",
    [
        "é".encode() * 8,
        b"a\x1b[31mb",
        b"a\nb",
        b"\r",
        b"a\tb\x7f",
        b"\xff",
        b"\\%s",
        b" a ",
        b"x" * 16,
    ],
)
def test_labels_are_written_as_file_writes_them(tmp_path: Path, label: bytes) -> None:
    path = tmp_path / "area"
    path.write_bytes(Header(4096, "little", 99, sws_volume=label.ljust(16, b"\0")).build())
    with open_target(str(path)) as target:
        says = probers.views(target, inspect(target))[-1].says
    done = subprocess.run(["file", "--brief", path], capture_output=True, text=True, check=True)
    assert says == done.stdout.removesuffix("\n")


SIZE = 8 << 20
OTHERS = {
    "iso9660": (ISO9660,),
    "crypto_LUKS": (LUKS2,),
    "ext2": ((1024 + 0x38, b"\x53\xef"),),  # cut short: too little for anybody to believe
    "reiserfs": (REISERFS,),
    "linux_raid_member": (LINUX_RAID,),
    "jmicron": (jmicron(SIZE),),
    "two": (ISO9660, REISERFS),
}


def area_with(path: Path, name: str) -> Path:
    page = Header(4096, "little", 2047, sws_volume=b"x".ljust(16, b"\0")).build()
    data = bytearray(page.ljust(SIZE, b"\0"))
    for offset, magic in OTHERS[name]:
        data[offset : offset + len(magic)] = magic
    path.write_bytes(data)
    return path


@needs("blkid", "wipefs")
@pytest.mark.parametrize("name", OTHERS)
def test_other_signatures_are_seen_as_blkid_and_wipefs_see_them(tmp_path: Path, name: str) -> None:
    path = area_with(tmp_path / "area", name)
    with open_target(str(path)) as target:
        views = {view.tool: view for view in probers.views(target, inspect(target))}
    said = blkid(str(path))
    if said is None:
        assert views["blkid"].says.startswith("ambivalent: ")
    else:
        tags = " ".join(f'{tag}="{value.decode()}"' for tag, value in said.items())
        assert sorted(views["blkid"].says.rpartition(": ")[2].split()) == sorted(tags.split())
    assert views["blkid"].sees == (said is not None and said["TYPE"] == b"swap")
    listed = sorted(
        (int(place, 16), kind)
        for kind, place in (row.split(" at ") for row in views["wipefs"].says.split(", "))
    )
    assert listed == wipefs(str(path))


def test_some_signatures_hide_the_area_from_blkid(tmp_path: Path) -> None:
    """So that the test above shows something."""
    seen = set()
    for name in OTHERS:
        with open_target(str(area_with(tmp_path / name, name))) as target:
            view = probers.views(target, inspect(target))[0]
        seen.add(view.says.partition(":")[0] if not view.sees else "seen")
    assert seen == {"seen", "ambivalent", "takes it for something else"}


@given(
    start=st.binary(max_size=64),
    signatures=st.lists(
        st.tuples(st.sampled_from(PAGE_SIZES), st.sampled_from([*SIGNATURES, b"\xff" * 10]))
    ),
    size=st.integers(0, 1 << 44),
)
def test_any_bytes_are_probed_to_an_end(
    start: bytes, signatures: list[tuple[int, bytes]], size: int
) -> None:
    data = bytearray(start.ljust(MAX_HEADER, b"\xff"))
    for page_size, magic in signatures:
        data[page_size - 10 : page_size] = magic
    listed = probers.erasable(bytes(data), size)
    assert len(listed) == len({match.offset for match in listed}) <= len(PAGE_SIZES) + 1


def test_a_swap_file_is_never_found_by_label_and_a_ghost_by_nobody_but_file(
    tmp_path: Path,
) -> None:
    page = Header(4096, "little", 99, sws_volume=b"x".ljust(16, b"\0")).build()
    (tmp_path / "ghost").write_bytes(page)
    (tmp_path / "full").write_bytes(page.ljust(100 * 4096, b"\0"))
    seen = {}
    for name in ("ghost", "full"):
        with open_target(str(tmp_path / name)) as target:
            views = probers.views(target, inspect(target))
        seen[name] = [view.tool for view in views if view.sees]
    assert seen == {"ghost": ["file"], "full": ["blkid", "wipefs", "swaplabel", "file"]}


def test_why_a_label_stays_hidden_is_told(tmp_path: Path) -> None:
    padding = bytes(33 * 4) + b"\1" + bytes(83 * 4 + 3)
    header = Header(4096, "little", 99, sws_volume=b"x".ljust(16, b"\0"), padding=padding)
    (tmp_path / "area").write_bytes(header.build().ljust(100 * 4096, b"\0"))
    with open_target(str(tmp_path / "area")) as target:
        views = {view.tool: view.says for view in probers.views(target, inspect(target))}
    for tool in ("blkid", "swaplabel"):
        assert "words 32 and 33 of the padding are not zero" in views[tool]


def test_an_area_at_an_offset_is_seen_by_no_tool(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(10000) + Header(4096, "little", 99).build().ljust(409600, b"\0"))
    with open_target(str(path)) as target:
        views = probers.views(target, inspect(target, 10000))
    assert not any(view.sees for view in views)
    assert "--offset 10000" in views[0].says
    if which("blkid"):
        probe = ["blkid", "--probe", "--offset", "10000", "--output", "value", "-s", "TYPE", path]
        done = subprocess.run(probe, capture_output=True, text=True, check=True)
        assert done.stdout == "swap\n"
