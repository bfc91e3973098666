# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet``: files in, advice out, and what is broken is named beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run
from support.fleets import fleet, profile
from support.json_keys import documented, keys_of

PAGE = ROOT / "man" / "ghostswap-json-fleet.5"


def result(run: Run, *args: str, status: int = 0) -> dict[str, Any]:
    done = run("fleet", *args, "--json")
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_profiles_are_added_once_wherever_they_lie(run: Run, tmp_path: Path) -> None:
    files = fleet(tmp_path / "hosts", 3)
    deep = tmp_path / "hosts" / "rack" / "two"
    deep.mkdir(parents=True)
    (deep / "host.gsp").write_bytes(profile(9, 50))
    (deep / "notes.txt").write_text("not a profile, and not meant as one")
    found = result(run, "add", "hosts")
    assert (found["added"], found["known"], found["hosts"], found["failed"]) == (4, 0, 4, [])
    (tmp_path / "again.gsp").write_bytes(files[0].read_bytes())
    found = result(run, "add", "hosts", "again.gsp", str(deep / "host.gsp"))
    assert (found["added"], found["known"], found["hosts"]) == (0, 6, 4)
    names = [host["name"] for host in result(run, "list")["hosts"]]
    assert names == ["host0", "host1", "host2", "rack/two/host"]


