# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts as trees of files: recorded ones unpacked, and the running one with some files replaced.

``python -m support.hosts NAME SENTENCE`` adds the host as it is to tests/cases/hosts.json.xz.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

CASES = Path(__file__).parent.parent / "cases" / "hosts.json.xz"
#: Files of a host that status reads; ``*`` stands for any name.
READ = (
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/swappiness",
    "/proc/sys/vm/page-cluster",
    "/proc/sys/vm/watermark_scale_factor",
    "/proc/self/mountinfo",
    "/proc/cmdline",
    "/proc/crypto",
    "/proc/meminfo",
    "/proc/pressure/memory",
    "/proc/swaps",
    "/proc/vmstat",
    "/sys/block/zram*/comp_algorithm",
    "/sys/block/zram*/disksize",
    "/sys/block/zram*/io_stat",
    "/sys/block/zram*/mm_stat",
    "/sys/kernel/debug/zswap/*",
    "/sys/kernel/mm/swap/vma_ra_enabled",
    "/sys/module/zswap/parameters/*",
    "/sys/fs/cgroup/memory/memory.swappiness",
    "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
    "/sys/fs/cgroup/memory/*/memory.swappiness",
    "/sys/fs/cgroup/memory/*/memory.memsw.limit_in_bytes",
)


def record() -> dict[str, str]:
    """The text of each file in :data:`READ` that there is; names of this very machine left out."""
    found = {}
    for pattern in READ:
        for path in sorted(Path("/").glob(pattern[1:])):
            if "/ghostswap" in str(path):
                continue
            text = path.read_text(errors="surrogateescape")
            if path.name == "cmdline":
                text = "root=/dev/vda ro quiet\n"
            if path.name == "osrelease":
                text = text.partition("-")[0].strip() + "\n"
            if path.name == "swaps":
                text = re.sub(r"/\S+/(swapfile)\s+", r"/mnt/\1\t", text)
            if path.name == "mountinfo":
                text = "".join(line for line in text.splitlines(True) if "cgroup" in line)
            found[re.sub("/[0-9a-f]{12,}|/process_api", "/box", str(path))] = text
    return found


def unpack(name: str, directory: Path, without: str = "-") -> str:
    """Make the tree of the recorded host *name* in *directory*.

    :param without: files whose paths start so are left out.
    :return: what stands for ``/``.
    """
    rows = json.loads(lzma.decompress(CASES.read_bytes()))["rows"]
    files: dict[str, str] = next(row["files"] for row in rows if row["name"] == name)
    return write(
        {path: text for path, text in files.items() if not path.startswith(without)}, directory
    )


def write(files: Mapping[str, str], directory: Path) -> str:
    """Write *files* below *directory*; what stands for ``/``."""
    for path, text in files.items():
        place = directory / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, errors="surrogateescape")
    return str(directory)


def running_but(files: Mapping[str, str], directory: Path) -> str:
    """The running host with other *files*: all beside them leads to the real ones.

    A directory that one of *files* is in has links to the rest of what is really there.
    """
    root = Path("/")
    for path in files:
        parts = Path(path).parent.relative_to(root)
        for depth in range(len(parts.parts) + 1):
            here = Path(*parts.parts[:depth])
            _links(root / here, directory / here)
    for path, text in files.items():
        place = directory / path.removeprefix("/")
        place.unlink(missing_ok=True)
        place.write_text(text)
    return str(directory)


def _links(real: Path, made: Path) -> None:
    if made.is_symlink():
        made.unlink()
    made.mkdir(parents=True, exist_ok=True)
    if real.is_dir():
        for name in os.listdir(real):
            if not (made / name).is_symlink() and not (made / name).exists():
                (made / name).symlink_to(real / name)


if __name__ == "__main__":
    there = json.loads(lzma.decompress(CASES.read_bytes())) if CASES.exists() else {"rows": []}
    there["doc"] = "Files of a virtual machine with Linux 6.18, by tests/support/hosts.py"
    others = [row for row in there["rows"] if row["name"] != sys.argv[1]]
    row = {"name": sys.argv[1], "doc": sys.argv[2], "files": record()}
    there["rows"] = [*others, row]
    CASES.write_bytes(lzma.compress(json.dumps(there).encode()))
