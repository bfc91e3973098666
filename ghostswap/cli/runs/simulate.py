# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate``: memory stored once, and where other work went that it used to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ghostswap import kernels
from ghostswap.cli.options.keys import document_of, is_for, is_scenario
from ghostswap.cli.options.sampling import sampling
from ghostswap.cli.reports.classes import Classes
from ghostswap.cli.reports.result import Result
from ghostswap.cli.runs import pictures
from ghostswap.cli.terminal.args import given, refuse, refuse_others
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.designs import table
from ghostswap.errors import UsageError
from ghostswap.scenario.document import Document
from ghostswap.scenario.key import Run
from ghostswap.scenario.reader import Use, read
from ghostswap.study.fill import has_intervals, store, store_all
from ghostswap.study.host import Host
from ghostswap.study.memory import Sample, measure_host, whole
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.pages.sampled import Wanted


def run(context: click.Context) -> int:
    """Store memory once, or do what ``simulate`` with other options is called now."""
    names = given(context)
    if "against_kernel" in names:
        return _measure(context)
    refuse(context, "'ghostswap measure' has it", "scratch")
    if "verify" in names:
        return _verify(context)
    refuse(context, "'ghostswap verify' has it", "force")
    is_host = is_scenario(context.params["swapfiles"])
    document = document_of(context)
    work = "HOST.toml" if is_host else is_for(document, Run.REPLAY)
    if work is None and "band" in names:
        work = "--band"
    if work is not None:
        return _replay(context, document, work)
    return _store(context, document)


def _store(context: click.Context, document: Document) -> int:
    values = context.params
    host, areas = read(document, Use(Run.STORE))
    pictures.check(context)
    if values["classes"]:
        _check_classes(host)
    sample = sample_of(host, values["sample"])
    jobs = values["jobs"]
    stands_in = not has_intervals(host)
    measured = measure_host(
        host, (host.design,), jobs, progress_bar, sample=sample, stands_in=stands_in
    )
    if not values["classes"]:
        outcome, classes = store_all(host, measured, areas, jobs), None
    elif measured.is_sample:
        raise UsageError("--classes are those of a whole pool", "add --sample 100%")
    else:
        fill, outcome = store(host, measured, areas)
        classes = Classes(fill.classes(), kernels.get(outcome.kernel).zsmalloc)
    emit(context, Result(host, measured, outcome, Run.STORE, classes))
    return 0


def sample_of(host: Host, wanted: Wanted | None) -> Sample:
    """How much of *host*'s memory to measure where it is stored once.

    :raises UsageError: where a part is *wanted* of what has to be whole.
    """
    if not host.folio_order:
        return sampling(wanted, host.seed)
    if wanted is not None and wanted.share != 1:
        raise UsageError("a sample is of single pages, and not of folios", "leave out --sample")
    return whole


def emit(context: click.Context, result: Result) -> None:
    """Print *result* as the options of *context* have it."""
    values = context.params
    with_proc = bool(values.get("proc"))
    size = str if values["raw"] else format_size

    def print_report() -> None:
        from ghostswap.cli.reports.outcome import print_result

        print_result(result, size, verbose=values["verbose"], with_proc=with_proc)

    if values["as_json"]:
        from ghostswap.cli.reports.outcome_json import result_json

        emit_json(result_json(result, with_proc=with_proc))
    else:
        print_report()
    question = "What becomes of this memory, stored once?"
    if result.is_replay:
        question = "What does swap do while this memory is touched under its limits?"
    pictures.write(context, result, question, print_report)


def _check_classes(host: Host) -> None:
    """Refuse size classes where there is no zsmalloc of zswap's."""
    design = table.get(host.design)
    if not (design.has_zswap if host.zswap_enabled is None else host.zswap_enabled):
        raise UsageError(
            f"--classes are zswap's, and the design {design.name} has none", "leave it out"
        )
    zpool = host.zpool or design.kernel(kernels.get(host.kernel)).zswap.zpools[0]
    if zpool != "zsmalloc":
        raise UsageError(f"{zpool} has no size classes", "add --zpool zsmalloc")


# What went elsewhere


def _replay(context: click.Context, document: Document, work: str) -> int:
    from ghostswap.cli.runs import replay

    refuse(context, "no workload has it", "classes")
    note(f"'ghostswap simulate {work}' is 'ghostswap replay {work}' now")
    return replay.run(context, document)


def _verify(context: click.Context) -> int:
    from ghostswap.cli.runs import verify

    refuse(context, "pages are verified in one process", "jobs")
    refuse(context, "it is for a workload", "band")
    refuse(context, "pages are verified, not classes", "classes")
    refuse(context, "all pages are verified", "sample")
    refuse(context, "what is verified is not drawn", "plot", "html")
    note("'ghostswap simulate --verify' is 'ghostswap verify' now")
    return verify.run(context)


def _measure(context: click.Context) -> int:
    from ghostswap.cli.runs import measure

    kept = ("source", "design", "compressor", "zram.mem_limit")
    names = {
        "against_kernel",
        "scratch",
        "as_json",
        *(f"group__NAME__{name}" if name == "source" else name.replace(".", "__") for name in kept),
    }
    refuse_others(context, "the running kernel is as it is", *names)
    values = context.params
    if len(values["group__NAME__source"]) > 1:
        raise UsageError("'ghostswap measure' takes one source", "leave out the others")
    note("'ghostswap simulate --against-kernel' is 'ghostswap measure' now")
    is_given = "compressor" in given(context)
    return measure.run(
        values["group__NAME__source"][0],
        values["design"] if "design" in given(context) else "classic",
        values["compressor"] if is_given else None,
        values["zram__mem_limit"] if "zram__mem_limit" in given(context) else None,
        values["scratch"],
        as_json=values["as_json"],
    )
