# SPDX-License-Identifier: GPL-2.0-or-later
"""``--html``: one page with all that is printed, which loads nothing and runs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import Run

pytestmark = pytest.mark.skipif(
    find_spec("matplotlib") is None, reason="matplotlib is not installed"
)

CHROMIUM = shutil.which("chromium")
SOURCE = "synthetic:1024:zero=10%,text=60%,random=30%"
WORK = ("--pages", SOURCE, "--touches", "zipf:0.9@5k")
CALLS = {
    "stored": ("simulate", "--pages", SOURCE),
    "replayed": ("replay", *WORK, "--limit", "3M"),
    "curve": ("replay", *WORK, "--curve=3M"),
    "designs": ("compare", "--pages", SOURCE, "--sample", "50%"),
    "all": ("simulate", "--verbose", "--classes", "--proc", "--pages", SOURCE),
}
#: Elements that have no end.
_VOID = {"meta"}


class Page(HTMLParser):
    """A page taken apart: its elements, what they link to, their text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.policy = self.text = self.command = ""
        self._open: list[str] = []
        self.feed(path.read_text())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)
        values = dict(attrs)
        assert not [name for name in values if name.startswith("on")]
        self.links += [
            values[name] or "" for name in ("src", "href", "xlink:href") if name in values
        ]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data
        if self._open[-1:] == ["code"]:
            self.command += data


@pytest.mark.parametrize("name", CALLS)
def test_a_page_has_all_that_is_printed_and_loads_nothing(
    run: Run, tmp_path: Path, name: str
) -> None:
    plain = run(*CALLS[name])
    done = run(*CALLS[name], "--html", "it.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, plain.stderr)
    page = Page(tmp_path / "it.html")
    assert page.policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert page.tags.count("svg") == 1
    told = "".join(page.text.split())
    for line in plain.stdout.splitlines():
        if set(line) - set("─ "):
            for word in line.split():
                assert word in told, line
    for line in plain.stderr.splitlines():
        assert line.removeprefix("note: ") in page.text


def test_the_same_result_gives_the_same_page(run: Run, tmp_path: Path) -> None:
    call = ("compare", "--pages", SOURCE, "--html", "it.html")
    pages = []
    for width in ("20", "200"):
        assert run(*call, env={"COLUMNS": width}).returncode == 0
        pages.append((tmp_path / "it.html").read_bytes())
    assert pages[0] == pages[1]
    assert [path.name for path in tmp_path.iterdir()] == ["it.html"]


@pytest.mark.parametrize(
    "name",
    [
        "</title><script>alert(1)</script>",
        "\" onload='x' &amp;",
        "\x1b[2J\n\u202eevil",
        "-dash $(id) `id`",
        "bad\udcff",
    ],
)
def test_a_hostile_name_is_text_in_a_page_and_one_word_of_its_command(
    run: Run, tmp_path: Path, name: str
) -> None:
    name = name.replace("/", "\u2215")
    (tmp_path / name).write_bytes(bytes(4096) + b"ghost" * 4096)
    args = ("simulate", f"--pages={name}", "--html", "it.html")
    done = run(*args)
    assert done.returncode == 0, done.stderr
    page = Page(tmp_path / "it.html")
    assert not {"script", "img", "iframe"} & set(page.tags)
    assert page.text.replace("\n", "").isprintable()
    assert (name if name.isprintable() else "\\") in page.text
    again = subprocess.run(
        ["bash", "-c", f"ghostswap() {{ printf '%s\\0' \"$@\"; }}; {page.command}"],
        capture_output=True,
        check=True,
    )
    assert again.stdout.split(b"\0")[:-1] == [os.fsencode(arg) for arg in args]


def test_what_is_no_page_of_ours_is_not_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "it.html").write_text("<!DOCTYPE html>\n<title>home</title>\n")
    done = run(*CALLS["stored"], "--html", "it.html")
    assert (done.returncode, done.stdout) == (1, "")
    assert "it.html: is there, and is no HTML page of ghostswap's" in done.stderr
    assert "home" in (tmp_path / "it.html").read_text()
    done = run(*CALLS["stored"], "--html", "it.svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "end it in .html" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_without_network_shows_it_on_a_desktop_and_on_a_phone(
    run: Run, tmp_path: Path, width: int
) -> None:
    from PIL import Image

    assert run("compare", *WORK, "--limit", "3M", "--html", "it.html").returncode == 0
    offline = ["unshare", "--net"] if os.geteuid() == 0 else []
    subprocess.run(
        [
            *(*offline, str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"),
            *("--disable-quic", "--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600"),
            *(f"--screenshot={tmp_path / 'it.png'}", (tmp_path / "it.html").as_uri()),
        ],
        capture_output=True,
        timeout=100,
        check=True,
    )
    with Image.open(tmp_path / "it.png") as shown:
        picture = shown.convert("RGB")
    assert picture.width == width
    colours = {colour for _, colour in picture.getcolors(1 << 20) or ()}
    assert (0x56, 0xB4, 0xE9) in colours, "the bars of the figure"
    margin = picture.crop((width - 8, 0, width, picture.height))
    assert margin.getcolors() == [(8 * picture.height, (255, 255, 255))], "nothing sticks out"
