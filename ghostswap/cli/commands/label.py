# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap label``: print or change the label and UUID of a swap area."""

from __future__ import annotations

import string
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ghostswap import __version__
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import (
    Words,
    json_option,
    lock_option,
    note_waiting,
    offset_option,
)
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.units import printable

if TYPE_CHECKING:
    from ghostswap.area.header.explain import Inspection
    from ghostswap.area.target.target import LockMode, Target


@click.command(
    "label",
    cls=Command,
    examples=(
        "ghostswap label /swapfile",
        "ghostswap label --label spare --uuid random /swapfile",
    ),
)
@click.argument("target")
@click.option(
    "-L",
    "--label",
    cls=Option,
    section="Area",
    metavar="LABEL",
    help='Name the area; 15 bytes are kept; "" for none.',
)
@click.option(
    "-U",
    "--uuid",
    cls=Option,
    section="Area",
    type=Words("clear", "random", "time"),
    metavar="UUID",
    help="Give it this UUID, or clear it, or make a random one or one of the time.",
)
@offset_option
@lock_option
@json_option
@click.version_option(__version__, "-V", "--version", message="ghostswap label %(version)s")
def command(
    target: str,
    label: str | None,
    uuid: str | None,
    offset: int,
    lock: LockMode,
    as_json: bool,
) -> None:
    """Print the label and UUID of the swap area in TARGET, or change them.

    Only the bytes of label and UUID are written, 32 at most, and only where a swap header is; so
    a symbolic link is followed. Ghosts, areas at an --offset of an image, and areas that hold a
    hibernation image will do as well as others.
    """
    from ghostswap.area.header import identity
    from ghostswap.area.make import relabel
    from ghostswap.area.target.target import open_target

    warnings = []
    encoded = None
    if label is not None:
        encoded, cut = identity.encode_label(label)
        if cut:
            kept = encoded.decode("utf-8", "surrogateescape")
            warnings.append(f"label is too long. Truncating it to '{kept}'")
    identifier = None if uuid is None else identity.parse_uuid(uuid)
    if encoded is None and identifier is None:
        before = None
        with open_target(target) as opened:
            found = _find(opened, offset)
    else:
        with relabel.open_for_change(target, lock, partial(note_waiting, target)) as opened:
            before = _find(opened, offset)
            found = relabel.change(opened, before, label=encoded, uuid=identifier)
    if relabel.is_hidden(found):
        warnings.append(
            "words 32 and 33 of the padding are not zero, so blkid shows neither label nor UUID"
        )
    for warning in warnings:
        note(warning, prefix="label: ")
    if as_json:
        emit_json(
            {
                "path": found.path,
                "offset": found.offset,
                **_names(found),
                "before": _names(before) if before else None,
                "warnings": warnings,
            }
        )
    elif before is None:
        _print(found)


def _find(opened: Target, offset: int) -> Inspection:
    from ghostswap.area.disk import scan
    from ghostswap.area.make import relabel

    found = scan.one(opened, offset)
    relabel.check(found)
    return found


def _print(found: Inspection) -> None:
    """The lines of swaplabel(8), which does not show blanks behind a label."""
    label = found.header.label.rstrip(string.whitespace)
    if label:
        click.echo(f"LABEL: {printable(label)}")
    if found.header.uuid:
        click.echo(f"UUID:  {found.header.uuid}")


def _names(found: Inspection) -> dict[str, Any]:
    return {"sws_uuid": found.header.uuid, "sws_volume": found.header.label}
