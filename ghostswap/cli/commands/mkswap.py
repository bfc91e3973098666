# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap mkswap``: make a swap area."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from ghostswap import __version__, here
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import (
    Size,
    Words,
    json_option,
    lock_option,
    note_waiting,
)
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.errors import UsageError
from ghostswap.units import format_size, format_uuid, printable

if TYPE_CHECKING:
    from ghostswap.area.make.create import Job, Request

GHOST_NOTE = (
    "no released kernel takes a ghost swapfile yet (swapon: Invalid argument); one with the ghost"
    " swapfile RFC of November 2025 does. 'ghostswap validate' says which and why. An area that"
    " works today: {today}"
)
_NEXT = (
    "Next: swapon TARGET; at every boot by a line of /etc/fstab, 'TARGET none swap defaults 0 0'."
    " 'man ghostswap-mkswap' has a unit for systemd."
)
SLOTS_NOTE = "its {slots} slots take {size} of memory once it is on, used or not"
#: More bad pages than any header can list, and few enough to write a range out.
_MOST_BAD_PAGES = 1 << 20


class _Decimal(click.ParamType):  # type: ignore[type-arg]
    """A plain decimal number, as mkswap takes it: no sign, no suffix, no other base."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch("[0-9]{1,20}", value):
            self.fail(f"{value!r} is not a plain decimal number", param, ctx)
        number = int(value)
        if number >> 64:
            self.fail(f"{value} is out of range", param, ctx)
        return number


@click.command(
    "mkswap",
    cls=Command,
    examples=(
        "ghostswap mkswap --file --size 4G /swapfile",
        "ghostswap mkswap --size 64G swap.ghost",
    ),
    epilog=_NEXT,
)
@click.argument("target")
@click.argument("blocks", type=_Decimal(), required=False)
@click.option(
    "-s",
    "--size",
    cls=Option,
    section="Area",
    type=Size(),
    metavar="SIZE",
    help="What the area declares: for a new TARGET without --file, a ghost of that size.",
)
@click.option(
    "--ghost",
    cls=Option,
    section="Area",
    is_flag=True,
    help="Make a ghost swapfile: the header's page, no data.",
)
@click.option(
    "-F",
    "--file",
    cls=Option,
    section="Area",
    is_flag=True,
    help="Make a full file of --size, every block on disk.",
)
@click.option(
    "-L",
    "--label",
    cls=Option,
    section="Area",
    metavar="LABEL",
    help="Name the area; 15 bytes are kept.",
)
@click.option(
    "-U",
    "--uuid",
    cls=Option,
    section="Area",
    type=Words("clear", "random", "time"),
    metavar="UUID",
    show_default="random",
    help="A UUID, or clear, random or time.",
)
@click.option(
    "--keep",
    cls=Option,
    section="Area",
    is_flag=True,
    help="Keep UUID and label of the area that is there.",
)
@click.option(
    "-p",
    "--pagesize",
    cls=Option,
    section="Area",
    type=_Decimal(),
    default=0,
    show_default="this machine's",
    metavar="BYTES",
    help="Page size of the kernel that will use the area.",
)
@click.option(
    "-e",
    "--endianness",
    cls=Option,
    section="Area",
    type=click.Choice(["native", "little", "big"]),
    default="native",
    metavar="ORDER",
    help="Byte order of the header: native, little or big.",
)
@click.option(
    "-o",
    "--offset",
    cls=Option,
    section="Target",
    type=_Decimal(),
    default=0,
    metavar="BYTES",
    help="Where in TARGET the area begins; what lies before it stays as it is.",
)
@click.option(
    "-c",
    "--check",
    cls=Option,
    section="Target",
    is_flag=True,
    help="Read every page of a device for bad ones first.",
)
@click.option(
    "--bad-pages",
    cls=Option,
    section="Area",
    metavar="LIST",
    help="Pages never to use, such as 5,7-9; kernels want a device.",
)
@click.option(
    "-f",
    "--force",
    cls=Option,
    section="Target",
    is_flag=True,
    help="Do what could lose data: make a ghost of an existing file, cut one with --file, follow a"
    " symbolic link, declare more BLOCKS than there are, drop a partition table.",
)
@lock_option
@click.option(
    "-n",
    "--dry-run",
    cls=Option,
    section="Target",
    is_flag=True,
    help="Say what would be written and wiped, and stop.",
)
@click.option(
    "-v",
    "--swapversion",
    cls=Option,
    section="Area",
    type=_Decimal(),
    default=1,
    metavar="1",
    help="Only 1 exists.",
)
@click.option(
    "--verbose",
    cls=Option,
    section="Output",
    is_flag=True,
    help="List the holes and extents that are warned about.",
)
@click.option(
    "-q", "--quiet", cls=Option, section="Output", is_flag=True, help="Print errors only."
)
@json_option
@click.version_option(__version__, "-V", "--version", message="ghostswap mkswap %(version)s")
def command(
    target: str,
    blocks: int | None,
    label: str | None,
    uuid: str | None,
    pagesize: int,
    endianness: str,
    bad_pages: str | None,
    dry_run: bool,
    swapversion: int,
    verbose: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,  # those that a Request has under the same name
) -> None:
    """Make TARGET a swap area.

    With --size and no such TARGET: a ghost swapfile, one page that declares the size and takes no
    space. With --file --size: a full file. Without either, an existing file or block device is
    formatted as it is, as mkswap(8) does; BLOCKS (of 1024 bytes) then limits the area.
    """
    from ghostswap.area.header import identity
    from ghostswap.area.header.header import NATIVE
    from ghostswap.area.make import create

    warnings = []
    encoded = None
    if label is not None:
        encoded, cut = identity.encode_label(label)
        if cut:
            warnings.append("Label was truncated.")
    identifier = None if uuid is None else identity.parse_uuid(uuid)
    if swapversion != 1:
        raise UsageError(f"swapspace version {swapversion} is not supported", "only 1 is")
    if options["check"] and quiet:
        raise UsageError("--check and --quiet exclude each other")
    system = here.page_size()
    page_size = pagesize or system
    if page_size != system:
        warnings.append(
            f"Using user-specified page size {page_size}, instead of the system value {system}"
        )
    request = create.Request(
        path=target,
        blocks=blocks,
        label=encoded,
        uuid=identifier,
        page_size=page_size,
        byte_order={"native": NATIVE, "little": "little", "big": "big"}[endianness],
        bad_pages=_page_list(bad_pages) if bad_pages else (),
        **options,
    )
    with _preparing(request, quiet) as job:
        warnings += job.warnings + (job.details if verbose else [])
        if not quiet:
            for warning in warnings:
                note(warning, prefix="mkswap: ")
        if not dry_run:
            job.write()
    if as_json:
        emit_json({**_json(job), "warnings": warnings, "dry_run": dry_run})
    elif dry_run:
        _print_plan(job)
    elif not quiet:
        _print_lines(job, labelled=label is not None or bool(job.header.label))
    if job.action == "ghost" and not quiet:
        note(
            SLOTS_NOTE.format(slots=job.header.last_page + 1, size=format_size(_slots_memory(job)))
        )
        note(GHOST_NOTE.format(today=_full_area(job, made=not dry_run)))


@contextmanager
def _preparing(request: Request, quiet: bool) -> Iterator[Job]:
    """Prepare the job, with a progress bar while every page is read."""
    from ghostswap.area.make import create

    def waiting() -> None:
        if not quiet:
            note_waiting(request.path)

    advance: Callable[[int], None] | None = None

    def progress(step: int, total: int) -> None:
        nonlocal advance
        if advance is None:
            advance = bar.enter_context(progress_bar("checking", total))
        advance(step)

    with ExitStack() as bar, create.prepare(request, progress, waiting) as job:
        bar.close()
        yield job


def _page_list(text: str) -> tuple[int, ...]:
    """Page numbers in order: ``5,7-9`` is 5, 7, 8 and 9."""
    pages: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch("([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first > _MOST_BAD_PAGES:
            raise UsageError(f"bad page list {text!r}", "write numbers and ranges, as in 5,7-9")
        pages.update(range(first, last + 1))
    return tuple(sorted(pages))


def _print_lines(job: Job, labelled: bool) -> None:
    """The two lines that mkswap prints, and a third where pages are bad."""
    header = job.header
    size = header.usable_pages * header.page_size
    what = "ghost swapspace" if job.action == "ghost" else "swapspace"
    label = f"LABEL={printable(header.label)}" if labelled else "no label"
    if header.nr_badpages:
        click.echo(f"{header.nr_badpages} bad page{'s' if header.nr_badpages > 1 else ''}")
    click.echo(f"Setting up {what} version 1, size = {format_size(size)} ({size} bytes)")
    click.echo(f"{label}, UUID={format_uuid(header.sws_uuid)}")


def _slots_memory(job: Job) -> int:
    """Bytes that the running kernel takes for the area's slots."""
    from ghostswap.kernels import nearest

    kernel, _ = nearest(os.uname().release)
    return kernel.metadata.slots_memory(job.header.last_page + 1)