def test_what_is_no_profile_or_half_of_one_is_named_and_the_others_are_added(
    run: Run, tmp_path: Path
) -> None:
    (good,) = fleet(tmp_path / "hosts", 1)
    data = good.read_bytes()
    (tmp_path / "hosts" / "half.gsp").write_bytes(data[: len(data) // 2])
    (tmp_path / "hosts" / "changed.gsp").write_bytes(data[:-9] + b"\0" + data[-8:])
    (tmp_path / "hosts" / "foreign.gsp").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "hosts" / "empty.gsp").touch()
    (tmp_path / "hosts" / "none.gsp").write_bytes(profile(1, 0))
    os.mkfifo(tmp_path / "hosts" / "pipe.gsp")
    (tmp_path / "hosts" / "dangling.gsp").symlink_to("nowhere")
    found = result(run, "add", "hosts", "missing.gsp", status=1)
    why = {os.path.basename(one["path"]): one["why"] for one in found["failed"]}
    assert found["added"] == found["hosts"] == 1
    assert why == {
        "half.gsp": "is cut short, or was changed",
        "changed.gsp": "is cut short, or was changed",
        "foreign.gsp": "is no profile",
        "empty.gsp": "is no profile",
        "none.gsp": "has no pages",
        "pipe.gsp": "is not a file",
        "dangling.gsp": "No such file or directory",
        "missing.gsp": "No such file or directory",
    }
    done = run("fleet", "add", "hosts")
    assert done.returncode == 1
    assert done.stdout == "fleet.db: 0 added, 1 known before; 1 host in all\n"
    assert done.stderr.count("not added: ") == len(why) - 1


def test_advice_has_all_keys_that_the_manual_has_and_no_others(run: Run, tmp_path: Path) -> None:
    fleet(tmp_path / "hosts")
    (tmp_path / "bad.gsp").write_bytes(b"")
    added = result(run, "add", "hosts", "bad.gsp", status=1)
    listed = result(run, "list")
    # Without the compressor of the others, it cannot be judged.
    lacking = profile(5, 100).replace(b"lz4", b"lzo")
    (tmp_path / "lacking.gsp").write_bytes(lacking[:-4] + _crc(lacking[:-4]))
    assert result(run, "add", "lacking.gsp")["added"] == 1
    advised = result(run, "advise", "--size", "2M", "--kernel", "6.18", status=1)
    assert advised["hosts"] == 7
    assert [one["name"] for one in advised["failed"]] == ["lacking"]
    assert advised["look_first"]
    keys = keys_of(added) | keys_of(listed) | keys_of(advised)
    # What export has more; it takes pyarrow.
    assert keys | {"rows"} == documented(PAGE, "JSON of fleet")


def _crc(data: bytes) -> bytes:
    import zlib

    return zlib.crc32(data).to_bytes(4, "little")


def test_advice_is_the_same_every_time_and_however_many_work(run: Run, tmp_path: Path) -> None:
    fleet(tmp_path / "hosts")
    for name, jobs in (("one.db", "1"), ("two.db", "2")):
        assert run("fleet", "add", "hosts", "--store", name, "--jobs", jobs).returncode == 0
    said = {
        run("fleet", "advise", "--store", name, "--jobs", jobs, "--json").stdout
        for name, jobs in (("one.db", "1"), ("two.db", "2"), ("one.db", "2"))
    }
    assert len(said) == 1
    assert json.loads(said.pop())["hosts"] == 6


def test_advice_for_a_person_answers_first_and_names_what_failed(run: Run, tmp_path: Path) -> None:
    fleet(tmp_path / "hosts", 4)
    assert run("fleet", "add", "hosts").returncode == 0
    done = run("fleet", "advise", "--kernel", "6.18")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third, *_ = done.stdout.splitlines()
    assert first.startswith("One size for all 4 hosts, 256 MiB of ghost, frees ")
    assert second.startswith("A size for each of ")
    assert third.startswith("No size, with vswap, frees ")
    old = run("fleet", "advise", "--kernel", "6.1")
    assert old.returncode == 0
    assert "vswap is left out" in old.stderr
    assert "No size" not in old.stdout


def test_refusals_are_sentences_and_say_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    (tmp_path / "dir").mkdir()
    for args, status, said in (
        (("list",), 1, "fleet.db: there is no such store"),
        (("list", "--store", "text"), 1, "text: is no store of a fleet"),
        (("list", "--store", "dir"), 1, "dir: is not a file"),
        (("add", "dir", "--store", "nowhere/x"), 1, "nowhere/x: cannot be made"),
        (("advise", "--kernel", "6.1", "--dynamic", "vswap"), 2, "is for newer kernels"),
        (("frob",), 2, "No such command 'frob'"),
        ((), 2, "Usage: ghostswap fleet"),
        (("add",), 2, "Missing argument"),
    ):
        done = run("fleet", *args)
        assert (done.returncode, done.stdout) == (status, ""), args
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    done = run("fleet", "add", "dir")
    assert done.returncode == 1
    assert "not added: dir: there is no file in it that ends in .gsp" in done.stderr
    assert run("fleet", "advise").returncode == 1
    assert "there are no hosts" in run("fleet", "advise").stderr


def test_names_of_hosts_cannot_command_the_terminal(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.gsp").write_bytes(profile(1, 50))
    assert run("fleet", "add", "a\x1b[31m.gsp").returncode == 0
    for command in ("list", "advise"):
        assert "\x1b" not in run("fleet", command, "--kernel", "6.18").stdout
    assert result(run, "list")["hosts"][0]["name"] == "a\x1b[31m"


def test_export_writes_what_list_shows_for_other_tools(run: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    fleet(tmp_path / "hosts", 5)
    assert run("fleet", "add", "hosts").returncode == 0
    said = result(run, "export", "--parquet", "it.parquet")
    assert keys_of(said) == {"schema", "store", "hosts", "path", "rows"}
    assert (said["hosts"], said["rows"]) == (5, 10)
    assert run("fleet", "export", "--parquet", "it.parquet").stdout == (
        "it.parquet: 10 rows of 5 hosts\n"
    )
    table = parquet.read_table(tmp_path / "it.parquet")
    rows = table.to_pylist()
    sizes = json.loads(table.schema.metadata[b"class_sizes"])
    shown = result(run, "list")["hosts"]
    listed = [(host, column) for host in shown for column in host["columns"]]
    for row, (host, column) in zip(rows, listed, strict=True):
        assert len(row["class_pages"]) == len(sizes)
        counted = sum(row["class_pages"]) + row["zero_pages"] + row["incompressible_pages"]
        assert abs(counted - row["pages"]) <= (0 if row["measured_pages"] == row["pages"] else 200)
        assert row["name"].decode() == host["name"]
        for key in ("id", "kernel", "machine", "mem_total", "pages", "measured_pages"):
            assert row[key] == host[key]
        for key in ("compressor", "error", "zero_pages", "compressed_bytes"):
            assert row[key] == column[key]
    (tmp_path / "mine").write_text("something else")
    done = run("fleet", "export", "--parquet", "mine")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is there, and is no Parquet file" in done.stderr
    assert (tmp_path / "mine").read_text() == "something else"


def test_without_what_it_needs_export_and_a_scheduler_name_the_extra(
    run: Run, tmp_path: Path
) -> None:
    """As where neither pyarrow nor Dask is installed: a directory of that name comes first."""
    fleet(tmp_path / "hosts", 2)
    assert run("fleet", "add", "hosts").returncode == 0
    for name in ("pyarrow", "distributed"):
        (tmp_path / "first" / name).mkdir(parents=True)
        (tmp_path / "first" / name / "__init__.py").write_text("raise ImportError")
    path = os.pathsep.join((str(tmp_path / "first"), str(ROOT)))
    for args, extra in (
        (("export", "--parquet", "it.parquet"), "parquet"),
        (("advise", "--scheduler", "tcp://127.0.0.1:8786"), "fleet"),
    ):
        done = run("fleet", *args, env={"PYTHONPATH": path})
        assert (done.returncode, done.stdout) == (2, "")
        assert f"pip install 'ghostswap[{extra}]'" in done.stderr
        assert len(done.stderr.splitlines()) == 2
