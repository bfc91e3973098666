# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels, UUIDs and paths from elsewhere never reach the terminal raw, in any command."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from conftest import Run

from ghostswap.area.header.header import Header

NAMES = ["\x1b[2J\x07", "a\nb", "\u202eevil", "\u0085x", "-dash", "n" * 255, "bad\udcff\udc9b"]
LABEL = b"\x1b]0;x\x07\n\x9b\xe2\x80\xae\xff"


def is_clean(text: str) -> bool:
    """No control or format character but newlines, no byte that is not UTF-8."""
    return all(
        character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        for character in text
    )


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_hostile_names_and_labels_are_escaped_everywhere(
    run: Run, tmp_path: Path, name: str
) -> None:
    page = Header(4096, "little", 255, sws_volume=LABEL.ljust(16, b"\0")).build()
    (tmp_path / name).write_bytes(page)
    (tmp_path / "link").symlink_to(name)
    calls = [
        ("inspect", "--", name),
        ("inspect", "--json", "--", name),
        ("inspect", "--hexdump", "--extents", "--", name),
        ("validate", "-k", "all", "--", name),
        ("validate", "-k", "all", "--json", "--", name, name + "missing"),
        ("label", "--", name),
        ("label", "--json", "--", name),
        ("mkswap", "--", name),
        ("mkswap", "--", "link"),
        ("mkswap", "--dry-run", "--force", "--ghost", "--keep", "--size", "1G", "--", name),
        ("mkswap", "--label", name, "--size", "1G", "--", "new"),
        ("mkswap", "--uuid", name, "--size", "1G", "--", "new"),
        ("mkswap", "--size", name, "--", "new"),
        ("simulate", "--ram", "1G", "--pages", "/dev/null", "--", name),
        ("simulate", "--json", "--pages", name + "missing"),
        ("simulate", "--pages", f"pid:{name}"),
        ("simulate", "--compressor", name),
        (name,),
    ]
    for call in calls:
        done = run(*call)
        assert done.stdout or done.stderr, call
        assert is_clean(done.stdout), call
        assert is_clean(done.stderr), call
        assert "Traceback" not in done.stderr, call
        assert done.returncode in (0, 1, 2), call
