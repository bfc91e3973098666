# SPDX-License-Identifier: GPL-2.0-or-later
"""Read and change label and UUID of an area in place, and not a byte beside them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ghostswap.area.header import probers
from ghostswap.area.header.explain import Inspection
from ghostswap.area.header.identity import LABEL_SIZE
from ghostswap.area.make import overwrite
from ghostswap.area.make.overwrite import Patch
from ghostswap.area.target import target
from ghostswap.area.target.target import LockMode, Target
from ghostswap.errors import TargetError


def check(found: Inspection) -> None:
    """See that the header of the area *found* has room for label and UUID.

    A ghost and an area that holds a hibernation image are areas like any other here.

    :raises TargetError: where it has none.
    """
    head = found.header
    if head.version != 1:
        what = f"is a swap area of version {head.version}; only version 1 has label and UUID"
        raise TargetError(found.path, what)
    if not head.last_page:
        raise TargetError(found.path, "is no swap area that can be used: its last_page is 0")


@contextmanager
def open_for_change(path: str, lock: LockMode, waiting: Callable[[], None]) -> Iterator[Target]:
    """Open *path* to change an area in it, which may be active; a symbolic link is followed.

    :param waiting: called before waiting for somebody else's lock.
    :raises TargetError: where it is mounted, or claimed by anything but swap.
    """
    with target.open_target(path) as looked_at:
        active = target.active_swap(looked_at) is not None
    with target.open_target(path, write=True, exclusive=not active) as opened:
        opened = target.lock(opened, lock, waiting)
        user = target.in_use(opened, swap=False)
        if user is not None:
            raise TargetError(path, f"{user}; it is left alone", "umount it first")
        yield opened


def change(
    opened: Target, found: Inspection, *, label: bytes | None = None, uuid: bytes | None = None
) -> Inspection:
    """Give the area *found* in *opened* another label, another UUID, or both in one write.

    :param label: at most :data:`~ghostswap.area.header.identity.LABEL_SIZE` bytes; empty for none.
    :param uuid: 16 bytes, all zero for none.
    :return: the area as it is now.
    :raises TargetError: with everything as it was.
    """
    new: dict[str, Any] = {}
    if uuid is not None:
        new["sws_uuid"] = uuid
    if label is not None:
        new["sws_volume"] = label.ljust(LABEL_SIZE + 1, b"\0")
    fields = [field for field in found.header.fields() if field.name in new]
    # The two are neighbours, so that one write is enough for both.
    data = b"".join(new[field.name] for field in fields)
    place = fields[0].offset
    try:
        overwrite.apply(opened, [Patch(found.offset + place, data)])
    except TargetError as error:
        if error.errno != errno.ETXTBSY:
            raise
        reason = "is an active swap area, and this kernel lets nobody write to one"
        raise TargetError(opened.path, reason, "swapoff it first", error.errno) from error
    start = found.start[:place] + data + found.start[place + len(data) :]
    return found._replace(header=found.header._replace(**new), start=start)


def is_hidden(found: Inspection) -> bool:
    """Whether libblkid takes the area for swap but believes neither its label nor its UUID."""
    seen = [match.tags for match in probers.matches(found.start, found.size)]
    names = found.header.label.strip() or found.header.uuid
    return bool(seen and names) and not any("LABEL" in tags or "UUID" in tags for tags in seen)
