# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap overhead`` prints the published tables, cell by cell, and says what it cannot."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import Any

import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st
from support.screen import on_screen

from ghostswap.cli.app import run as run_here
from ghostswap.designs import table

MIB = 1 << 20
#: Every design, as in the kernel that the tables are of.
EVERY = ("--design", "all", "--kernel", "6.18")

#: By design and backend, at 0, 25, 50, 75 and 100 % of 32 GB, in MiB.
#: Printed by the virtual swap series, v4 and v6 (20260505153854.1612033-1-nphamcs@gmail.com).
PUBLISHED = {
    ("classic", "zswap"): [25, 57, 89, 121, 153],
    ("vswap", "zswap"): [0, 48.25, 96.5, 144.75, 193],
    ("classic", "disk"): [25, 41, 57, 73, 89],
    ("vswap", "disk"): [2, 66.25, 130.5, 194.75, 259],
}
#: From the bytes a slot that the series name: the swap table's covers for phases 3 and 4, the
#: dynamic ghost's 16 and 24 bytes, STE's layout.
DERIVED = {
    ("classic-p3", "zswap"): [17, 49, 81, 113, 145],
    ("classic-p4", "zswap"): [0.75, 36.75, 72.75, 108.75, 144.75],
    ("classic-p4", "disk"): [0.75, 20.75, 40.75, 60.75, 80.75],
    ("ghost", "zswap"): [25, 57, 89, 121, 153],
    ("ghost-dynamic", "zswap"): [0, 32, 64, 96, 128],
    ("ghost-dynamic", "disk"): [0, 48, 96, 144, 192],
    ("vswap-ste", "zswap"): [0, 36, 72, 108, 144],
    ("vswap-ste", "disk"): [0.75, 56.75, 112.75, 168.75, 224.75],
    ("zram", "zswap"): [128 + 25, 128 + 41, 128 + 57, 128 + 73, 128 + 89],
}


