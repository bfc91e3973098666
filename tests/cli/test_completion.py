# SPDX-License-Identifier: GPL-2.0-or-later
"""TAB in real shells: commands, options, and for every option that takes one its value."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import ROOT, Run
from support.shells import FILES, Shell

from ghostswap.cli.app import COMMANDS, cli
from ghostswap.cli.runs import completion
from ghostswap.cli.runs.shapes import worth_of
from ghostswap.cli.terminal.options import Worth

SHELLS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"),
    )
    for name in FILES
]


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "memory.img").touch()
    (tmp_path / "trace.csv").touch()
    (tmp_path / "empty.d").mkdir()
    with Shell(request.param, tmp_path) as running:
        yield running


@pytest.mark.parametrize("name", FILES)
def test_completion_files_are_what_the_command_prints(run: Run, name: str) -> None:
    installed = (ROOT / "completions" / FILES[name]).read_text()
    assert completion.render(cli, name) == installed, "run 'make completions'"
    assert run("completion", name).stdout == installed


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_commands_options_and_operands(shell: Shell) -> None:
    assert shell.tab("ghostswap va") == "ghostswap validate "
    assert shell.tab("ghostswap sim") == "ghostswap simulate "
    assert shell.tab("ghostswap mkswap --si").rstrip("= ") == "ghostswap mkswap --size"
    assert shell.tab("ghostswap simulate --des").rstrip("= ") == "ghostswap simulate --design"
    assert shell.tab("ghostswap completion f") == "ghostswap completion fish "
    assert shell.tab("ghostswap inspect mem") == "ghostswap inspect memory.img "
    shell.tab("ghostswap simulate --compressor lz")
    for word in ("lz4", "lz4hc", "lzo", "lzo-rle"):
        assert word in shell.shown


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_commands_of_a_group_and_their_options(shell: Shell) -> None:
    assert shell.tab("ghostswap fleet l") == "ghostswap fleet list "
    assert shell.tab("ghostswap fleet add mem") == "ghostswap fleet add memory.img "
    made = shell.tab("ghostswap fleet advise --dyn")
    assert made.rstrip("= ") == "ghostswap fleet advise --dynamic"
    assert shell.tab("ghostswap fleet advise --design zr").rstrip().endswith(" zram")
    assert shell.tab("ghostswap fleet list --store mem").rstrip().endswith(" memory.img")
    # The command of that name outside of the group has other options.
    assert shell.tab("ghostswap advise --dyn") == "ghostswap advise --dyn"
    assert shell.tab("ghostswap advise --emi").rstrip("= ") == "ghostswap advise --emit"


def values() -> Iterator[tuple[str, str, Worth]]:
    """Every option that a help lists and that takes a value: its command, name, and values."""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden and not param.is_flag:
                yield name, param.opts[-1], worth_of(param)


def unique_beginning(word: str, words: tuple[str, ...]) -> str:
    """The least of *word* that no other of *words* begins with; all of it where there is none."""
    for length in range(1, len(word) + 1):
        if not any(other != word and other.startswith(word[:length]) for other in words):
            return word[:length]
    return word


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_every_value_can_be_completed_and_what_has_no_words_is_left_alone(shell: Shell) -> None:
    seen = 0
    for command, option, worth in values():
        start = f"ghostswap {command} {option} "
        for word in worth.words:
            begun = unique_beginning(word, worth.words)
            if begun == word or word == "-" or (worth.paths and begun in "trace memory empty"):
                continue
            made = shell.tab(start + begun).rstrip()
            assert made.replace("\\", "") == start + word  # zsh quotes brackets
            seen += 1
        if worth.paths:
            assert shell.tab(f"{start}mem").rstrip() == f"{start}memory.img"
        elif not worth.words and not worth.directories:
            assert shell.tab(f"{start}mem") == f"{start}mem", "no file is offered"
        assert "eval" not in shell.shown
        assert "unmatched" not in shell.shown
    assert seen > 100


@pytest.mark.parametrize("shell", SHELLS, indirect=True)
def test_values_go_on_behind_what_begins_them(shell: Shell) -> None:
    for line, made in (
        ("simulate --design=cl", "simulate --design=classic"),
        ("validate --kernel 6.12,gh", "validate --kernel 6.12,ghost"),
        ("replay --touches sc", "replay --touches scan"),
        ("replay --touches zi", "replay --touches zipf:"),
        ("replay --touches scan@5,un", "replay --touches scan@5,uniform"),
        ("replay --touches trace.", "replay --touches trace.csv"),
        ("compare --sweep li", "compare --sweep limit="),
        ("compare --sweep compressor=zs", "compare --sweep compressor=zstd"),
        ("compare --sweep compressor=lz4,zs", "compare --sweep compressor=lz4,zstd"),
        ("replay --set zswap.ma", "replay --set zswap.max_pool_percent="),
        ("replay --set zswap.zpool=zb", "replay --set zswap.zpool=zbud"),
        ("replay --set reclaim=l", "replay --set reclaim=lru"),
        (r"replay --set area\[1\].type=g", r"replay --set area\[1\].type=ghost"),
        ("measure --scratch em", "measure --scratch empty.d/"),
        (f"simulate --pages pid:{os.getpid()}", f"simulate --pages pid:{os.getpid()}"),
    ):
        assert shell.tab(f"ghostswap {line}").rstrip() == f"ghostswap {made}"
    begun = str(os.getpid())[:-1]
    made = shell.tab(f"ghostswap simulate --pages pid:{begun}")
    assert str(os.getpid()) in made + shell.shown, "processes are listed"
