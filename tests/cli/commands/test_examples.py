# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap examples`` shows every claim that it lists, and only where the figures show it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run

from ghostswap.claims.claims import EXAMPLES

FILES = ROOT / "ghostswap" / "examples"

Rows = dict[str, float]

#: What must hold between the figures of an example's variants, in order, for the claim to be true.
RELATIONS: dict[str, Callable[..., bool]] = {
    "slot-waste": lambda classic, ghost, vswap: (
        classic["compressed"] == ghost["compressed"] == vswap["compressed"] > 0
        and classic["never_written_bytes"] >= classic["compressed"] * 4096
        and not ghost["never_written_bytes"]
    ),
    "no-disk": lambda least, classic, ghost, vswap: (
        least["killed"] == 1
        and ghost["reserved_bytes"] == 4096
        and ghost["pgmajfault"] == classic["pgmajfault"] == vswap["pgmajfault"] > 0
    ),
    "ghost-write-fails": lambda classic, ghost, as_is: (
        classic["disk_writes"] > 0 == ghost["disk_writes"]
        and ghost["refused"] > 0 == classic["refused"] == as_is["refused"]
        and as_is["compressed"] > ghost["compressed"]
    ),
    "ghost-writeback": lambda alone, mixed, classic: (
        alone["zswpwb"] == 0 < mixed["zswpwb"] and classic["zswpwb"] > 0 < alone["refused"]
    ),
    "ghost-stuck": lambda ghost, classic, vswap: (
        0 < ghost["stuck_pages"] <= ghost["compressed"]
        and ghost["reject_reclaim_fail"] > 0 == classic["stuck_pages"] == vswap["stuck_pages"]
        and ghost["zswpwb"] < min(classic["zswpwb"], vswap["zswpwb"])
    ),
    "too-small": lambda *runs: (
        [run["killed"] for run in runs] == sorted((run["killed"] for run in runs), reverse=True)
        and runs[0]["killed"] > runs[-2]["killed"] == runs[-1]["killed"]
        and runs[-2]["compressed"] == runs[-1]["compressed"] > 0
    ),
    "too-large": lambda small, classic, ghost, vswap: (
        small["metadata_static_bytes"] * 60 < classic["metadata_static_bytes"]
        and classic["metadata_static_bytes"] == ghost["metadata_static_bytes"]
        and ghost["never_written_bytes"] == vswap["metadata_static_bytes"] == 0
        and small["pgmajfault"] == classic["pgmajfault"] == vswap["pgmajfault"]
    ),
    "xswap": lambda classic, ghost, xswap: (
        classic["metadata_static_bytes"] == ghost["metadata_static_bytes"] > 0
        and xswap["metadata_static_bytes"] == xswap["reserved_bytes"] == 0
        and xswap["metadata_dynamic_bytes"] > ghost["metadata_dynamic_bytes"]
        and classic["pgmajfault"] == ghost["pgmajfault"] == xswap["pgmajfault"] > 0
        and xswap["stuck_pages"] == xswap["compressed"] > 0 == classic["stuck_pages"]
    ),
    "backend-transfer": lambda classic, ghost, vswap: (
        classic["disk_slots"] >= classic["movable"] == classic["compressed"]
        and vswap["words"] == 2 * vswap["movable"] > 0 == vswap["disk_slots"] == vswap["ptes"]
        and ghost["movable"] == 0 < ghost["compressed"] < ghost["ptes"]
    ),
    "swapoff": lambda classic, vswap: (
        classic["swapoff_ptes"] > classic["swapoff_pages"] > vswap["swapoff_pages"] > 0
        and vswap["swapoff_minor_faults"] == vswap["swapoff_pages"]
        and classic["swapoff_minor_faults"] == vswap["swapoff_ptes"] == 0
    ),
    "zram-for-ghost": lambda ghost, zram: (
        0 < ghost["charged_bytes"] <= ghost["pool_bytes"]
        and zram["charged_bytes"] == 0 < zram["pool_bytes"]
        and ghost["disk_writes"] == zram["disk_writes"] == 0
    ),
    "lru-inversion": lambda zram, classic: (
        zram["swap_ins_disk"] > 2 * classic["swap_ins_disk"]
        and zram["lru_inversion_pairs"] > 2 * classic["lru_inversion_pairs"]
    ),
    "ssd-flag": lambda hdd, ssd, ghost, both: (
        [run["vma_readahead"] for run in (hdd, ssd, ghost, both)] == [0, 1, 1, 0]
        and ghost["seeks"] == ssd["seeks"] != hdd["seeks"]
    ),
    "tiers": lambda free, bound: (
        sum(free[f"{tier}_slots"] for tier in ("SSD", "HDD"))
        == sum(bound[f"{tier}_slots"] for tier in ("SSD", "HDD"))
        == sum(bound[f"{group}_slots"] for group in ("app", "batch"))
        and free["SSD_slots"] > bound["SSD_slots"] == bound["app_slots"]
    ),
    "group-writeback": lambda on, off: (
        on["app_disk"] > off["app_disk"] == 0 == on["app_refused"] < off["app_refused"]
        and off["app_pgmajfault"] < on["app_pgmajfault"]
        and off["batch_pgmajfault"] > on["batch_pgmajfault"]
    ),
}


