# SPDX-License-Identifier: GPL-2.0-or-later
"""The ten questions: the commands of ghostswap-questions(7) give its answers, here too."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import CASES, ROOT, Run

from ghostswap.units import format_size

PAGE = (ROOT / "man" / "ghostswap-questions.7").read_text()
MIB = 1 << 20
#: The machines of the page, with their memory and the pages that their profiles are of.
MACHINES = {"desktop": (1024 * MIB, 274300), "database": (512 * MIB, 82158)}
MACHINES |= {"build": (512 * MIB, 65373)}
#: On this host: some of its memory, which is short of nothing.
HERE = ("--pages", "mine")
SAMPLED = ("simulate", "compare")
Found = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A section of the page.

    :ivar commands: as they stand there, for the desktop.
    :ivar rows: cells by machine.
    """

    commands: list[str]
    rows: dict[str, list[str]]


def questions() -> dict[int, Question]:
    found = {}
    for section in re.split(r"^\.Ss (?=\d)", PAGE, flags=re.MULTILINE)[1:]:
        lines = section.replace(r"\-", "-").replace(r"\(aq", "'").splitlines()
        commands = [line[2:] for line in lines if line.startswith("$ ")]
        cells = [line[4:].split(" Ta ") for line in lines if line.startswith(".It ")]
        rows = {name: rest for name, *rest in cells if name in MACHINES}
        found[int(lines[0].split(".")[0])] = Question(commands, rows)
    return found


QUESTIONS = questions()


