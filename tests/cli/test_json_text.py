# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in JSON: no lone surrogates, so that every parser takes them, and not a byte is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest
from conftest import ROOT, Run
from hypothesis import example, given
from hypothesis import strategies as st

from ghostswap.area.header.header import Header
from ghostswap.cli.terminal.talk import json_text


def turning_back() -> Callable[[str], bytes]:
    """The function that the man page gives."""
    page = (ROOT / "man" / "ghostswap.1").read_text()
    found = re.search(r"in Python by\n\.Bd -literal -offset indent\n(.*?)\.Ed\n", page, re.DOTALL)
    assert found is not None
    names: dict[str, Callable[[str], bytes]] = {}
    exec(found[1].replace("\\e", "\\"), names)
    return names["name"]


@given(st.binary() | st.text("aé\uef80\uefff\ueeee\U0001f600").map(str.encode))
@example("\uef80\uefff".encode())
@example(b"\xee\xbf\xbf\xee\xbf")
def test_every_name_can_be_turned_back_as_the_man_page_says(name: bytes) -> None:
    text = json_text(os.fsdecode(name))
    text.encode()  # which refuses lone surrogates
    assert turning_back()(text) == name


@pytest.mark.parametrize("text", ["", "swap", "é\\x\x1b", "\ue000\uef7f", "\uf000\U0001f600"])
def test_all_other_text_is_itself(text: str) -> None:
    assert json_text(text) == text


NAME = b"a\xff\xc3\xa9\\x\xee\xbe\x80"


@pytest.mark.parametrize(
    "call",
    [
        ("inspect", "--json"),
        ("validate", "--json", "--as", "block"),
        ("label", "--json"),
        ("mkswap", "--json", "--keep"),
    ],
    ids=lambda call: call[0],
)
def test_names_and_labels_of_any_bytes_come_through(
    run: Run, tmp_path: Path, call: tuple[str, ...]
) -> None:
    label = b"\xff\xfeswap\xc3\xa9"
    page = Header(4096, "little", 63, sws_volume=label.ljust(16, b"\0")).build()
    (tmp_path / os.fsdecode(NAME)).write_bytes(page.ljust(64 * 4096, b"\xaa"))
    (tmp_path / os.fsdecode(NAME)).chmod(0o600)
    done = run(*call, os.fsdecode(NAME))
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    found = json.loads(done.stdout)
    json.dumps(found, ensure_ascii=False).encode()  # which refuses lone surrogates
    found = found["targets"][0] if "targets" in found else found
    assert turning_back()(found["path"]) == NAME
    written = found.get("sws_volume") or found.get("header", {}).get("sws_volume")
    assert call[0] == "validate" or turning_back()(written) == label
    if which("jq"):
        told = subprocess.run(
            ["jq", "."], input=done.stdout, capture_output=True, text=True, check=True
        )
        assert json.loads(told.stdout) == json.loads(done.stdout)
