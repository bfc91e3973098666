# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap inspect``: explain every field of a swap area's header, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import bytes_option, json_option, offset_option
from ghostswap.cli.terminal.talk import complain, emit_json
from ghostswap.errors import TargetError, UsageError

if TYPE_CHECKING:
    from ghostswap.area.header.explain import Inspection
    from ghostswap.area.target.target import Target


@click.command(
    "inspect",
    cls=Command,
    examples=(
        "ghostswap inspect /swapfile",
        "ghostswap inspect --scan disk.img",
    ),
)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@offset_option
@click.option(
    "--scan",
    cls=Option,
    section="Target",
    is_flag=True,
    help="Find the areas in the partitions of a disk image.",
)
@click.option(
    "--data",
    cls=Option,
    section="Output",
    is_flag=True,
    help="Read all data pages and tell how many are not zero.",
)
@click.option(
    "--extents",
    "list_extents",
    cls=Option,
    section="Output",
    is_flag=True,
    help="List where a file lies on disk.",
)
@click.option(
    "--hexdump",
    cls=Option,
    section="Output",
    is_flag=True,
    help="Show the header's page byte for byte as well.",
)
@bytes_option
@json_option
def command(
    targets: tuple[str, ...],
    offset: int,
    scan: bool,
    data: bool,
    list_extents: bool,
    hexdump: bool,
    raw: bool,
    as_json: bool,
) -> int:
    """Explain the swap area in each TARGET, a file, block device or image of one, or a profile.

    Page size (4 to 64 KiB) and byte order are found from the header itself. Beside its fields:
    what they make of the file, whether it is active, a hibernation image in it, its extents, how
    to resume from it, and what other tools see. Nothing is changed.
    """
    from ghostswap.area.target.target import open_target
    from ghostswap.cli.reports import area_report
    from ghostswap.cli.runs import inspect as profiles

    if scan and offset:
        raise UsageError("--scan finds the offsets itself", "leave --offset out, or --scan")
    results: list[dict[str, Any]] = []
    failed = False

    def fail(error: TargetError) -> None:
        nonlocal failed
        failed = True
        complain(error.message, error.hint)
        results.append({"path": error.path, "error": error.reason})

    for path in targets:
        try:
            if not (offset or scan) and (profile := profiles.find(path)) is not None:
                results.append(profiles.explain(path, profile, as_json=as_json))
                continue
            with open_target(path) as target:
                for found in _areas(target, offset, scan):
                    if isinstance(found, TargetError):
                        fail(found)
                        continue
                    report = area_report.gather(target, found, data=data)
                    if as_json:
                        results.append(report.as_json(target, list_extents))
                    else:
                        report.print(target, list_extents, hexdump, raw)
        except TargetError as error:
            fail(error)
    if as_json:
        emit_json({"targets": results})
    return 1 if failed else 0


def _areas(target: Target, offset: int, scan: bool) -> Iterator[Inspection | TargetError]:
    if scan:
        from ghostswap.area.disk.scan import scan as areas

        yield from areas(target)
        return
    from ghostswap.area.disk.scan import one

    yield one(target, offset)
