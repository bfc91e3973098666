# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``ghostswap advise`` prints of this host, whatever it has."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, Run, needs_root
from support.json_keys import documented, keys_of
from support.screen import on_screen

from ghostswap import kernels
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.errors import TargetError
from ghostswap.live.seen.tree import Tree
from ghostswap.pages.profiles.format import build, parse

SOURCE = ("--pages", "synthetic:2000:text")
pytestmark = pytest.mark.usefixtures("steady_kernel")


def test_three_lines_and_then_why(run: Run) -> None:
    done = run("advise", *SOURCE)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "7.8 MiB (synthetic:2000:text) it frees" in lines[0]
    assert "A page takes" in lines[1]
    assert "settings are not so yet" in lines[2] or lines[2] == "All of it is set so already."
    assert lines[3].startswith("options, the best first")
    for name in ("vm.swappiness", "vm.page-cluster", "Fedora 34", "virtual swap"):
        assert name in done.stdout


def test_json_has_the_keys_of_the_manual(run: Run) -> None:
    every = set()
    for more in ((), ("--goal", "disk"), ("--goal", "memory", "--kernel", "6.12")):
        done = run("advise", *SOURCE, "--json", *more)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        every |= keys_of(found)
        best = found["options"][0]
        assert found["schema"] == 1
        assert found["choice"]["design"] == best["design"]
        assert found["choice"]["size_bytes"] == best["size_bytes"]
        assert best["freed_interval"] == [best["freed_bytes"]] * 2, "all of it was measured"
        assert {row["name"] for row in found["defaults"]} >= {"Fedora 34", "Ubuntu"}
    desktop = str(ROOT / "tests/cases/profiles/desktop.gsp")
    more = ("--pages", desktop, "--ram", "8G", "--kernel", "6.18", "--goal", "memory")
    for work in ((), ("--touches", "zipf:0.8@1k")):
        done = run("advise", *more, *work, "--json")
        assert done.returncode == 0, done.stderr
        every |= keys_of(json.loads(done.stdout))
    every |= {"path", "why"}  # of what is not seen, which here may be nothing
    assert every == documented(ROOT / "man/ghostswap-json-host.5", "JSON of advise")


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_page_has_the_answer_the_picture_and_the_command(run: Run, tmp_path: Path) -> None:
    done = run("advise", *SOURCE, "--plot", "it.svg", "--html", "it.html")
    assert (done.returncode, done.stderr) == (0, "")
    page, picture = ((tmp_path / name).read_text() for name in ("it.html", "it.svg"))
    for text in (page, picture):
        assert "memory freed, net" in text
        assert "declared size of the area" in text
        assert "all pages were measured" in text
    assert "<script" not in page
    assert done.stdout.splitlines()[0] in page
    assert "ghostswap advise --pages synthetic:2000:text --plot it.svg --html it.html" in page


def test_a_picture_that_cannot_be_is_refused_before_the_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "diary.svg").write_text("dear diary")
    done = run("advise", *SOURCE, "--plot", "diary.svg")
    assert (done.returncode, done.stdout) == (1, "")
    assert (tmp_path / "diary.svg").read_text() == "dear diary"
    assert run("advise", *SOURCE, "--plot", "it.gif").returncode == 2


@needs_root
def test_who_is_not_root_gets_advice_from_what_may_be_read() -> None:
    advise(Asked("synthetic:100:text", None, None, "balanced", False, 0, 1), Tree())  # imports all
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(65534)
            found, source = advise(Asked(None, None, None, "balanced", False, 0, 1), Tree())
            status = 0 if source.name == "mine" and found.ranked else 2
        except TargetError:
            status = 0  # nothing of nobody's is here, and that is said
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_wrong_usage(run: Run) -> None:
    for call in (("--goal", "speed"), ("--kernel", "5.4"), ("--pages", ""), ("--touches", "zip")):
        done = run("advise", *call)
        assert done.returncode == 2, call
        assert done.stdout == ""


def test_a_source_that_is_not_there(run: Run) -> None:
    done = run("advise", "--pages", "not-there")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-there" in done.stderr


