# SPDX-License-Identifier: GPL-2.0-or-later
"""How long commands take to start, in units of ``python -c pass`` measured in the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 15
GHOSTSWAP = os.path.join(os.path.dirname(sys.executable), "ghostswap")


def seconds(call: list[str], directory: str) -> float:
    start = time.perf_counter()
    subprocess.run(call, cwd=directory, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([GHOSTSWAP, "mkswap", "-q", "--size", "1G", "g"], cwd=directory, check=True)
        calls = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--version": [GHOSTSWAP, "--version"],
            "--help": [GHOSTSWAP, "--help"],
            "inspect": [GHOSTSWAP, "inspect", "g"],
            "inspect --json": [GHOSTSWAP, "inspect", "--json", "g"],
            "validate": [GHOSTSWAP, "validate", "-k", "ghost", "g"],
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(ROUNDS):  # in turns, so that a busy moment hits all alike
            for name, call in calls.items():
                times[name].append(seconds(call, directory))
    unit = statistics.median(times["python -c pass"])
    for name, found in times.items():
        print(f"{name:16} {statistics.median(found) / unit:5.2f}")


if __name__ == "__main__":
    main()
