# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects tests/cases: a run adds rows that are not there, and touches none that is."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path

import pytest
from conftest import CASES, load_case
from study.test_recorded_mixed import CASE as MIXED

from ghostswap import codecs
from vm import record, replays


@pytest.mark.parametrize("name", record.KEYS)
def test_only_what_was_not_asked_before_is_added(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copyfile(CASES / name, path)
    before = load_case(name)
    old = {**before[0], "log": ["something else"]}
    new = {**before[0], "kernel": "9.9"}
    assert record.add(path, [old], "By hand.") == 0
    assert path.read_bytes() == (CASES / name).read_bytes()
    assert record.add(path, [old, new, new], "By hand.") == 1
    case = json.loads(lzma.decompress(path.read_bytes()))
    assert case["rows"] == [*before, new]
    assert "By hand." in case["doc"]
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("name", replays.SHARES)
def test_the_corpora_of_the_replays_are_those_of_the_recorded_ones(name: str) -> None:
    lengths = codecs.get("lz4", "7.3").measure(replays.corpora()[name])
    assert lengths.tolist() == MIXED["lengths"][name]
