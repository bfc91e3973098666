# SPDX-License-Identifier: GPL-2.0-or-later
"""Random hosts with the hot modules compiled under AddressSanitizer: ``[SEED [COUNT]]``.

Compiles a copy of the tree, which takes some minutes, and plays the hosts of
:mod:`support.random_hosts` in it. Large columns are not malloc's, so hosts are small.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FLAGS = "-fsanitize=address -fno-omit-frame-pointer"


def main(seed: str = "0", count: str = "200") -> int:
    """Play *count* hosts from *seed* on; 0 where the sanitizer found nothing."""
    asan = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
    with tempfile.TemporaryDirectory() as directory:
        tree, installed = Path(directory, "tree"), Path(directory, "installed")
        leave = shutil.ignore_patterns(".*", "*.so", "__pycache__", "build", "dist")
        shutil.copytree(ROOT, tree, ignore=leave)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(
            [*pip, "--target", installed, tree],
            env={**os.environ, "CFLAGS": FLAGS, "LDFLAGS": FLAGS},
            check=True,
        )
        played = subprocess.run(
            [sys.executable, "-m", "support.random_hosts", seed, count],
            cwd=installed,
            env={
                **os.environ,
                "PYTHONPATH": f"{installed}:{ROOT / 'tests'}",
                "PYTHONMALLOC": "malloc",
                "LD_PRELOAD": asan,
                "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
            },
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    how, *outcomes = played.stdout.splitlines() or ["nothing"]
    print(
        f"{how}: {len(outcomes)} of {count} hosts from {seed} on, exit status {played.returncode}"
    )
    return 0 if (how, played.returncode, len(outcomes)) == ("compiled", 0, int(count)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
