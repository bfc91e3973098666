# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice for a person: three lines, and then why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import commands
from ghostswap.advise.needs.groups import MAX
from ghostswap.advise.needs.work import SHARES, Waits
from ghostswap.advise.options import Option, at_limit
from ghostswap.advise.sizes import OtherSize, Setting
from ghostswap.cli.reports.touches.curve import GUIDE
from ghostswap.cli.terminal import show
from ghostswap.pages.source import Source
from ghostswap.study.outcome import Outcome
from ghostswap.units import format_size, printable

#: What a design is called here.
NAMES = {
    "classic": "zswap over disk",
    "zram": "zram",
    "ghost": "zswap over a ghost swapfile",
    "ghost-dynamic": "zswap over the dynamic ghost",
    "vswap": "virtual swap (posted)",
    "disk": "a disk alone",
}
_OPTIONS = ("option", "freed", "pool", "disk anew", "us out", "us back", "score", "here")
_IN_BYTES = ("area", "disksize", "mem_limit")


def print_all(found: Advice, source: Source) -> None:
    """Print for a person."""
    for line in _answer(found, source):
        show.paragraph(line)
    _print_options(found)
    _print_work(found)
    _print_settings(found)
    _print_limits(found)
    _print_hibernation(found)
    show.heading("a size that somebody chooses, or none: of what may leave, in bytes")
    show.table(
        ("area", "refused", "memory for slots"),
        [_other(one) for one in found.others],
        right=("refused", "memory for slots"),
    )
    _print_defaults(found)
    show.facts(_facts(found, source))
    lines = tuple(commands(found))
    if lines:
        show.heading("to set it until the next boot, in a root shell")
        for line in lines:
            show.paragraph(line)


def _answer(found: Advice, source: Source) -> Iterator[str]:
    choice = found.choice
    low, high = choice.freed_interval
    between = f" ({format_size(low)} to {format_size(high)})" if low != high else ""
    size = format_size(choice.size)
    area = f"a disksize of {size}" if choice.design == "zram" else f"{size} of swap"
    name = NAMES[choice.design]
    if choice.lacks:
        name = f"No option can be had here ({choice.lacks}); the best would be {name}"
    frees = f"it frees {format_size(choice.freed)}{between}, if all has to leave"
    if choice.freed <= 0:
        frees = f"it frees nothing, for pool and slots take {format_size(-choice.freed)} more"
    yield (
        f"{name[0].upper()}{name[1:]} with {choice.compressor} and {area}: of"
        f" {format_size(choice.memory)} ({source.name}) {frees}."
    )
    time = choice.time
    took = ""
    if time is not None:
        took = (
            f" A page takes {time.compress_ns / 1000:.1f} us to compress and"
            f" {time.decompress_ns / 1000:.1f} us to bring back."
        )
    disk = f"{format_size(choice.disk)} of disk are needed" if choice.disk else "No disk is needed"
    if choice.design == "classic":
        disk += " anew" if choice.disk else " beside what there is"
    yield f"{disk}.{took} {at_limit(choice.design).capitalize()}."
    new = sum(setting.is_new for setting in found.settings)
    where = "; the commands at the end set them" if choice.lacks == "" else ""
    yield (
        f"{new} of {len(found.settings)} settings are not so yet{where}."
        if new
        else "All of it is set so already."
    )


