# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line as a whole: help, papers and completions are true, and errors are sentences."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from conftest import ROOT, Run

from ghostswap import __version__
from ghostswap.cli.app import COMMANDS, cli

COMPILED_FILE = "_codecs.abi3.so"


def options_of(name: str) -> list[str]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    params = [param for param in command.params if not getattr(param, "hidden", False)]
    return [option for param in params for option in param.opts if option[0] == "-"]


@pytest.mark.parametrize("args", [("--version",), ("-V",)])
def test_version(run: Run, args: tuple[str, ...]) -> None:
    assert run(*args).stdout == f"ghostswap {__version__}\n"


def test_version_verbose_tells_what_it_runs_on(run: Run) -> None:
    done = run("-V", "--verbose")
    told = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert told["ghostswap"] == __version__
    assert told["Python"].startswith(platform.python_version())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for library in project["dependencies"]:
        assert re.match(r"[\w.-]+", library)[0] in told  # type: ignore[index]
    assert told["rich"] == importlib.metadata.version("rich")
    alone = run("--verbose")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "--version" in alone.stderr


def test_where_nothing_was_compiled_it_is_said_with_the_cure(tmp_path: Path, run: Run) -> None:
    shutil.copytree(ROOT / "ghostswap", tmp_path / "ghostswap", ignore=lambda *_: {COMPILED_FILE})
    there = {"PYTHONPATH": str(tmp_path)}
    cure = "no compiled module: install gcc python3-dev and reinstall with --no-cache-dir"
    assert f"{cure}\n" in run("--version", "-v", env=there).stdout
    (tmp_path / "page").write_bytes(b"page" * 1024)
    assert cure in run("simulate", "--pages", "page", env=there).stdout
    lzo = run("simulate", "--pages", "page", "--compressor", "lzo", env=there)
    assert (lzo.returncode, lzo.stdout) == (1, "")
    assert cure in lzo.stderr
    (tmp_path / "ghostswap" / "codecs" / COMPILED_FILE).write_bytes(b"of another machine")
    said = run("--version", "-v", env=there).stdout
    assert "does not load" in said
    assert "reinstall with --no-cache-dir\n" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_names_every_option(run: Run, name: str) -> None:
    done = run(name, "-h")
    assert done.returncode == 0
    for option in options_of(name):
        assert option in done.stdout
    assert COMMANDS[name] in run("--help").stdout.replace("\n", " ")


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    done = run("frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_prints_the_help_where_errors_go(run: Run) -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run("--help").stdout


@pytest.mark.parametrize(
    ("args", "said", "command"),
    [
        (("completion",), "Choose from: bash, zsh, fish", "completion"),
        (("completion", "csh"), "'csh'", "completion"),
        (("simulate", "--limit"), "'--limit' requires an argument", "simulate"),
        (("simulate", "--limmit", "5"), "--limmit", "simulate"),
        (("mkswap", "--dry-run=5", "x"), "--dry-run", "mkswap"),
    ],
)
def test_wrong_usage_is_one_line_and_the_help_that_tells(
    run: Run, args: tuple[str, ...], said: str, command: str
) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    first, hint = done.stderr.splitlines()
    assert said in first
    assert "\\" not in first
    assert hint == f"  'ghostswap {command} --help' tells what it takes"


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    code = f"cd {tmp_path}; {sys.executable} -m ghostswap inspect /dev/null 2>&1 | true"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