def _full_area(job: Job, made: bool) -> str:
    """The command that makes a full area in place of a ghost, with its names if it was *made*."""
    from ghostswap.area.judge import cures
    from ghostswap.area.judge.area import Area, Machine

    head = job.header
    area = Area(head.build(), head.page_size, path=job.path)
    machine = Machine(0, head.page_size, head.byte_order)
    size = head.declared_size
    if made:
        return cures.remake(area, machine, head, size=size)
    return cures.mkswap(area, machine, size=size)


def _print_plan(job: Job) -> None:
    """What would be done, in the order of doing it."""
    from ghostswap.cli.terminal import show

    header = job.header
    rows = [
        (f"wipe the old {wipe.type} signature", str(wipe.offset), str(len(wipe.magic)))
        for wipe in job.wipes
    ]
    rows.append(("write the header", str(job.offset), str(header.page_size)))
    if job.file_size is not None:
        there = "" if job.existing is None else f" (it has {job.existing.size} bytes)"
        rows.append((f"end the file here{there}", str(job.file_size), ""))
    show.heading(f"{job.path}: nothing was written; this would be done ({job.action})")
    show.table(("what", "offset", "bytes"), rows, right=("offset", "bytes"))
    _print_lines(job, labelled=bool(header.label))


def _json(job: Job) -> dict[str, Any]:
    header = job.header
    return {
        "path": job.path,
        "action": job.action,
        "offset": job.offset,
        "file_size": job.file_size,
        "page_size": header.page_size,
        "byte_order": header.byte_order,
        "version": header.version,
        "last_page": header.last_page,
        "nr_badpages": header.nr_badpages,
        "badpages": list(header.badpages),
        "sws_uuid": format_uuid(header.sws_uuid),
        "sws_volume": header.label,
        "size": header.usable_pages * header.page_size,
        "slots_memory": _slots_memory(job) if job.action == "ghost" else None,
        "wipes": [
            {"type": wipe.type, "offset": wipe.offset, "magic": wipe.magic.hex()}
            for wipe in job.wipes
        ],
    }