def of(machine: str, command: str) -> list[str]:
    """*command* of the desktop, for another machine: all sizes are parts of its memory."""
    ram = MACHINES[machine][0]
    sizes = {"2G": 2 * ram, "1G": ram, "512M": ram // 2, "128M": ram // 8}
    command = command.replace("desktop.gsp", str(CASES / "profiles" / f"{machine}.gsp"))
    command = re.sub(rf"\b({'|'.join(sizes)})\b", lambda word: f"{sizes[word[0]] // MIB}M", command)
    return shlex.split(command)[1:]


def here(command: str) -> list[str]:
    """*command* for this host."""
    command = re.sub(" --(pages|ram|kernel) [^ ]+", "", command)
    words = shlex.split(command)[1:]
    return [*words, *HERE, *(("--sample", "1500") if words[0] in SAMPLED else ())]


#: What commands printed, for several questions have the same one.
PRINTED: dict[tuple[str, ...], str] = {}


@pytest.fixture
def ask(run: Run) -> Callable[[list[str]], Found]:
    def call(words: list[str]) -> Found:
        if tuple(words) not in PRINTED:
            done = run(*words, "--json")
            assert done.returncode == 0, done.stderr
            PRINTED[tuple(words)] = done.stdout
        found: Found = json.loads(PRINTED[tuple(words)])
        return found

    return call


def swept(found: Found) -> list[Found]:
    return [row["designs"][0] for row in found["sweep"]]


def by_design(found: Found) -> dict[str, Found]:
    return {row["design"]: row for row in found["designs"]}


def zram_pools(found: Found) -> dict[str, int]:
    pools = (row["designs"][0]["zram"]["mem_used_total"] for row in found["sweep"])
    return dict(zip((row["value"] for row in found["sweep"]), pools, strict=True))


def left(found: Found) -> int:
    return int(found["resident_pages"]) * 4096


# The questions, each with the cells of its row, and what holds on any machine


def how_large(found: Found) -> list[str]:
    half = next(row for row in found["defaults"] if row["name"] == "zram-generator")
    size, memory = found["choice"]["size_bytes"], found["source"]["pages"] * 4096
    assert found["choice"]["design"] == "zram"
    assert half["swapped_bytes"] == min(half["size_bytes"], memory)
    pool = next(row for row in found["options"] if row["design"] == "zram")["pool_bytes"]
    # As much as may leave and half of that, and no more than fills half of the memory.
    assert size % (256 * MIB) == 0
    assert size * pool <= memory * found["ram"] // 2 or size == 256 * MIB
    return [*map(format_size, (memory, half["size_bytes"], half["swapped_bytes"], size))]


def small_machine(found: Found) -> list[str]:
    half, same, double = map(left, swept(found))
    assert half >= same >= double
    return [format_size(size) if size else "none" for size in (half, same, double)]


def as_it_was(found: Found, worst: Found) -> list[str]:
    zram = found["zram"]
    out, size = zram["orig_data_size"], found["areas"][0]["pages"] * 4096
    # disksize bounds what goes in; what does not compress takes all of it.
    assert out <= size * 1.01
    assert worst["zram"]["mem_used_total"] >= worst["areas"][0]["pages"] * 4096
    taken = worst["zram"]["mem_used_total"]
    return [*map(format_size, (out, zram["mem_used_total"], taken))]


def never_both(found: Found) -> list[str]:
    rows = by_design(found)
    freed = {name: row["freed_bytes"] for name, row in rows.items()}
    assert freed["zswap-zram"] < freed["zram"]
    return [format_size(freed[name]) for name in ("classic", "zram", "zswap-zram")]


def inversion(found: Found, shown: Found) -> list[str]:
    assert shown["shown"] is True
    zram, disk = found["areas"]
    # zram is filled first, and keeps what left first; all that comes later is read from the disk.
    assert disk["used_pages"] == 0 or zram["used_pages"] >= 0.99 * zram["pages"]
    later = disk["used_pages"] * 4096
    return [format_size(zram["used_pages"] * 4096), format_size(later) if later else "nothing"]


def compressors(found: Found) -> list[str]:
    zram = {
        row["compressor"]: row["freed_bytes"] for row in found["options"] if row["design"] == "zram"
    }
    assert zram["zstd"] > max(zram["lz4"], zram["lzo-rle"])
    assert all(row["compress_ns"] for row in found["options"])
    return [format_size(zram[name]) for name in ("lz4", "lzo-rle", "zstd")]


def swappiness(found: Found) -> list[str]:
    settings = {row["name"]: row for row in found["settings"]}
    cluster = settings["vm.page-cluster"]["value"]
    value = settings["vm.swappiness"]["value"]
    assert 100 < value <= 180, "a page from the pool is sooner back than one of a file"
    assert "us to go and come back" in settings["vm.swappiness"]["because"]
    assert (found["choice"]["design"], cluster) == ("zram", 0)
    return [str(cluster)]


def pool_limit(found: Found, more: Found) -> list[str]:
    small, large = found["zswap"], more["zswap"]
    assert large["written_back_pages"] <= small["written_back_pages"]
    assert (small["written_back_pages"] > 0) == (small["pool_limit_hit"] > 0)
    wrote = [one["vmstat"]["pswpout"] * 4096 for one in (found, more)]
    sizes = [small["pool_total_size"], wrote[0], large["pool_total_size"], wrote[1]]
    return [format_size(size) if size else "nothing" for size in sizes]


def writeback(found: Found, pools: Found) -> list[str]:
    by = zram_pools(pools)
    assert by["zstd"] < by["lz4"]
    moved = found["zram"]["bd_writes"] * 4096
    saved = format_size(by["lz4"] - by["zstd"])
    return [format_size(by["lz4"]), format_size(moved) if moved else "nothing", saved]


def hibernate(zram: Found, zswap: Found) -> list[str]:
    one, other = zram["hibernation"], zswap["hibernation"]
    assert (zram["choice"]["design"], one["slots_bytes"], one["fits"]) == ("zram", 0, False)
    memory = zswap["source"]["pages"] + zswap["source"]["swapped_pages"]
    if zswap["choice"]["design"] == "classic":
        assert other["slots_bytes"] == memory * 4096
        assert other["need_bytes"] == other["image_bytes"] + memory * 4096
    assert other["fits"] == (other["disk_bytes"] >= other["need_bytes"] and not other["lacks"])
    fits = "yes" if other["fits"] else "no"
    sizes = (one["image_bytes"], other["need_bytes"], other["disk_bytes"])
    return [*map(format_size, sizes), fits]


ANSWERS: dict[int, Callable[..., list[str]]] = {
    1: how_large,
    2: small_machine,
    3: as_it_was,
    4: never_both,
    5: inversion,
    6: compressors,
    7: swappiness,
    8: pool_limit,
    9: writeback,
    10: hibernate,
}


def test_there_are_ten() -> None:
    assert list(QUESTIONS) == list(ANSWERS) == list(range(1, 11))
    assert all(question.commands for question in QUESTIONS.values())
    assert "ghostswap-questions" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("number", QUESTIONS)
def test_the_answer_for_a_recorded_machine_is_that_of_the_page(
    number: int, machine: str, ask: Callable[[list[str]], Found]
) -> None:
    question = QUESTIONS[number]
    found = [ask(of(machine, command)) for command in question.commands]
    assert ANSWERS[number](*found) == question.rows[machine]
    pages = [one["source"]["pages"] for one in found if "source" in one]
    assert pages[0] == MACHINES[machine][1]


@pytest.mark.parametrize("number", QUESTIONS)
def test_the_same_holds_on_this_host(number: int, ask: Callable[[list[str]], Found]) -> None:
    found = [
        ask(shlex.split(command)[1:] if "--pages desktop.gsp" not in command else here(command))
        for command in QUESTIONS[number].commands
    ]
    assert ANSWERS[number](*found)
