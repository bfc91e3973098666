# SPDX-License-Identifier: GPL-2.0-or-later
"""README.md is true: each command in it prints what stands below it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, needs_root

from ghostswap.codecs.algorithms import COMPILED

README = (ROOT / "README.md").read_text()

#: How the cure of a ghost ends where the disk has room for such an area, and where it has none.
ROOM = "make a full area: ghostswap mkswap --keep --file --size 64G swap.ghost"
NO_ROOM = "make a full area where there is room for one"


def printed() -> list[tuple[str, str]]:
    """Every command of the README's console blocks, with what it prints there."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    commands = []
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            commands.append((command, output))
    return commands


@needs_root  # to others, validate has one warning more: the area's owner
@pytest.mark.skipif(not COMPILED, reason="without the compiled codecs lengths are estimates")
def test_commands_print_what_the_readme_shows(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    wrapper = tools / "ghostswap"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m ghostswap "$@"\n')
    wrapper.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    commands = printed()
    assert len(commands) >= 5
    has_room = shutil.disk_usage(work).free >= 64 << 30
    for command, output in commands:
        if not has_room:
            output = output.replace(ROOM, NO_ROOM)
        if shutil.which(command.split()[0], path=environment["PATH"]) is None:
            continue  # file(1), which is not ours
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout + done.stderr == output, command


def test_make_targets_that_the_readme_opens_with_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
