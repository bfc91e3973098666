# SPDX-License-Identifier: GPL-2.0-or-later
"""What was predicted is kept, read again and held against recorded hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hosts import unpack

from ghostswap.advise.check import prediction
from ghostswap.advise.check.check import Check, check
from ghostswap.advise.check.prediction import Advised, Prediction
from ghostswap.advise.goal import Goal
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.cli.runs.host.check import predicted
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.live.seen.status import Status, read
from ghostswap.live.seen.tree import Tree
from ghostswap.page import PAGE_SIZE

#: A part of it is zeros, which are in no pool; a part does not compress.
MEMORY = "synthetic:300:text=50%,zero=10%,random"


def of(root: str, goal: Goal = "memory", kernel: str | None = None) -> Prediction:
    found, source = advise(Asked(MEMORY, None, kernel, goal, True, 0, 1), Tree(root))
    return predicted(found, source.name, Tree(root))


def so(known: Prediction, seen: Status) -> Prediction:
    """*known* as if all that is now had been advised."""
    there = {one.name: one.now for one in checked(known, seen).settings}
    kept = (Advised(name, value, None) for name, value in there.items() if value is not None)
    return known._replace(settings=tuple(kept), area="")


def like(known: Prediction, seen: Status) -> Prediction:
    """*known* as if the pool that is now had been predicted."""
    assert seen.zswap is not None
    pool = seen.zswap.pool
    return known._replace(
        memory_bytes=seen.used,
        stored_bytes=seen.zswap.stored,
        pool_bytes=pool,
        pool_interval=(pool, pool),
    )


def checked(known: Prediction, seen: Status, boot: str = "", *, applied: bool = True) -> Check:
    return check(known, seen, boot=boot, applied=applied, device="")


def reasons(found: Check) -> set[str]:
    return {one.id for one in found.reasons}


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    root = unpack("zswap", tmp_path / "host")
    for goal in ("memory", "disk"):
        known = of(root, goal)  # type: ignore[arg-type]
        (tmp_path / "prediction.json").write_text(prediction.text(known))
        assert prediction.read(str(tmp_path)) == known
        zeros = known.memory_bytes - known.stored_bytes
        assert zeros == known.memory_bytes // 10


def test_a_host_that_came_as_predicted(tmp_path: Path) -> None:
    seen = read(Tree(unpack("zswap", tmp_path)))
    known = like(so(of(str(tmp_path)), seen), seen)
    found = checked(known, seen)
    assert found.verdict == "as-predicted", found.reasons
    assert seen.zswap is not None
    assert found.figures.pool == found.figures.pool_predicted == seen.zswap.pool
    assert found.figures.stored == found.figures.stored_predicted


def test_memory_that_compresses_otherwise_is_told(tmp_path: Path) -> None:
    seen = read(Tree(unpack("zswap", tmp_path)))
    known = like(so(of(str(tmp_path)), seen), seen)
    near = known._replace(pool_interval=(known.pool_bytes * 100 // 109,) * 2)
    assert checked(near, seen).verdict == "as-predicted"
    for part, word in ((50, "worse"), (200, "better")):
        pool = known.pool_bytes * part // 100
        other = known._replace(pool_bytes=pool, pool_interval=(pool, pool))
        found = checked(other, seen)
        assert found.verdict == "off"
        (why,) = (one for one in found.reasons if one.id == "ratio")
        assert f"memory compresses {word}" in why.what


def test_each_setting_that_is_another_is_named(tmp_path: Path) -> None:
    root = unpack("zswap", tmp_path)
    known = so(of(root), read(Tree(root)))
    changes = {"compressor": "zstd", "max_pool_percent": "31", "enabled": "N"}
    for name, value in changes.items():
        (tmp_path / "sys/module/zswap/parameters" / name).write_text(value)
    found = checked(known, read(Tree(root)))
    assert found.verdict == "not-as-advised"
    assert {one.name for one in found.settings if not one.is_kept} == set(changes)
    said = [one.what for one in found.reasons if one.id == "setting"]
    assert "compressor is zstd, and lzo was advised" in said
    assert len(said) == 3


def test_what_was_never_applied_is_said_once(tmp_path: Path) -> None:
    root = unpack("plain", tmp_path)
    found = checked(of(root), read(Tree(root)), applied=False)
    assert (found.verdict, found.figures.freed) == ("not-as-advised", 0)
    assert {"not-applied", "area-off"} <= reasons(found)
    assert "setting" not in reasons(found)


def test_a_full_pool_that_refuses_is_told(tmp_path: Path) -> None:
    root = unpack("full", tmp_path)
    seen = read(Tree(root))
    assert seen.zswap is not None
    hits = seen.zswap.debugfs["pool_limit_hit"]
    assert hits
    known = so(of(root), seen)
    before = {**known.counters, "pool_limit_hit": 0, "zswpout": seen.zswap.vmstat["zswpout"] - 1}
    since = checked(known._replace(boot="same", counters=before), seen, "same")
    assert since.figures.refused == {"pool_limit_hit": hits}
    assert since.figures.tried == hits + 1
    assert {"refused", "pool-limit"} <= reasons(since)
    other = checked(known._replace(boot="same", counters=before), seen, "another")
    assert other.figures.tried == hits + seen.zswap.vmstat["zswpout"], "all since boot"


def test_zram_that_is_on_before_zswap_is_not_as_advised(tmp_path: Path) -> None:
    seen = read(Tree(unpack("both", tmp_path)))
    found = checked(so(of(str(tmp_path)), seen), seen)
    (other,) = (one for one in found.reasons if one.id == "other-area")
    assert (other.breaks, found.verdict) == ("advice", "not-as-advised")
    assert "/dev/zram1" in other.what


def test_an_area_that_came_later_is_named(tmp_path: Path) -> None:
    seen = read(Tree(unpack("zswap", tmp_path)))
    known = so(of(str(tmp_path)), seen)
    assert "other-area" not in reasons(checked(known, seen))
    assert "other-area" in reasons(checked(known._replace(areas=()), seen))


def test_zram_is_its_own_device(tmp_path: Path) -> None:
    seen = read(Tree(unpack("zram", tmp_path)))
    known = of(str(tmp_path), "disk")
    found = checked(so(known, seen), seen)
    (device,) = seen.zram
    assert found.figures.pool == device.counters["mem_used_total"]
    assert found.figures.stored == device.counters["orig_data_size"]
    assert {one.is_kept for one in found.settings} == {True}


def test_nothing_at_all(tmp_path: Path) -> None:
    known = of(unpack("zswap", tmp_path / "host"), kernel="ghost")
    found = checked(known, read(Tree(str(tmp_path / "empty"))))
    assert (found.verdict, found.figures.freed) == ("not-as-advised", 0)


def test_counters_that_nobody_shows_are_not_zero(tmp_path: Path) -> None:
    root = unpack("zswap", tmp_path, without="/sys/kernel/debug")
    found = checked(of(root), read(Tree(root)))
    assert found.figures.refused is None


def test_another_machine_and_release_are_said(tmp_path: Path) -> None:
    seen = read(Tree(unpack("zswap", tmp_path)))
    known = of(str(tmp_path))._replace(ram=PAGE_SIZE, release="6.18.1")
    assert {"memory", "release"} <= reasons(checked(known, seen))


def test_the_rules_of_another_kernel_are_not_compared(tmp_path: Path) -> None:
    root = unpack("zswap", tmp_path)
    with pytest.raises(GhostswapError, match=r"by the rules of Linux 6\.12, and here is 6\.18"):
        checked(of(root, kernel="6.12"), read(Tree(root)))
    checked(of(root, kernel="ghost"), read(Tree(root)))  # which no release is


# The file


def test_a_later_version_is_named(tmp_path: Path) -> None:
    document = json.loads(prediction.text(of(unpack("plain", tmp_path / "host"))))
    (tmp_path / "prediction.json").write_text(json.dumps({**document, "schema": 2}))
    with pytest.raises(TargetError, match="written by a later version"):
        prediction.read(str(tmp_path))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"schema": 1}', b"\xff\xfe", b"[" * 100_000, b"9" * 5000]
)
def test_what_is_no_prediction_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "prediction.json").write_bytes(data)
    with pytest.raises(TargetError, match="is no prediction"):
        prediction.read(str(tmp_path))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_value_in_it_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    document, seen = _drawn(tmp_path_factory)
    other = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 64), 1 << 64),
        st.floats(),
        st.text(max_size=3),
        st.lists(st.integers(-1, 1), max_size=3),
        st.just({}),
    )
    key = data.draw(st.sampled_from(sorted(document)))
    document = {**document, key: data.draw(other)}
    place = tmp_path_factory.getbasetemp() / "drawn"
    place.mkdir(exist_ok=True)
    (place / "prediction.json").write_text(json.dumps(document))
    try:
        checked(prediction.read(str(place)), seen)
    except GhostswapError as error:
        said = error.message
    else:
        said = ""
    assert "\n" not in said


_KEPT: list[tuple[dict[str, Any], Status]] = []


def _drawn(factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Status]:
    """A prediction and its host, made once."""
    if not _KEPT:
        root = unpack("zswap", factory.mktemp("host"))
        _KEPT.append((json.loads(prediction.text(of(root))), read(Tree(root))))
    return _KEPT[0]
