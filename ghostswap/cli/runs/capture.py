# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap capture``: a process watched, or a capture shown."""

from __future__ import annotations

import json
from contextlib import ExitStack

import click

from ghostswap.cli.reports.touches.capture import CaptureReport
from ghostswap.cli.terminal.args import refuse_others
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import note
from ghostswap.errors import UsageError
from ghostswap.live.touched import Watch, save
from ghostswap.live.ways import probe
from ghostswap.pages import captured
from ghostswap.units import format_size

_LIVE = ("pid:", "cgroup:")


def run(context: click.Context) -> int:
    """Watch, or show, what *context* says."""
    values = context.params
    target = values["target"]
    if target.startswith(_LIVE):
        report = _watch(target, values["interval"], values["duration"], values["output"])
    else:
        shown = ("target", "verbose", "raw", "as_json")
        refuse_others(context, "a capture that is there is shown as it is", *shown)
        report = CaptureReport(captured.read(target))
    if values["as_json"]:
        report.emit_json()
    else:
        report.print(str if values["raw"] else format_size, verbose=values["verbose"])
    return 0


def _watch(target: str, interval: float, duration: float, output: str | None) -> CaptureReport:
    if interval > duration:
        raise UsageError("--interval is longer than --duration", "give a shorter one")
    with ExitStack() as stack:
        keep = None if output is None else stack.enter_context(save(output))
        watch = stack.enter_context(Watch(target, probe()))
        advance = stack.enter_context(progress_bar("looks", max(round(duration / interval), 1)))
        found, why = watch.run(interval, duration, advance)
        if keep is not None:
            keep(json.dumps(found.to_json()).encode() + b"\n")
    kept = "is kept" if output is not None else "is shown"
    if why == "interrupted":
        note(f"interrupted: what was captured in {found.seconds:.1f} s {kept}")
    elif why == "ended":
        note(f"{target} has ended: what was captured in {found.seconds:.1f} s {kept}")
    elif watch.ended:
        note(f"{watch.ended} of the processes ended meanwhile")
    if watch.refused:
        note(f"{len(watch.refused)} of the processes not watched: this user may not read them")
    return CaptureReport(found)
