# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap compare``: designs or kernels on one host, or on several that differ in a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from ghostswap import kernels
from ghostswap.cli.options.contest import DEFAULT, SWEEPS
from ghostswap.cli.options.keys import document_of, is_for, is_scenario
from ghostswap.cli.options.limits import with_limits
from ghostswap.cli.options.sampling import sampling
from ghostswap.cli.reports.compare_report import Comparison
from ghostswap.cli.runs import pictures
from ghostswap.cli.runs.simulate import sample_of
from ghostswap.cli.terminal.args import refuse_others
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import note
from ghostswap.designs import table
from ghostswap.errors import UsageError
from ghostswap.executor.choice import engine_for
from ghostswap.kernels.rules import Kernel
from ghostswap.scenario.document import Document
from ghostswap.scenario.given import PROCESS
from ghostswap.scenario.key import Run
from ghostswap.scenario.keys import KEYS
from ghostswap.scenario.reader import Use, read
from ghostswap.study.contest.contest import DEADLINE, compare
from ghostswap.study.host import Host
from ghostswap.study.memory import Sample
from ghostswap.units import format_size


def run(context: click.Context) -> int:
    """Compare what *context* says."""
    values = context.params
    if values["published"]:
        from ghostswap.cli.reports import published

        refuse_others(context, "--published stands alone", "published", "as_json")
        note("'compare --published' is 'ghostswap overhead --published' now")
        published.emit(values["as_json"])
        return 0
    document = document_of(context)
    releases = str(document.get(("kernel",))).split(",")
    if len(releases) > 1:
        document = document.changed({("kernel",): releases[0]}, "--kernel")
    sweep = values["sweep"]
    documents = [document] if sweep is None else _swept(document, context, *sweep)
    run = Run.REPLAY if _has_work(document, context) else Run.STORE
    designs = tuple(dict.fromkeys(values["chosen"])) or _default(document, releases)
    use = Use(run, designs, sweep[0] if sweep else "")
    if len(releases) > 1:
        rows = [_on_each(one, releases, use) for one in documents]
    else:
        hosts = [read(one, use)[0] for one in documents]
        rows = [[replace(host, design=name) for name in designs] for host in hosts]
    _, areas = read(documents[0], use)
    pictures.check(context)
    wanted = values["sample"]
    if run is Run.REPLAY:
        sample: Sample = sampling(wanted, rows[0][0].seed)
    else:
        sample = sample_of(rows[0][0], wanted)
    found = compare(
        rows,
        areas,
        with_work=run is Run.REPLAY,
        jobs=values["jobs"],
        engine=engine_for(values["jobs"], len(rows) * len(rows[0]), DEADLINE, values["scheduler"]),
        progress=progress_bar,
        at=document.placing,
        sample=sample,
    )
    words = sweep[1] if sweep else ("",)
    comparison = Comparison(rows[0], found, use.swept, words, values["cost"])

    def print_report() -> None:
        comparison.print(str if values["raw"] else format_size)

    if values["as_json"]:
        comparison.emit_json()
    else:
        print_report()
    several = "kernels" if len(releases) > 1 else "designs"
    question = f"What do several {several} make of the same memory?"
    pictures.write(context, comparison, question, print_report)
    return 0


def _has_work(document: Document, context: click.Context) -> bool:
    """Whether there is a workload; else all memory is stored once."""
    sweep = context.params["sweep"]
    is_limited = sweep is not None and sweep[0] == "limit"
    return bool(document.path) or is_limited or is_for(document, Run.REPLAY) is not None


def _on_each(document: Document, releases: Sequence[str], use: Use) -> list[Host]:
    """The host with each kernel, in the one design."""
    if len(use.designs) > 1:
        raise UsageError(
            f"--kernel {','.join(releases)}: kernels are set side by side in one design",
            "give one --design, or one kernel",
        )
    each = (document.changed({("kernel",): name}, "--kernel") for name in releases)
    return [replace(read(one, use)[0], design=use.designs[0]) for one in each]


def _default(document: Document, releases: Sequence[str]) -> tuple[str, ...]:
    """What is compared where nothing is chosen; what could not be on the kernel is left out."""
    if len(releases) > 1:
        return DEFAULT[:1]
    kernel = _kernel(document)
    found = tuple(name for name in DEFAULT if table.get(name).is_on(kernel))
    for name in DEFAULT:
        if name not in found:
            note(f"{name} is left out: it is for newer kernels than Linux {kernel.name}")
    return found


def _kernel(document: Document) -> Kernel:
    name = str(document.get(("kernel",)))
    return kernels.get(name if name in kernels.KERNELS else kernels.RELEASES[-1])


def _swept(
    document: Document, context: click.Context, name: str, words: tuple[str, ...]
) -> list[Document]:
    """*document* with each of the values in turn."""
    if is_scenario(context.params["swapfiles"]) and name == "limit":
        groups = list(document.values.get("group", ()))
        group = groups[-1] if groups else PROCESS
    else:
        group = PROCESS
    option = f"--sweep {name}"
    if name != "limit":
        kind = KEYS[SWEEPS[name]].kind
        return [document.changed({(name,): kind.read(word)}, option) for word in words]
    return with_limits(document, context, group, option, words)
