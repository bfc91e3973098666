# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the questions: what recorded kernels said is found equal, and what they did not is not.

The recordings were made by other programs, so they also show that these ask the same.
"""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from conftest import load_case

from ghostswap.page import INCOMPRESSIBLE
from vm import areas, fills, groups, images, replays, systemd
from vm.guest import Answers, parse

FILLS = load_case("kernel-fills.json.xz")
MEMTOTAL = 512 << 20


def lines(key: str, numbers: dict[str, int]) -> list[str]:
    return [f"@{key} {name} {value}" for name, value in numbers.items()]


def recorded(kernel: str, design: str) -> dict[str, Any]:
    """The fill of text by lz4."""
    (row,) = (
        row
        for row in FILLS
        if (row["kernel"], row["design"], row["corpus"], row["comp"])
        == (kernel, design, "text", "lz4")
        and row.get("zpool", "zsmalloc") == "zsmalloc"
    )
    return row


def as_said(row: dict[str, Any]) -> dict[str, Answers]:
    """The row as a guest would have put it, with counters that did not start from zero."""
    lengths = [length for length in row["lens"] if length != INCOMPRESSIBLE]
    if row["design"] == "zram":
        job = [
            "@job zram-text-lz4",
            "@lens " + " ".join(map(str, lengths)),
            "@mm_stat " + " ".join(str(row["mm_stat"][name]) for name in fills.MM_STAT),
        ]
    else:
        job = ["@job zswap-text-lz4-zsmalloc-20%"]
        job += lines("before", dict.fromkeys(row["vmstat"], 7000))
        job += lines("after", row["debugfs"])
        job += lines("after", {name: value + 7000 for name, value in row["vmstat"].items()})
        job += lines("after", {"memory.zswap.current": sum(lengths)})
    return parse("\n".join(job))


@pytest.mark.parametrize("design", ["zswap", "zram"])
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.3"])
def test_a_recorded_fill_is_found_as_predicted(kernel: str, design: str) -> None:
    row = recorded(kernel, design)
    answers = [*fills.compare(kernel, as_said(row), MEMTOTAL)]
    assert len(answers) > (1024 if design == "zram" else 10)
    assert [str(answer) for answer in answers if not answer.equal] == []


def test_one_wrong_byte_and_one_wrong_counter_are_two_differences() -> None:
    row = recorded("7.3", "zram")
    row = {**row, "lens": [row["lens"][0] + 1, *row["lens"][1:]]}
    said = {**as_said(row), **as_said(recorded("7.3", "zswap"))}
    said["zswap-text-lz4-zsmalloc-20%"].add("after", ["stored_pages", "1023"])
    wrong = [answer.name for answer in fills.compare("7.3", said, MEMTOTAL) if not answer.near]
    assert wrong == ["text-lz4-zsmalloc-20% stored_pages", "text-lz4 0"]


@pytest.mark.parametrize("kernel", images.SOURCES)
def test_the_script_of_a_kernel_is_one_that_a_shell_reads_and_no_job_is_twice_in_it(
    kernel: str,
) -> None:
    script = areas.script() + fills.script(kernel) + groups.script(kernel) + replays.script(kernel)
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    jobs = [line for line in script.splitlines() if "@job" in line]
    assert len(jobs) == len(set(jobs)) > 40


def test_a_killed_group_is_compared_by_when_it_was_killed() -> None:
    asked = replays.Replay("c5", "zipf", 50, zmax=10, writeback=False)
    job = f"@job two-lists-{asked.name}\n@comp lz4\n@majflt 0\n@swap.current 0\n@phase "
    found = {phase: [*replays.compare("7.3", parse(job + phase), MEMTOTAL)] for phase in ("0", "2")}
    assert [[answer.equal for answer in answers] for answers in found.values()] == [[True], [False]]


def test_groups_are_filled_beyond_the_limits_that_they_are_given() -> None:
    asked = groups.fills("6.18")
    assert {fill.corpus for fill in asked} >= {"text", "ladder"}
    for fill in asked:
        known = fills.measured("6.18", "zswap", fill.comp, fill.corpus)
        assert known is not None
        assert fill.zmax is not None
        held = fills.predicted("6.18", fill, known[0], MEMTOTAL)
        assert held.groups[0].zswap_current <= fill.zmax + 4096
        if fill.corpus != "mixed":  # which just fits
            assert held.vmstat["pswpout"] > 100, "what the limit keeps out goes to the disk"


ADVISED = """\
@found {"settings": [{"name": "compressor", "value": "lz4"},
@found {"name": "max_pool_percent", "value": 50}, {"name": "enabled", "value": "Y"},
@found {"name": "accept_threshold_percent", "value": 90},
@found {"name": "vm.swappiness", "value": 180}, {"name": "vm.page-cluster", "value": 0}],
@found "groups": [{"name": "cgroup:/system.slice/hog.service",
@found "compressed_bytes": 9000, "zswap_max": 4096},
@found {"name": "cgroup:/system.slice/light.service", "compressed_bytes": 800, "zswap_max": "max"}]}
"""
IS_SET = """\
@zswap compressor lz4
@zswap max_pool_percent 50
@zswap accept_threshold_percent 90
@zswap enabled Y
@vm swappiness 180
@vm page-cluster 0
@swap /swapfile on
@limit hog 4096
@unit hog 4096
@limit light max
@unit light infinity
"""


def test_a_host_that_is_set_as_advised_and_then_as_before_differs_in_nothing() -> None:
    first = parse(f"{ADVISED}@job applied\n{IS_SET}@current hog 4100\n@current light 799\n")
    second = parse(f"@job booted\n{IS_SET}@job undone\n")
    answers = [*systemd.compare(first, second)]
    assert len(answers) > 20
    assert [str(answer) for answer in answers if not answer.near] == []
    left = parse(f"@job booted\n{IS_SET.replace('180', '60')}@job undone\n@differs < /etc/a\n")
    wrong = [answer.name for answer in systemd.compare(first, left) if not answer.near]
    assert wrong == ["swappiness", "what differs from before"]


@pytest.mark.parametrize("text", [systemd.SCRIPT, systemd.SERVICE])
def test_what_a_guest_is_given_has_all_its_words(text: str) -> None:
    given = text.format(ram=64, name="hog", size=1, noise=2)
    assert "{ram}" not in given
    if text is systemd.SCRIPT:
        subprocess.run(["sh", "-n"], input=given, text=True, check=True)
