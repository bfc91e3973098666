# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual is true: pages, help and the table of keys agree, and every example runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import CASES, ROOT

from ghostswap.cli.app import COMMANDS, cli
from ghostswap.scenario.keys import KEYS

MAN = ROOT / "man"
PAGES = sorted(MAN.iterdir())
#: A command's page can be read in one go.
MOST_LINES = 370
SECTIONS = {"": "The host", "zswap": "The table zswap", "zram": "The table zram"}
SECTIONS |= {"area": "The tables area", "group.NAME": "The tables group"}
#: What this test has no machine for: an editor, and the kernel of root.
NOT_RUN = re.compile(r"vi |sudo ")


def section(page: str, kind: str, title: str) -> str:
    """The text below a heading of *page*, up to the next one."""
    text = (MAN / page).read_text().partition(f".{kind} {title}\n")[2]
    return re.split(r"^\.S[hs] ", text, flags=re.MULTILINE)[0]


def items(text: str) -> set[str]:
    """The options that are described in *text*."""
    lines = [line for line in text.splitlines() if line.startswith(".It Fl")]
    return {f"-{flag}" for line in lines for flag in re.findall(r"Fl (\S+)", line)}


def commands(name: str) -> list[click.Command]:
    """The command *name*; of a group, all that are in it."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    found = [command.get_command(context, inner) for inner in command.list_commands(context)]
    return [inner for inner in found if inner is not None]


def options_of(command: click.Command) -> tuple[set[str], set[str]]:
    """The options of *command* that its help shows, and those that it hides."""
    params = [param for param in command.params if isinstance(param, click.Option)]
    shown = [param for param in params if not param.hidden]
    return (
        {option for param in shown for option in (*param.opts, *param.secondary_opts)},
        {option for param in params for option in (*param.opts, *param.secondary_opts)},
    )


def options(name: str) -> tuple[set[str], set[str]]:
    """The same of all that go by *name*."""
    shown, every = zip(*map(options_of, commands(name)), strict=True)
    return set().union(*shown), set().union(*every)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_page_has_the_options_of_its_help_and_no_others(name: str) -> None:
    assert f".Xr ghostswap-{name} 1" in (MAN / "ghostswap.1").read_text()
    shown, _ = options(name)
    described = items((MAN / f"ghostswap-{name}.1").read_text())
    assert shown - described == set()
    assert described - shown <= {"-h", "--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_short(name: str) -> None:
    """An example stands first, and there are no more options than can be looked through."""
    for command in commands(name):
        shown, _ = options_of(command)
        assert len([option for option in shown if option.startswith("--")]) <= 20


def test_every_key_is_described_with_its_option() -> None:
    for key in KEYS.values():
        table, _, last = key.name.rpartition(".")
        text = section("ghostswap-scenario.5", "Ss", SECTIONS[table])
        rows = [line for line in text.splitlines() if line.startswith(".It Va")]
        row = next((line for line in rows if re.match(rf"\.It Va {last}\b", line)), None)
        assert row is not None, f"{key.name} is in no row"
        options = {f"-{flag}" for flag in re.findall(r"(?:Fl |, )(-\w\S*)", row)}
        if key.name.endswith("limit_frames"):
            assert options == {"--limit"}
        else:
            assert options == set(filter(None, key.option.split("/"))), key.name


def test_no_key_is_described_that_is_none() -> None:
    for table, title in SECTIONS.items():
        rows = re.findall(r"^\.It Va (\w+)", section("ghostswap-scenario.5", "Ss", title), re.M)
        assert {f"{table}.{row}".lstrip(".") for row in rows} <= KEYS.keys()


def test_hidden_options_are_those_of_keys_and_what_went_elsewhere() -> None:
    of_keys = {option for key in KEYS.values() for option in key.option.split("/")}
    moved = {"--verify", "--force", "-f", "--against-kernel", "--scratch", "--band", "--published"}
    for name in COMMANDS:
        shown, every = options(name)
        assert every - shown <= of_keys | moved | {"--proc"}, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_can_be_read_in_one_go(page: Path) -> None:
    if page.suffix == ".1":
        assert len(page.read_text().splitlines()) <= MOST_LINES


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_clean(page: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_refers_to_pages_that_are_there(page: Path) -> None:
    for name, number in re.findall(r"\.Xr (ghostswap\S*) (\d)", page.read_text()):
        assert (MAN / f"{name}.{number}").exists(), f"{page.name}: {name}({number})"


def plain(text: str) -> str:
    """*text* without the escapes of mdoc."""
    for escape, character in ((r"\(aq", "'"), (r"\(dq", '"'), (r"\-", "-"), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def examples(page: Path) -> list[str]:
    """The scripts under EXAMPLES, in order, without what they print."""
    heading = ".Sh QUESTIONS" if page.name == "ghostswap-questions.7" else ".Sh EXAMPLES"
    text = page.read_text().partition(heading)[2].partition("\n.Sh ")[0]
    found = []
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed|^\.Dl (.*\n)", text, re.M | re.S):
        script: list[str] = []
        goes_on = False
        for line in plain("".join(block)).splitlines():
            if line.startswith("$ ") and not NOT_RUN.match(line[2:]):
                script.append(line[2:])
            elif goes_on:
                script[-1] += f"\n{line}"
            else:
                continue
            is_open = script[-1].startswith("for ") and line.strip() != "done"
            goes_on = is_open or line.endswith(("\\", "|"))
        if script:
            # That not all kernels take an area is what some examples are about.
            found.append(
                "\n".join(
                    f"{line} || test $? = 1" if "validate" in line else line for line in script
                )
            )
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs(page: Path, tmp_path: Path) -> None:
    """All of a page in one directory, for later ones use what earlier ones made."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ghostswap").write_text(f'#!/bin/sh\nexec {sys.executable} -m ghostswap "$@"\n')
    (tools / "ghostswap").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    if page.name == "ghostswap-scenario.5":
        blocks = re.findall(r"\.Bd -literal.*?\n(.*?)\.Ed", page.read_text(), re.DOTALL)
        (work / "host.toml").write_text(next(block for block in blocks if block.startswith("ram")))
    if page.name == "ghostswap-questions.7":
        shutil.copytree(CASES / "profiles", work, dirs_exist_ok=True)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(work)}
    for script in examples(page):
        if shutil.which("jq") is None:
            script = re.sub(r"\bjq (?:-[\w-]+ )*(?:'[^']*'|\S+)", "cat", script)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        assert "Traceback" not in done.stderr
