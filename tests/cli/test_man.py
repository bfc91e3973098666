# SPDX-License-Identifier: GPL-2.0-or-later
"""The man pages say what ``--help`` says, name what there is and nothing else, and are well-formed.

A message says what is missing where: options are compared as sets, page by page.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import click
import pytest
from conftest import ROOT, Run

from ghostswap.cli.app import COMMANDS, cli
from ghostswap.scenario.keys import KEYS

PAGES = sorted((ROOT / "man").glob("*.[1-8]"))
#: Those whose options help and page have in groups.
STUDIES = ("simulate", "replay", "measure", "verify", "compare", "overhead")
MOST_LINES = 400
#: All differences from mkswap(8) stand in its page, and its JSON.
LONGER = {"ghostswap-mkswap.1": 524}


def page_of(command: str) -> str:
    return (ROOT / "man" / f"ghostswap-{command}.1").read_text()


def options_in_page(text: str) -> set[str]:
    """The options that have an item of their own, as ``-o`` or ``--option``."""
    items = re.findall(r"^\.It (Fl .+)$", text, re.MULTILINE)
    words = (word for item in items for word in re.findall(r"Fl (\S+)", item))
    return {f"-{word}" for word in words}


def options_in_help(text: str) -> set[str]:
    found: set[str] = set()
    for line in text.splitlines():
        names = re.match(r" {2}((?:-\w, )?--?[\w-]+)", line)
        if names:
            found |= set(names[1].split(", "))
    return found


def groups_in_help(text: str) -> list[str]:
    return [title for title in re.findall(r"^(\w+):$", text, re.MULTILINE) if title != "Examples"]


def groups_in_page(text: str) -> list[str]:
    options = text.partition(".Sh OPTIONS\n")[2].partition("\n.Sh ")[0]
    return re.findall(r"^\.Ss (.+)$", options, re.MULTILINE)


def test_each_command_has_a_page_and_the_overview_names_every_page() -> None:
    overview = (ROOT / "man" / "ghostswap.1").read_text()
    others = [page for page in PAGES if page.name != "ghostswap.1"]
    assert {page.stem.partition("-")[2] for page in others if page.suffix == ".1"} == set(COMMANDS)
    listed = re.findall(r"^\.It Xr (\S+) (\d)$", overview, re.MULTILINE)
    assert sorted(f"{name}.{number}" for name, number in listed) == [page.name for page in others]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_is_referred_to_is_there(page: Path) -> None:
    referred = re.findall(r"^\.(?:It )?Xr (ghostswap\S*) (\d)", page.read_text(), re.MULTILINE)
    missing = {f"{name}.{number}" for name, number in referred} - {page.name for page in PAGES}
    assert not missing, f"{page.name} refers to {missing}"


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_help_stand_in_the_page_and_no_others(run: Run, name: str) -> None:
    said = options_in_help(run(name, "--help").stdout)
    written = options_in_page(page_of(name))
    assert said
    assert not said - written, f"ghostswap-{name}.1 lacks {sorted(said - written)}"
    assert not written - said, f"ghostswap {name} --help lacks {sorted(written - said)}"


@pytest.mark.parametrize("name", STUDIES)
def test_options_stand_in_the_groups_of_help(run: Run, name: str) -> None:
    said = run(name, "--help").stdout
    groups = groups_in_help(said)
    text = page_of(name)
    assert groups_in_page(text) == groups, f"ghostswap-{name}.1"
    for group, following in pairwise((*groups, "")):
        in_help = said.partition(f"\n{group}:\n")[2].partition(f"\n{following}:\n")[0]
        in_page = text.partition(".Sh OPTIONS\n")[2].partition(f".Ss {group}\n")[2]
        in_page = re.split(r"^\.S[hs] ", in_page, maxsplit=1, flags=re.MULTILINE)[0]
        assert options_in_page(in_page) == options_in_help(in_help), f"ghostswap-{name}.1: {group}"


def test_keys_of_a_scenario_stand_in_its_page_and_no_others() -> None:
    text = (ROOT / "man" / "ghostswap-scenario.5").read_text().partition(".Sh EXAMPLES")[0]
    lines = re.findall(r"^\.It Va (.+)$", text, re.MULTILINE)
    written = {word for line in lines for word in line.split(" , ")}
    known = {name.rpartition(".")[2] for name in KEYS}
    assert not known - written, f"ghostswap-scenario.5 lacks {sorted(known - written)}"
    assert not written - known, f"no keys: {sorted(written - known)}"


def commands_in(page: Path) -> list[str]:
    """What examples type after a prompt, joined where it goes on in the next line."""
    shown = page.read_text().replace("\\e\n", " ").replace("\\-", "-").replace("\\(aq", "'")
    lines = re.findall(r"^(?:\.Dl )?[$#] (ghostswap .+)$|\| (ghostswap .+)$", shown, re.MULTILINE)
    return [re.split(r" [|>] ?|\|$", one or other)[0] for one, other in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_have_commands_and_options_that_there_are(page: Path) -> None:
    for line in commands_in(page):
        name, *args = shlex.split(line)[1:]
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, f"{page.name}: {line}"
        try:
            command.make_context(name, args)
        except click.UsageError as error:
            pytest.fail(f"{page.name}: {line}: {error.message}")


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_clean(page: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_can_be_read_at_a_sitting(page: Path) -> None:
    assert page.read_text().count("\n") <= LONGER.get(page.name, MOST_LINES)
