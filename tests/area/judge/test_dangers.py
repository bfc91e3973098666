# SPDX-License-Identifier: GPL-2.0-or-later
"""What is warned of beside the verdict: each danger by its name, and nothing about a good area."""

from __future__ import annotations

import pytest

from ghostswap.area.header.header import Header, pack_badpages
from ghostswap.area.header.layout import TUXONICE
from ghostswap.area.judge import dangers
from ghostswap.area.judge.area import Area, Machine
from ghostswap.area.judge.dangers import Danger, Seen
from ghostswap.area.judge.rules import judge
from ghostswap.area.target.target import Kind
from ghostswap.kernels import KERNELS

GOOD = Header(4096, "little", 63, sws_uuid=bytes(range(16)), sws_volume=b"swap".ljust(16, b"\0"))
MACHINE = Machine(ram=1 << 30, byte_order="little")


def found(
    head: Header = GOOD,
    size: int = 64 * 4096,
    kind: Kind = "block",
    *,
    kernel: str = "6.18",
    machine: Machine = MACHINE,
    start: bytes = b"",
    mapped_pages: int | None = None,
) -> dict[str, Danger]:
    area = Area(start or head.build(), size, kind, path="AREA", mapped_pages=mapped_pages)
    rules = KERNELS[kernel]
    seen = Seen(area, machine, [rules], [judge(area, rules, machine)])
    return {danger.name: danger for danger in dangers.find(seen, None)}


def bad(*pages: int, last_page: int = 63) -> Header:
    listed = pack_badpages(pages, "little")
    return GOOD._replace(last_page=last_page, nr_badpages=len(pages), badpages_raw=listed)


def test_a_good_area_is_nothing_to_warn_of() -> None:
    assert found() == {}
    assert found(kind="file") == {}


def test_what_is_no_swap_area_is_nothing_to_warn_of() -> None:
    assert found(start=bytes(4096)) == {}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("label", GOOD._replace(sws_volume=b"0123456789abcdef")),
        ("label", GOOD._replace(sws_volume=b"a\x1b[31mred".ljust(16, b"\0"))),
        ("label", GOOD._replace(sws_volume=b"\xff\xfe".ljust(16, b"\0"))),
        ("longer-than-declared", GOOD._replace(last_page=62)),
        ("byte-order", GOOD._replace(byte_order="big")),
        ("duplicate-bad-pages", bad(5, 5, 6)),
        ("hibernation-image", GOOD._replace(magic=b"S1SUSPEND\0")),
        ("hibernation-image", GOOD._replace(bootbits=TUXONICE.ljust(1024, b"\0"))),
    ],
)
def test_a_header_is_warned_of_by_name(name: str, head: Header) -> None:
    assert list(found(head)) == [name]
    danger = found(head)[name]
    assert danger.what
    assert danger.danger
    assert danger.cure
    assert "\x1b" not in danger.what


def test_bad_pages_below_zero_say_how_much_swap_is_not_there() -> None:
    danger = found(bad(*[5] * 16, last_page=15), 16 * 4096)["bad-pages-underflow"]
    assert "4 TiB" in danger.danger
    assert "bad-pages-underflow" not in found(bad(*[5] * 14, last_page=15), 16 * 4096)


def test_a_ghost_is_warned_of_on_every_kernel() -> None:
    head = GOOD._replace(last_page=(1 << 18) - 1)
    assert list(found(head, 4096, "file", kernel="ghost")) == ["ghost"]
    assert list(found(head, 4096, "file", kernel="6.18")) == ["ghost"]


def test_a_giant_ghost_says_what_it_costs() -> None:
    slots = 1 << 24
    head = GOOD._replace(last_page=slots - 1)
    danger = found(head, 4096, "file", kernel="ghost")["memory"]
    assert "50 MiB" in danger.what  # 16 Mi slots of 3.125 bytes
    assert "5 %" in danger.danger
    rich = Machine(ram=64 << 30)
    assert "memory" not in found(head, 4096, "file", kernel="ghost", machine=rich)
    assert "memory" not in found(head, 4096, "file", kernel="6.18"), "it does not come to it"


def test_size_in_proc_swaps_wraps_from_4_tib_on() -> None:
    rich = Machine(ram=1 << 40)
    for slots, wraps in ((1 << 30, False), ((1 << 30) + 1, True), ((1 << 30) + 1001, True)):
        head = GOOD._replace(last_page=slots - 1)
        assert ("size-wraps" in found(head, slots * 4096, machine=rich)) == wraps
    assert "show 3.9 MiB" in found(head, slots * 4096, machine=rich)["size-wraps"].danger


def test_pages_lost_to_small_blocks_are_counted() -> None:
    danger = found(kind="file", mapped_pages=60)["lost-pages"]
    assert "64" in danger.what
    assert "60" in danger.what
    assert danger.danger.startswith("16 KiB")


def test_a_second_signature_of_another_page_size_is_seen() -> None:
    stale = bytearray(GOOD._replace(page_size=16384).build())
    stale[:4096] = GOOD.build()
    assert "16 KiB" in found(start=bytes(stale))["second-signature"].what


def test_an_area_for_other_pages_is_warned_of_in_its_own_terms() -> None:
    other = Machine(ram=1 << 30, page_size=16384, byte_order="little")
    head = GOOD._replace(sws_volume=b"\xff" * 16)
    assert "label" in found(head, machine=other)
