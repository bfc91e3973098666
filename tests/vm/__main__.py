# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m vm``: boot each kernel, ask, compare, and print one table."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from conftest import CASES
from support.corpora import CORPORA

from vm import areas, fills, images, record, replays, table
from vm.guest import Answers, boot, parse, tools
from vm.images import Image, Unavailable
from vm.table import Answer

SUBJECTS = ("swapon", "fills", "replays")


def main(args: Sequence[str] | None = None) -> int:
    """0: as predicted, or skipped; 1: something was not as predicted, or a guest did not finish."""
    options = _parser().parse_args(args)
    answers: list[Answer] = []
    broken = False
    for kernel in options.kernels or images.SOURCES:
        try:
            tools("qemu-system-x86_64", "gcc", "mke2fs")
            image, busybox = images.get(kernel), images.busybox()
            started = time.monotonic()
            output = _asked(image, busybox, options.only, each=options.record)
        except Unavailable as reason:
            print(f"{kernel}: skipped: {reason}", file=sys.stderr)
            continue
        except subprocess.TimeoutExpired:
            print(f"{kernel}: the guest did not come to its end", file=sys.stderr)
            broken = True
            continue
        seconds = time.monotonic() - started
        if options.keep is not None:
            (options.keep / f"{kernel}.txt").write_text(output)
        said = parse(output)
        release = " ".join(said[""].words.get("release", [["no release"]])[0])
        print(f"{kernel}: {release}, {seconds:.0f} s in the guest", file=sys.stderr)
        for job, what in said.items():
            for words in what.words.get("failed", []):
                print(f"{kernel}: {job}: {' '.join(words)}", file=sys.stderr)
        if "done" not in said:
            print(f"{kernel}: the guest did not come to its end", file=sys.stderr)
            broken = True
        answers += _compared(kernel, image, said, record_them=options.record)
    wrong = [answer for answer in answers if not answer.near]
    for answer in wrong[: options.show]:
        print(answer, file=sys.stderr)
    if answers:
        print(table.text(answers), end="")
    return 1 if broken or wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__)
    known = f"of {', '.join(images.SOURCES)}; all unless given"
    parser.add_argument("kernels", nargs="*", type=_kernel, metavar="KERNEL", help=known)
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="ask no more than that")
    parser.add_argument("--record", action="store_true", help="add new rows to tests/cases")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="for all that the guests wrote")
    parser.add_argument("--show", type=int, default=40, metavar="N", help="differences to list")
    return parser


def _kernel(name: str) -> str:
    if name not in images.SOURCES:
        raise argparse.ArgumentTypeError(f"no image of {name}; known: {', '.join(images.SOURCES)}")
    return name


def _asked(image: Image, busybox: bytes, only: Sequence[str] | None, *, each: bool) -> str:
    wanted = only or SUBJECTS
    script, files = "", {}
    if "swapon" in wanted:
        script += areas.script()
        files["cases"] = areas.packed(areas.cases(has_loop=image.has_loop))
    if "fills" in wanted:
        script += fills.script(image.kernel, each=each)
        files |= {name: corpus() for name, corpus in CORPORA.items()}
    if "replays" in wanted:
        script += replays.script(image.kernel)
        files |= replays.files()
    with tempfile.TemporaryDirectory(prefix="ghostswap-vmtest-") as directory:
        return boot(image, busybox, script, files, Path(directory))


def _compared(
    kernel: str, image: Image, said: dict[str, Answers], *, record_them: bool
) -> list[Answer]:
    if "memtotal" not in said[""]:
        return []
    memtotal = said[""].number("memtotal") * 1024
    rows = []
    if "swapon" in said:
        rows = areas.answered(kernel, areas.cases(has_loop=image.has_loop), said["swapon"])
    if record_them:
        recorded = {
            "swapon.json.xz": rows,
            "kernel-fills.json.xz": record.fill_rows(kernel, said),
            "limit.json.xz": record.limit_rows(kernel, said, memtotal),
        }
        for name, new in recorded.items():
            print(f"{kernel}: {record.add(CASES / name, new)} rows to {name}", file=sys.stderr)
    return [
        *areas.compare(kernel, rows, memtotal),
        *fills.compare(kernel, said, memtotal),
        *replays.compare(kernel, said, memtotal),
    ]


if __name__ == "__main__":
    sys.exit(main())