def result(run: Run, *args: str, status: int = 0) -> dict[str, Any]:
    done = run("examples", *args, "--json")
    assert (done.returncode, done.stderr) == (status, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_shows_its_claim(run: Run, name: str) -> None:
    found = result(run, name)
    rows: list[Rows] = [variant["rows"] for variant in found["variants"]]
    assert found["shown"] is True
    assert RELATIONS[name](*rows), rows
    assert len({variant["name"] for variant in found["variants"]}) == len(rows)
    # Nothing is said that stands in no row; the difference of two rows apart.
    figures = {f"{value:,.0f}" for row in rows for value in row.values()}
    said = set(re.findall(r"\b[0-9]{1,3}(?:,[0-9]{3})+\b", found["conclusion"]))
    assert said <= figures


@pytest.mark.parametrize("name", EXAMPLES)
def test_with_room_for_all_pages_no_claim_is_shown(run: Run, name: str, tmp_path: Path) -> None:
    text = re.sub("^memory_max.*\n", "", (FILES / f"{name}.toml").read_text(), flags=re.MULTILINE)
    (tmp_path / "mine.toml").write_text(re.sub('^ram = ".*"', 'ram = "1G"', text, flags=re.M))
    found = result(run, name, "mine.toml", status=1)
    assert (found["shown"], found["conclusion"]) == (False, None)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_figures_of_nothing_show_nothing(example: Any) -> None:
    assert example.conclude(*(defaultdict(int) for _ in example.variants)) is None


def test_list_has_every_scenario_there_is(run: Run) -> None:
    found = result(run)["examples"]
    assert {Path(example["path"]) for example in found} == set(FILES.iterdir())
    listed = run("examples").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in listed] == [
        [example["name"], example["claim"]] for example in found
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_claim_says_who_made_it_or_where(name: str) -> None:
    comment, _, _ = (FILES / f"{name}.toml").read_text().partition("\n\n")
    claim, _, said = comment.partition("\n#\n")
    assert re.fullmatch(r"# [^\n]{1,84}\.", claim)
    assert "https://" in said or "linux-mm" in said


def test_what_is_shown_of_a_scenario_can_be_changed_and_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(run("examples", "swapoff", "--show").stdout)
    assert result(run, "swapoff", "mine.toml") == result(run, "swapoff")


def test_text_has_claim_source_figures_and_conclusion(run: Run) -> None:
    found = result(run, "lru-inversion")
    done = run("examples", "lru-inversion")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (found["claim"], *found["said"], found["conclusion"]):
        assert part in done.stdout
    for variant in found["variants"]:
        assert variant["name"] in done.stdout
        assert str(variant["rows"]["swap_ins_disk"]) in done.stdout


def test_a_scenario_without_its_groups_shows_nothing(run: Run, tmp_path: Path) -> None:
    text = (FILES / "tiers.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("group.app", "group.web"))
    done = run("examples", "tiers", "mine.toml")
    assert (done.returncode, done.stderr) == (1, "")
    assert "not shown" in done.stdout


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["no-such"], 2, "no-such"),
        (["slot-waste", "missing.toml"], 1, "missing.toml: No such file"),
        (["--show"], 2, "which example"),
        (["tiers", "--show", "--json"], 2, "leave out --json"),
        (["tiers", "x.toml", "--show"], 2, "leave out HOST.toml"),
    ],
)
def test_wrong_usage_is_told(run: Run, args: list[str], status: int, said: str) -> None:
    done = run("examples", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
