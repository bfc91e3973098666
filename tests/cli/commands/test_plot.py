# SPDX-License-Identifier: GPL-2.0-or-later
"""``--plot`` and ``--html``: the same file for the same result, whole, whatever its names say."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Run

drawn = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")

SOURCE = "synthetic:1024:zero=10%,text=60%,random=30%"
WORK = ("--pages", SOURCE, "--touches", "zipf:0.9@5k")
STORED = ("simulate", "--pages", SOURCE)
CALLS = {
    "stored": (STORED, "pool of each size class"),
    "zbud": ((*STORED, "--kernel", "6.1", "--zpool", "zbud"), "compressed length of a page"),
    "replayed": (("replay", *WORK, "--limit", "3M"), "could not leave"),
    "killed": (("replay", *WORK, "--limit", "1M"), "killed for want of memory"),
    "curve": (("replay", *WORK, "--curve=3M,1M"), "Linux 6.12, replayed"),
    "designs": (("compare", "--pages", SOURCE), "memory freed, net of pool and metadata"),
    "sample": (("compare", "--pages", SOURCE, "--sample", "50%"), " to "),
    "sweep": (("compare", "--pages", SOURCE, "--sweep", "size=1M,8M"), "8M"),
}
#: What files begin with.
BEGINS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF-"}


def words(path: Path) -> str:
    """All text of an SVG picture."""
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return "\n".join("".join(text.itertext()) for text in texts)


@drawn
@pytest.mark.parametrize("name", CALLS)
def test_a_picture_says_what_it_shows_and_changes_nothing_else(
    run: Run, tmp_path: Path, name: str
) -> None:
    call, said = CALLS[name]
    if name == "curve":
        call = (*call, "--kernel", "6.12")
    plain = run(*call)
    done = run(*call, "--plot", "it.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, plain.stderr)
    text = words(tmp_path / "it.svg")
    assert said in text
    assert "1024 pages" in text


@drawn
@pytest.mark.parametrize("suffix", BEGINS)
def test_the_same_result_gives_the_same_bytes_whatever_the_user_set(
    run: Run, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "rc").write_text("font.size: 30\nsvg.fonttype: path\nfigure.facecolor: red\n")
    for name, variables in (("one", {}), ("two", {"MATPLOTLIBRC": "rc", "TZ": "Asia/Tokyo"})):
        done = run(*STORED, "--json", "--plot", f"{name}.{suffix}", env=variables)
        assert done.returncode == 0, done.stderr
    one = (tmp_path / f"one.{suffix}").read_bytes()
    assert one.startswith(BEGINS[suffix])
    assert one == (tmp_path / f"two.{suffix}").read_bytes()


@drawn
@pytest.mark.parametrize(
    "name", ["<script>&\"'", "$x_{$^", "\x1b[2J\n\u202eevil", "bad\udcff", "漢字", "n" * 250]
)
def test_a_hostile_name_is_text_in_a_picture(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(4096) + b"ghost" * 4096)
    done = run("simulate", "--pages", name, "--plot", "it.svg")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    root = ElementTree.parse(tmp_path / "it.svg").getroot()
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    text = words(tmp_path / "it.svg")
    assert text.replace("\n", "").isprintable()
    assert (name if name.isprintable() else "\\")[:80] in text


@drawn
def test_a_picture_replaces_a_picture_and_nothing_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "diary.svg").write_text("dear diary")
    (tmp_path / "link.svg").symlink_to("elsewhere.svg")
    (tmp_path / "folder.svg").mkdir()
    for name in ("diary.svg", "link.svg", "folder.svg"):
        done = run(*STORED, "--plot", name)
        assert (done.returncode, done.stdout) == (1, ""), "refused before the work"
        assert f"{name}: is there, and is no SVG picture" in done.stderr
    done = run(*STORED, "--plot", "nowhere/it.svg")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nowhere/it.svg: cannot be written: No such file or directory" in done.stderr
    assert (tmp_path / "diary.svg").read_text() == "dear diary"
    assert run(*STORED, "--plot", "it.svg").returncode == 0
    before = (tmp_path / "it.svg").read_bytes()
    assert run("compare", "--pages", SOURCE, "--plot", "it.svg").returncode == 0
    assert (tmp_path / "it.svg").read_bytes() != before
    assert len(list(tmp_path.iterdir())) == 4, "no draft is left"


@drawn
def test_what_a_full_disk_cuts_off_leaves_the_picture_that_was_there(
    run: Run, tmp_path: Path
) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    assert run(*STORED, "--plot", "it.png").returncode == 0
    before = (tmp_path / "it.png").read_bytes()
    assert len(before) > 8192
    done = run(*STORED, "--plot", "it.png", preexec_fn=small_files)
    assert done.returncode == 1
    assert "it.png: cannot be written: File too large" in done.stderr
    assert (tmp_path / "it.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["it.png"]


@pytest.mark.parametrize("name", ["it", "it.gif", "it.svg.gz", ".svg"])
def test_a_suffix_that_says_nothing_is_wrong_usage(run: Run, tmp_path: Path, name: str) -> None:
    done = run(*STORED, "--plot", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "end it in .svg, .png or .pdf" in done.stderr
    assert not list(tmp_path.iterdir())


def python(tmp_path: Path, code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """ghostswap's command line *args*, with *code* before and after it."""
    code = code.replace("RUN", "from ghostswap.cli.app import run; status = run(sys.argv[1:])")
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; sys.exit(status)", *args],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    done = python(tmp_path, "sys.modules['matplotlib'] = None; RUN", *STORED, "--plot", "it.svg")
    assert (done.returncode, done.stdout) == (1, "")
    said, cure = done.stderr.splitlines()
    assert said == "ghostswap: pictures are drawn by matplotlib, which is not installed"
    assert "pip install 'ghostswap[plot]'" in cure
    done = python(tmp_path, "sys.modules['matplotlib'] = None; RUN", *STORED)
    assert done.returncode == 0


@drawn
def test_no_window_is_opened_and_nothing_imported_in_vain(tmp_path: Path) -> None:
    seen = "RUN; print([m for m in ('matplotlib', 'matplotlib.pyplot') if m in sys.modules])"
    done = python(tmp_path, seen, *STORED, "--plot", "it.svg")
    assert done.stdout.splitlines()[-1] == "['matplotlib']"
    done = python(tmp_path, seen, *STORED)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_is_verified_is_not_drawn(run: Run) -> None:
    done = run("simulate", "--verify", "--pages", SOURCE, "--plot", "it.svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--plot does not go here" in done.stderr
