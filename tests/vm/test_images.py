# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the choice of images: the newest of a release, and modules in an order that loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghostswap.kernels import KERNELS
from vm import images
from vm.images import SOURCES, Unavailable, load_order, needed_by, newest


def module(depends: str, softdep: str = "") -> bytes:
    """As the kernel's build writes the section ``.modinfo``."""
    after = f"softdep={softdep}\0" if softdep else ""
    return f"ELF\0license=GPL\0depends={depends}\0{after}vermagic=7.3.4\0".encode()


def test_the_highest_version_is_the_newest_not_the_last_by_letters() -> None:
    names = [f"linux-image-6.1.0-{n}-amd64" for n in (9, 57, 44)]
    names += ["linux-image-6.1.0-60-cloud-amd64", "linux-image-6.1.0-61-amd64-dbg"]
    assert newest(names, SOURCES["6.1"].package) == "linux-image-6.1.0-57-amd64"
    assert newest(names, SOURCES["7.3"].package) is None


def test_each_kernel_has_a_row_that_predicts_it() -> None:
    assert SOURCES.keys() <= KERNELS.keys()


def test_what_a_module_needs_is_loaded_before_it() -> None:
    there = {
        "ext4": module("jbd2,mbcache", "pre: crc32c"),
        "jbd2": module("crc16"),
        "crc16": module(""),
        "mbcache": module(""),
        "crc32c_generic": module(""),
        "lz4": module("lz4_compress"),
        "lz4_compress": module(""),
    }
    assert needed_by(there["ext4"]) == ["jbd2", "mbcache", "crc32c"]
    order = [*load_order(("ext4", "lz4", "built-in"), there.get)]
    assert set(order) == there.keys()
    for name, needed in (("ext4", "crc32c_generic"), ("jbd2", "crc16"), ("lz4", "lz4_compress")):
        assert order.index(needed) < order.index(name)


def test_what_is_half_fetched_leaves_nothing_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(source: images.Source, place: Path) -> None:
        (place / "vmlinuz").write_bytes(b"half")
        raise Unavailable(f"{source.suite} is gone")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(images, "_fetch_kernel", fails)
    with pytest.raises(Unavailable, match="trixie-backports is gone"):
        images.get("7.3")
    assert [*images.cache().iterdir()] == []


def test_a_kernel_in_the_cache_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    place = images.cache() / "7.3"
    place.mkdir(parents=True)
    texts = {"modules.order": "loop.ko\n", "loop.ko": "x", "packages": "p 1 0\n", "vmlinuz": "k"}
    for name, content in texts.items():
        (place / name).write_text(content)
    image = images.get("7.3")
    assert (image.vmlinuz, image.modules) == (place / "vmlinuz", {"loop.ko": b"x"})
    assert image.has_loop
    with pytest.raises(Unavailable, match="apt, which is not here"):
        images.get("6.1")