def result(run: Run, *args: str) -> dict[str, Any]:
    done = run("overhead", *args, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def totals(found: dict[str, Any]) -> dict[tuple[str, str], list[float]]:
    cells: dict[tuple[str, str], list[float]] = {}
    for row in found["rows"]:
        assert row["total_bytes"] == row["static_bytes"] + row["dynamic_bytes"]
        cells.setdefault((row["design"], row["backend"]), []).append(row["total_bytes"] / MIB)
    return cells


def break_evens(found: dict[str, Any]) -> dict[tuple[str, str, str], float]:
    return {
        (*row["designs"], row["backend"]): round(row["used_percent"], 1)
        for row in found["break_even"]
    }


def test_every_published_cell_comes_out(run: Run) -> None:
    found = result(run, "--size", "32G", *EVERY)
    assert (next(iter(found)), found["schema"], found["slots"]) == ("schema", 1, 8_388_608)
    cells = totals(found)
    assert {key: cells[key] for key in PUBLISHED} == PUBLISHED
    assert {key: cells[key] for key in DERIVED} == DERIVED
    keys = [(row["design"], row["backend"], row["used_percent"]) for row in found["rows"]]
    assert len(set(keys)) == len(keys)
    assert [key[2] for key in keys[:5]] == [0, 25, 50, 75, 100]


def test_break_evens_are_the_published_tables(run: Run) -> None:
    found = break_evens(result(run, "--size", "32G", *EVERY))
    assert found["classic", "vswap", "zswap"] == 38.5
    assert found["classic", "vswap", "disk"] == 11.9
    assert ("classic", "ghost", "zswap") not in found, "they are equal throughout"
    assert ("classic-p4", "vswap-ste", "disk") not in found, "they are equal at 0 % only"


def test_break_evens_are_where_the_rows_cross(run: Run) -> None:
    """There both take the same, but for what the percentage was rounded by."""
    found = result(run, "--size", "32G", *EVERY)["break_even"]
    assert len(found) > 5
    used = [f"{row['used_percent']:.6f}" for row in found]
    rows = result(run, "--size", "32G", *EVERY, "--used", ",".join(used))["rows"]
    total = {
        (row["design"], row["backend"], f"{row['used_percent']:.6f}"): row["total_bytes"]
        for row in rows
    }
    for row, percent in zip(found, used, strict=True):
        one, other = (total[design, row["backend"], percent] for design in row["designs"])
        assert one == pytest.approx(other, abs=32)


def test_the_text_shows_what_the_json_says(run: Run) -> None:
    text = run("overhead", "--size", "32G", *EVERY).stdout
    assert "classic and vswap with zswap: 38.5 % used; vswap takes less below\n" in text
    assert "classic and vswap on disk: 11.9 % used; vswap takes less below\n" in text
    compressed, disk = text.split("pages on disk")
    for (design, backend), cells in (PUBLISHED | DERIVED).items():
        part = compressed if backend == "zswap" else disk
        line = next(line for line in part.splitlines() if line.split()[:1] == [design])
        assert line.split()[1:6] == [f"{cell:g}" for cell in cells]
    assert re.search(r"^vswap .* posted, not merged$", text, re.MULTILINE)
    assert re.search(r"^classic .* merged in 6.18$", text, re.MULTILINE)


def test_the_kernel_changes_what_was_released(run: Run) -> None:
    """6.12 has XArrays: 9 bytes a used slot in the swap cache, and 9 in zswap's tree."""
    old = totals(result(run, "--size", "32G", "--design", "all", "--kernel", "6.12"))
    new = totals(result(run, "--size", "32G", *EVERY))
    assert old["classic", "zswap"][4] == old["ghost", "zswap"][4] == 25 + 8 * (9 + 9)
    assert old["classic", "disk"][4] == 25 + 8 * 9
    assert {key for key in new if old[key] != new[key]} == {
        ("classic", "zswap"),
        ("classic", "disk"),
        ("ghost", "zswap"),
        ("zram", "zswap"),
    }


def test_entries_come_on_top_of_pages_in_memory_only(run: Run) -> None:
    without = totals(result(run, "--size", "32G", *EVERY))
    found = totals(result(run, "--size", "32G", *EVERY, "--entries"))
    assert found["classic", "zswap"][4] - without["classic", "zswap"][4] == 8 * (56 + 8)
    assert found["zram", "zswap"][4] - without["zram", "zswap"][4] == 8 * 8
    for (design, backend), cells in without.items():
        headers = found[design, backend][0] - cells[0]  # of clusters: 40 bytes for 512 slots
        assert headers in (0, (1 << 23) / 512 * 40 / MIB)
        on_top = [
            with_them - cell for with_them, cell in zip(found[design, backend], cells, strict=True)
        ]
        assert (set(on_top) == {headers}) == (backend == "disk")


def test_fields_tell_gross_from_net(run: Run) -> None:
    """The author of virtual swap: at worst +40 MB with zswap, +170 MB on disk, for 32 GB."""
    of = ("--kernel", "6.18", "--design", "vswap", "--design", "ghost")
    found = result(run, "--size", "32G", "--fields", *of)
    slot = {(row["design"], row["backend"]): row for row in found["used_slot"]}
    vswap = slot["vswap", "zswap"]
    assert (vswap["static_bytes"], vswap["dynamic_bytes"]) == (0, 24.125)
    assert {"swap_map", "swap_cgroup", "zeromap", "swap table", "zswap tree"} == {
        *vswap["replaces"]
    }
    assert vswap["net_bytes"] * found["slots"] == 40 * MIB
    assert slot["vswap", "disk"]["net_bytes"] * found["slots"] == 170 * MIB
    assert (slot["ghost", "zswap"]["net_bytes"], slot["ghost", "zswap"]["replaces"]) == (0, [])
    for (design, backend), row in slot.items():
        assert row["gross_bytes"] == row["static_bytes"] + row["dynamic_bytes"]
        full = totals(found)[design, backend][-1]
        assert row["gross_bytes"] * found["slots"] / MIB == full


def test_fields_in_words_name_both_sides(run: Run) -> None:
    text = run("overhead", "--size", "1T", *EVERY, "--fields").stdout
    assert re.search(r"zram table +16 +slot +static +4096$", text, re.MULTILINE)
    assert re.search(r"swap_cgroup +2 +slot +static +512$", text, re.MULTILINE)
    assert re.search(r"cluster info +48 +cluster +static +24$", text, re.MULTILINE)
    assert "zswap_entry" not in text
    assert re.search(r"^Chris Li +gross", text, re.MULTILINE)
    assert re.search(r"^Johannes Weiner +net", text, re.MULTILINE)
    for name in table.COUNTED:
        assert f"{name}, " in text
        assert table.get(name).description in text
    assert "zswap_entry" in run("overhead", "--size", "1T", *EVERY, "--fields", "--entries").stdout


def test_a_few_designs_are_listed_unless_others_are_asked_for(run: Run) -> None:
    few = {row["design"] for row in result(run, "--size", "1G")["rows"]}
    assert few == {"classic", "ghost", "zram", "vswap-ste"}
    every = {row["design"] for row in result(run, "--size", "1G", "--design", "all")["rows"]}
    assert every == {*table.COUNTED} > few


def test_what_others_published_stands_alone(run: Run) -> None:
    found = json.loads(run("overhead", "--published", "--json").stdout)["published"]
    assert all(row["source"] for row in found)
    done = run("overhead", "--published", "--size", "1G")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--published stands alone" in done.stderr


def test_only_what_is_asked_for(run: Run) -> None:
    found = result(run, "--size", "1G", "--design", "zram", "--design", "zram", "--used", "5,5.0,2")
    assert [(row["design"], row["backend"], row["used_percent"]) for row in found["rows"]] == [
        ("zram", "zswap", 5),
        ("zram", "zswap", 2),
    ]
    text = run("overhead", "--size", "1G", "--design", "zram", "--used", "12.5", "--bytes").stdout
    assert "on disk" not in text
    static, dynamic = 262_144 * 19.125, 262_144 / 8 * 8
    assert re.search(rf"^zram +{static + dynamic:.0f} ", text, re.MULTILINE)


def test_a_little_is_not_nothing(run: Run) -> None:
    text = run("overhead", "--size", "4K", "--design", "vswap", "--used", "0,100").stdout
    assert re.search(r"^vswap +0 +<0.01 ", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "--size"),
        (("--size", "0"), "no slot"),
        (("--size", "4095"), "no slot"),
        (("--size=-1",), "invalid size"),
        (("--size", "10KB"), "--size 8192 and --size 12288 are"),
        (("--size", "16T"), "--size 17592186040320"),
        (("--size", "9" * 60 + "KB"), "more slots than the kernel can count"),
        (("--size", "9" * 4299 + "KB"), "invalid size"),
        (("--size", "1G", "--used", ""), "no percentage"),
        (("--size", "1G", "--used", "0,100.1"), '"100.1" is no percentage'),
        (("--size", "1G", "--used", "-1"), "no percentage"),
        (("--size", "1G", "--used", "nan"), "no percentage"),
        (("--size", "1G", "--used", "\x1b[2J"), r'"\x1b[2J" is no percentage'),
        (("--size", "1G", "--used", "9" * 5000), "no percentage"),
        (("--size", "1G", "--design", "vswp"), "did you mean vswap?"),
        (("--size", "1G", "--kernel", "2.4"), "6.18"),
        (("--size", "1G", "more"), "more"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_usage_is_told(run: Run, args: tuple[str, ...], said: str) -> None:
    done = run("overhead", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("columns", [40, 72])
def test_break_evens_are_folded_between_words(columns: int) -> None:
    shown = on_screen(columns, "overhead", "--size", "32G", *EVERY)
    assert max(map(len, shown)) <= columns
    text = " ".join(line.strip() for line in shown)
    assert "classic and vswap with zswap: 38.5 % used; vswap takes less below" in text


def test_the_largest_area_there_is(run: Run) -> None:
    assert result(run, "--size", "17592186040320")["slots"] == (1 << 32) - 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, (1 << 32) - 1),
    st.lists(st.decimals(0, 100, places=3), min_size=2, max_size=6),
    st.sampled_from(["6.1", "6.6", "6.12", "6.18"]),
)
def test_more_use_never_takes_less(slots: int, used: list[Any], kernel: str) -> None:
    percents = ",".join(map(str, sorted(used)))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        used_and_kernel = ["--used", percents, "--kernel", kernel]
        args = ["--size", str(slots * 4096), *used_and_kernel, "--design", "all", "--json"]
        assert run_here(["overhead", *args]) == 0
    found = json.loads(out.getvalue())
    keys = [(row["design"], row["backend"], row["used_percent"]) for row in found["rows"]]
    assert len(set(keys)) == len(keys)
    for cells in totals(found).values():
        assert cells == sorted(cells)
