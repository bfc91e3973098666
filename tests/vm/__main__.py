# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m vm``: boot each kernel, ask, compare, and print one table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from conftest import CASES
from support.corpora import CORPORA

from vm import areas, fills, groups, images, record, replays, table
from vm.guest import MEMORY, Answers, boot, parse, tools
from vm.images import Image, Unavailable
from vm.table import Answer

SUBJECTS = ("swapon", "fills", "groups", "replays")


def main(args: Sequence[str] | None = None) -> int:
    """0: as predicted, or skipped; 1: something was not as predicted, or a guest did not finish."""
    options = _parser().parse_args(args)
    answers: list[Answer] = []
    is_whole = True
    for kernel in options.kernels or images.SOURCES:
        try:
            tools("qemu-system-x86_64", "gcc", "mke2fs")
            said = _asked(images.get(kernel), options)
        except Unavailable as reason:
            _note(f"{kernel}: skipped: {reason}")
            continue
        for job, what in said.items():
            for words in what.words.get("failed", []):
                _note(f"{kernel}: {job}: {' '.join(words)}")
        if "done" not in said:
            last = [*said][-1]
            _note(f"{kernel}: the guest did not come to its end, but to {last or 'no question'}")
            is_whole = False
            if last:
                del said[last]
        if "memtotal" in said[""]:
            answers += _compared(images.get(kernel), said, record_them=options.record)
    wrong = [answer for answer in answers if not answer.near]
    for answer in wrong[: options.show]:
        _note(str(answer))
    if answers:
        print(table.text(answers), end="")
    return 0 if is_whole and not wrong else 1


def _note(text: str) -> None:
    print(text, file=sys.stderr)


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


def _asked(image: Image, options: argparse.Namespace) -> dict[str, Answers]:
    """What *image* said, as far as it came.

    :raises Unavailable: where it cannot be booted.
    """
    wanted, script, files = options.only or SUBJECTS, "", {}
    if "swapon" in wanted:
        script += areas.script()
        files["cases"] = areas.packed(areas.cases(has_loop=image.has_loop))
    if "fills" in wanted:
        script += fills.script(image.kernel, each=options.record)
    if "groups" in wanted:
        script += groups.script(image.kernel)
    if {"fills", "groups"} & {*wanted}:
        files |= {name: corpus() for name, corpus in CORPORA.items()}
    if "replays" in wanted:
        script += replays.script(image.kernel)
        files |= replays.files()
    busybox, started = images.busybox(), time.monotonic()
    output = ""
    for _ in range(2):  # on a busy machine a guest may be gone before its first word
        if "@release" not in output:
            with tempfile.TemporaryDirectory(prefix="ghostswap-vmtest-") as directory:
                output = boot(image, busybox, script, files, Path(directory))
    seconds = time.monotonic() - started
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{image.kernel}.txt").write_text(output)
    said = parse(output)
    release = said[""].words.get("release", [["no answer"]])[0]
    _note(f"{image.kernel}: {' '.join(release)}, {seconds:.0f} s in the guest")
    return said


def _compared(image: Image, said: dict[str, Answers], *, record_them: bool) -> list[Answer]:
    kernel = image.kernel
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
        release = said[""].words["release"][0][0]
        origin = f"{release}: by make vmtest, one CPU, {MEMORY} MiB."
        for name, new in recorded.items():
            _note(f"{kernel}: {record.add(CASES / name, new, origin)} rows to {name}")
    return [
        *areas.compare(kernel, rows, memtotal),
        *fills.compare(kernel, said, memtotal),
        *groups.compare(kernel, said, memtotal),
        *replays.compare(kernel, said, memtotal),
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