def test_touches_that_are_not_there_are_missed_before_the_work(run: Run) -> None:
    done = run("advise", *SOURCE, "--touches", "not-there.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-there.csv" in done.stderr


def test_files_are_written_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    done = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made")
    assert done.returncode == 0, done.stderr
    assert "undo.sh takes it back; nothing is set yet" in done.stderr
    made = {path: path.read_text() for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert {"apply.sh", "undo.sh", "90-ghostswap.conf"} <= {path.name for path in made}
    for path, text in made.items():
        assert os.access(path, os.X_OK) == (path.suffix == ".sh")
        if path.suffix == ".conf":
            assert text.count("# ") >= text.count("=") > 0, "each line has its reason"
    again = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made")
    assert (again.returncode, again.stdout) == (1, "")
    assert "made: it is there already" in again.stderr
    nowhere = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "not/there")
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert os.listdir(tmp_path) == ["made"]
    assert {path: path.read_text() for path in made} == made


def test_undo_without_apply_does_nothing(run: Run, tmp_path: Path) -> None:
    assert run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made").returncode == 0
    done = subprocess.run(
        [tmp_path / "made/undo.sh"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 1
    assert "apply.sh has not run" in done.stderr


# What came of it


def emitted(run: Run) -> None:
    kernel, _ = kernels.running(os.uname().release)
    done = run("advise", *SOURCE, "--kernel", kernel.name, "--emit", "made")
    assert done.returncode == 0, done.stderr


def test_the_answer_comes_first_and_then_why(run: Run) -> None:
    emitted(run)
    done = run("advise", "--check", "made")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert re.match("(Not as|As|Too early)", lines[0])
    assert "of the 7.8 MiB that may leave" in lines[0]
    assert lines[1].startswith("That frees ")
    assert re.search("[0-9] settings (is|are) ", lines[2])
    assert lines[3] == "why, and what was not known then"
    assert "apply.sh has not run" in done.stdout


def test_json_of_the_check_and_the_file_have_the_keys_of_the_manual(
    run: Run, tmp_path: Path
) -> None:
    emitted(run)
    page = ROOT / "man/ghostswap-json-host.5"
    done = run("advise", "--check", "made", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["schema"], found["verdict"]) == (1, "not-as-advised")
    assert keys_of(found) | {"path"} == documented(page, "JSON of advise, checked")
    kept = json.loads((tmp_path / "made/prediction.json").read_text())
    assert keys_of({**kept, "counters": {}}) == documented(page, "prediction.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "made: nothing was predicted there: it has no prediction.json"),
        ("{", "made/prediction.json: is no prediction of 'ghostswap advise'"),
        ('{"schema": 9}', "made/prediction.json: was written by a later version of ghostswap"),
    ],
)
def test_what_cannot_be_checked_is_said_in_a_sentence(
    run: Run, tmp_path: Path, content: str | None, said: str
) -> None:
    (tmp_path / "made").mkdir()
    if content is not None:
        (tmp_path / "made/prediction.json").write_text(content)
    done = run("advise", "--check", "made")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == f"ghostswap: {said}"
    assert len(done.stderr.splitlines()) == 2, "and what to do"


def test_neither_a_file_nor_nothing_nor_a_pipe_is_such_a_directory(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "made").mkdir()
    os.mkfifo(tmp_path / "made/prediction.json")
    for name in ("file", "missing", "made", ""):
        done = run("advise", "--check", name)
        assert (done.returncode, done.stdout) == (1, ""), name
        assert done.stderr.startswith("ghostswap: ")


def test_a_prediction_by_other_rules_is_not_compared(run: Run) -> None:
    running, _ = kernels.running(os.uname().release)
    other = next(name for name in kernels.RELEASES if name != running.name)
    assert run("advise", *SOURCE, "--kernel", other, "--emit", "made").returncode == 0
    done = run("advise", "--check", "made")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"by the rules of Linux {other}" in done.stderr


def test_checking_takes_no_option_that_measures(run: Run) -> None:
    for more in (("--goal", "disk"), SOURCE, ("--emit", "x"), ("--ram", "1G"), ("--exact",)):
        done = run("advise", "--check", "made", *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--check measures no memory" in done.stderr


@pytest.mark.parametrize("columns", [40, 80])
def test_the_check_fits_the_terminal(run: Run, tmp_path: Path, columns: int) -> None:
    emitted(run)
    lines = on_screen(columns, "advise", "--check", str(tmp_path / "made"))
    assert max(map(len, lines)) <= columns
    assert any("vm.page-cluster" in line for line in lines)


@pytest.mark.parametrize("columns", [40, 80])
def test_the_advice_fits_the_terminal(columns: int) -> None:
    desktop = str(ROOT / "tests/cases/profiles/desktop.gsp")
    more = ("--ram", "512M", "--kernel", "6.18", "--goal", "memory")
    headings = {"memory.zswap.max of each group": (), "what waits, of 1,000": ("zipf:0.8@1k",)}
    for heading, touches in headings.items():
        work = [word for trace in touches for word in ("--touches", trace)]
        lines = on_screen(columns, "advise", "--pages", desktop, *more, *work)
        assert max(map(len, lines)) <= columns
        assert heading in " ".join(" ".join(lines).split())


def test_half_a_profile_is_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    data = (ROOT / "tests/cases/profiles/build.gsp").read_bytes()
    (tmp_path / "half.gsp").write_bytes(data[: len(data) // 2])
    done = run("advise", "--pages", "half.gsp")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "ghostswap: half.gsp: is cut short, or was changed"


def test_a_profile_of_one_cgroup_is_one_group(run: Run, tmp_path: Path) -> None:
    profile = parse("", (ROOT / "tests/cases/profiles/desktop.gsp").read_bytes())
    del profile.groups[1:]
    more = ("--ram", "512M", "--kernel", "6.18", "--goal", "memory", "--json")
    for name, names in (("cgroup:/a/db.service", ["cgroup:/a/db.service"]), ("", [])):
        profile.groups[0].name = name
        (tmp_path / "one.gsp").write_bytes(build(profile))
        found = json.loads(run("advise", "--pages", "one.gsp", *more).stdout)
        assert [group["name"] for group in found["groups"]] == names


def test_a_profile_will_do(run: Run) -> None:
    assert run("profile", *SOURCE, "--output", "text.gsp").returncode == 0
    here = json.loads(run("advise", *SOURCE, "--kernel", "6.18", "--json").stdout)
    there = json.loads(run("advise", "--pages", "text.gsp", "--kernel", "6.18", "--json").stdout)
    known = {(row["design"], row["compressor"]): row["freed_bytes"] for row in here["options"]}
    for row in there["options"]:
        assert row["freed_bytes"] == known[row["design"], row["compressor"]]
    assert there["options"]


def test_of_a_profile_all_compressors_that_it_has_are_options(run: Run) -> None:
    given = ("--compressor", "deflate", "--compressor", "zstd", "--kernel", "6.1")
    assert run("profile", *SOURCE, *given, "--output", "some.gsp").returncode == 0
    here = json.loads(run("advise", "--pages", "some.gsp", "--kernel", "6.1", "--json").stdout)
    assert {row["compressor"] for row in here["options"]} == {"deflate", "zstd"}
    later = json.loads(run("advise", "--pages", "some.gsp", "--kernel", "7.1", "--json").stdout)
    assert {row["compressor"] for row in later["options"]} == {"deflate"}, "zstd is another"


def test_the_kernel_that_a_profile_is_said_to_be_for_will_do(run: Run) -> None:
    old = ("--compressor", "zstd", "--kernel", "6.1")
    assert run("profile", *SOURCE, *old, "--output", "old.gsp").returncode == 0
    refused = run("advise", "--pages", "old.gsp", "--kernel", "7.1")
    assert (refused.returncode, refused.stdout) == (2, "")
    hint = refused.stderr.splitlines()[-1].split()
    assert hint[:-1] == ["choose", "--kernel"]
    assert run("advise", "--pages", "old.gsp", "--kernel", hint[-1]).returncode == 0


@pytest.mark.parametrize("compressor", ["deflate", "zstd"])
def test_what_a_profile_is_said_to_have_or_to_be_made_with_will_do(
    run: Run, compressor: str
) -> None:
    made = ("--compressor", compressor, "--kernel", "6.18", "--output", "one.gsp")
    assert run("profile", *SOURCE, *made).returncode == 0
    asked = ("simulate", "--kernel", "6.18", "--json", "--pages")
    refused = run(*asked, "one.gsp", "--compressor", "lz4")
    assert refused.returncode == 2
    hint = refused.stderr.splitlines()[-1]
    chosen, again = re.findall(r"--compressor (\S+?)\b", hint)
    assert (chosen, again) == (compressor, "lz4")
    assert run(*asked, "one.gsp", "--compressor", chosen).returncode == 0
    other = re.search(r"ghostswap (profile --compressor lz4 -o) FILE$", hint)
    assert other is not None
    assert run(*other[1].split(), "two.gsp", *SOURCE).returncode == 0
    assert run(*asked, "two.gsp", "--compressor", "lz4").returncode == 0