def _freed(choice: Option) -> str:
    """How much is freed by how much has left."""
    parts = (choice.memory // 4, choice.memory // 2, choice.memory)
    said = ", ".join(
        f"{format_size(choice.freed_at(part))} of {format_size(part)}" for part in parts
    )
    start = choice.break_even
    return said if start is None else f"{said}; from {format_size(start)} on the slots have paid"


def _print_options(found: Advice) -> None:
    columns: Sequence[str] = _OPTIONS
    rows = [_option(found, option) for option in found.ranked]
    if found.place.offered is None:  # nobody is here to have it or not
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    show.heading(f"options, the best first (goal: {found.goal})")
    show.table(
        columns,
        rows,
        right=("freed", "pool", "disk anew", "us out", "us back", "score"),
    )


def _option(found: Advice, option: Option) -> tuple[str, ...]:
    low, high = option.freed_interval
    half = f" ±{format_size((high - low) // 2)}" if low != high else ""
    time = option.time
    return (
        f"{option.design} {option.compressor}",
        f"{format_size(option.freed)}{half}",
        f"{format_size(option.pool)}",
        format_size(option.disk) if option.disk else "",
        f"{time.compress_ns / 1000:.1f}" if time else "",
        f"{time.decompress_ns / 1000:.1f}" if time else "",
        f"{found.score(option):.3f}",
        option.lacks or "yes",
    )


def _print_settings(found: Advice) -> None:
    show.heading("what to set")
    rows = []
    for setting in found.settings:
        now = (
            ""
            if not setting.is_new or setting.now is None
            else f"  (now {_text(setting, setting.now)})"
        )
        rows.append((setting.name, f"{_text(setting, setting.value)}{now}"))
        rows.append(("  why", setting.because))
        rows.append(("  changed by", setting.otherwise))
    show.facts(rows)


def _text(setting: Setting, value: int | str) -> str:
    if setting.name in _IN_BYTES and isinstance(value, int) and value:
        return format_size(value)
    return str(value)


def _print_work(found: Advice) -> None:
    work = found.work
    if work is None:
        return
    columns = [*(f"to free {share:.0%}" for share in SHARES), "us a touch"]
    show.heading(f"what waits, of {work.curve.touches:,} touches ({printable(work.name)})")
    show.table(
        ("option", *columns),
        [
            (f"{one.design} {one.compressor}", *map(_wait, work.waits(one)), f"{one.wait_us:.2g}")
            for one in found.ranked
        ],
        right=columns,
    )
    before, choice = found.without_work, found.choice
    if (before.design, before.compressor) != (choice.design, choice.compressor):
        show.paragraph(
            f"Without these touches {before.design} {before.compressor} would come first: then all"
            " counts as if one touch in ten waited."
        )


def _wait(one: Waits) -> str:
    if one.major_faults is None:
        return "cannot"
    took = "" if one.seconds is None else f", {one.seconds:.2g} s"
    return f"{one.major_faults:,}{took}"


def _print_limits(found: Advice) -> None:
    limits = found.limits
    if not limits.groups:
        return
    show.heading("memory.zswap.max of each group")
    rows = []
    for number, one in enumerate(limits.groups, 1):
        value = MAX if one.limit is None else format_size(one.limit)
        lacks = f" ({limits.lacks})" if limits.lacks else ""
        rows.append((printable(one.name) or f"group {number}", f"{value}{lacks}"))
        rows.append(("  why", one.because))
        rows.append(("  changed by", one.otherwise))
    show.facts(rows)


def _print_hibernation(found: Advice) -> None:
    one = found.hibernation
    there = format_size(one.disk) if one.disk else "none"
    verdict = one.lacks or ("it can" if one.fits else "it cannot")
    show.heading("to hibernate, when all of this has left")
    show.facts(
        [
            ("area", f"{format_size(one.need)} on a disk, and {there} with this advice: {verdict}"),
            ("  why", one.because),
            ("  changed by", one.otherwise),
        ]
    )


def _other(one: OtherSize) -> tuple[str, ...]:
    size = "no size to choose" if one.size is None else format_size(one.size)
    refused = format_size(one.refused) if one.refused else "nothing"
    return f"{NAMES[one.design]}, {size}", refused, format_size(one.metadata)


def _print_defaults(found: Advice) -> None:
    show.heading("what others set by themselves, with this memory")
    show.table(
        ("who", "sets", "leaves", "freed", "disk"),
        [
            (
                one.rule.name,
                f"{one.rule.design} {one.rule.compressor} {format_size(one.size)}".replace(
                    "  ", " "
                ),
                format_size(one.swapped),
                "unknown" if one.freed is None else format_size(one.freed),
                format_size(one.disk) if one.disk else "",
            )
            for one in found.defaults
        ],
        right=("leaves", "freed", "disk"),
    )


def source_of(found: Advice) -> str:
    """Where the figures come from, for a picture."""
    outcome = found.choice.outcome
    measured = "all pages were measured" if outcome.drawn is None else _sample(outcome)
    return (
        f"By the lengths of zswap and zram in Linux {found.place.kernel.name}: {measured}."
        " Memory of slots and entries by the size of their structures."
    )


def _sample(outcome: Outcome) -> str:
    return f"{outcome.drawn:,} of {outcome.pages:,} pages; ranges hold in 95 of 100"


def _facts(found: Advice, source: Source) -> Iterator[tuple[str, str]]:
    outcome = found.choice.outcome
    if outcome.drawn is not None:
        yield "sample", _sample(outcome)
    yield "freed", _freed(found.choice)
    weights = ", ".join(f"{name} {value:g}" for name, value in found.weights._asdict().items())
    yield "weights", weights
    if found.work is not None:
        yield "touches", f"by {GUIDE}"
    yield "times", "CPU time on this machine, in user space: the kernel's own code is quicker"
    for option in found.ranked:
        if option.error and option.design == found.choice.design:
            yield option.compressor, option.error
    if found.place.swapped:
        yield "in swap", f"{format_size(found.place.swapped)} of it already, which were not read"
    for words in source.account.words():
        yield "memory", words
    for path, why in found.place.seen.unseen.items():
        yield "not seen", f"{path}: {why}"
