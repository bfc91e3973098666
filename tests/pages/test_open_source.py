# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what the words after --pages mean, and that nonsense is refused in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghostswap.errors import TargetError, UsageError
from ghostswap.pages import open_source
from ghostswap.pages.dumps.files import RawSource
from ghostswap.pages.dumps.telling import StreamSource
from ghostswap.pages.processes.process import MineSource, ProcessSource


def test_words_name_sources() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    saved = os.dup(0)
    os.dup2(reader, 0)
    try:
        with open_source("-") as source:
            assert isinstance(source, StreamSource)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reader)
    with open_source("mine") as source:
        assert isinstance(source, MineSource)
    with open_source(f"pid:{os.getpid()}") as source:
        assert isinstance(source, ProcessSource)
        assert source.name == f"pid:{os.getpid()}"


@pytest.mark.parametrize("name", ["mine", "-", "pid:1"])
def test_a_path_can_spell_every_word(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    with open_source(f"./{name}") as source:
        assert isinstance(source, RawSource)
        assert source.pages == 1


@pytest.mark.parametrize(
    "spec",
    ["", "pid:", "pid:x", "pid:-1", "pid: 1", "pid:1\n", "pid:1.0", "pid:\u0661", "pid:self"],
)
def test_nonsense_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(spec)
    assert caught.value.hint


def test_what_is_not_there_is_a_target_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file or directory"):
        open_source(str(tmp_path / "missing"))
    with pytest.raises(TargetError, match="pid:4294967295: no such process"):
        open_source("pid:4294967295")  # beyond pid_max of any kernel
