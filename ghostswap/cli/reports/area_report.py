# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``inspect`` found of one area, as tables or as JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ghostswap import extents, kernels
from ghostswap.area.disk import resume
from ghostswap.area.header import probers
from ghostswap.area.header.explain import Inspection, describe
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import Judges, at_boot
from ghostswap.area.target.target import ActiveSwap, Target, active_swap
from ghostswap.errors import TargetError, UsageError
from ghostswap.here import mem_total, page_size
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.area.header.contents import Contents
    from ghostswap.area.header.suspend import Hibernation
    from ghostswap.area.target.partition import Partition
    from ghostswap.kernels.rules import Kernel

#: Of a long field the table shows this many bytes; --hexdump shows them all.
_SHOWN = 16
#: Rows of a table; a file of a million extents is printed in many.
_ROWS = 1000


class AreaReport(NamedTuple):
    """An area with all that is known of it.

    :ivar active: its row in /proc/swaps.
    :ivar slots_memory: bytes that the slots of a ghost take in the running kernel; ``None`` for
        other areas.
    :ivar summary: of its extents; ``None`` on a device, and where the file system does not tell.
    :ivar contents: of its data pages, if they were to be read.
    """

    found: Inspection
    active: ActiveSwap | None
    slots_memory: int | None
    summary: extents.Summary | None
    resume: resume.Resume
    views: list[probers.View]
    contents: Contents | None

    def print(self, target: Target, list_extents: bool, hexdump: bool, raw: bool) -> None:
        """Print for a person.

        :param raw: sizes in bytes.
        """
        from ghostswap.cli.terminal import show  # and so rich, which JSON does without

        size: Callable[[int], str] = (lambda number: f"{number} bytes") if raw else format_size
        found = self.found
        show.heading(title(found.path, found.partition))
        show.facts([*describe(found, size), *self._facts(size)])
        if found.hibernation is not None:
            show.heading("hibernation image")
            show.facts(_image(found.hibernation, found))
        show.table(
            ("field", "offset", "size", "raw bytes", "value", "meaning"),
            [
                (*map(str, row.field), _raw(row.raw), row.value, row.meaning)
                for row in found.fields()
            ],
            right=("offset", "size"),
        )
        show.heading("what other tools see")
        show.facts((f"  {view.tool}", view.says) for view in self.views)
        if list_extents:
            rows = _extents(target, found)
            while some := list(islice(rows, _ROWS)):
                show.table(
                    ("extent", "logical", "physical", "length", "flags"),
                    [
                        (
                            *map(str, (number, extent.logical, extent.physical, extent.length)),
                            ", ".join(extents.flag_names(extent.flags)),
                        )
                        for number, extent in some
                    ],
                    right=("extent", "logical", "physical", "length"),
                )
        if hexdump:
            for line in _hexdump(found.page):
                show.put(line)

    def _facts(self, size: Callable[[int], str]) -> Iterator[tuple[str, str]]:
        active = self.active
        if active is not None:
            used = f"{size(active.used * 1024)} of {size(active.size * 1024)} used"
            yield "active", f"yes: {used}, priority {active.priority}, type {active.type}"
        elif _known_by_swaps(self.found):
            yield "active", "no"
        if self.summary is not None:
            yield "extents", _summed(self.summary, size)
        if self.slots_memory is not None:
            yield "slots", f"take {size(self.slots_memory)} of memory once it is on, used or not"
        yield "resume", self.resume.line or f"none: {self.resume.reason}"
        for note in self.resume.notes:
            yield "  but", note.told(size)
        if self.contents is not None:
            yield "data pages", self._filled(self.contents, size)

    def _filled(self, contents: Contents, size: Callable[[int], str]) -> str:
        bytes_used = contents.nonzero_pages * self.found.header.page_size
        text = (
            f"{contents.nonzero_pages} hold something ({size(bytes_used)}),"
            f" {contents.zero_pages} are zero"
        )
        if contents.missing_pages:
            text += f", {contents.missing_pages} are not there"
        if self.summary is not None and self.summary.unwritten_bytes:
            text += (
                f"; {size(self.summary.unwritten_bytes)} of unwritten extents read as zero,"
                " whatever the kernel has swapped to them"
            )
        return text

    def as_json(self, target: Target, list_extents: bool) -> dict[str, Any]:
        """The same as a dictionary for JSON; its keys are stable."""
        found, head, where = self.found, self.found.header, self.resume
        summary: dict[str, Any] | None = None
        if self.summary is not None:
            summary = self.summary._asdict()
            summary = {"count": summary.pop("number"), **summary}
        if summary is not None and list_extents:
            summary["list"] = [
                {
                    "logical": extent.logical,
                    "physical": extent.physical,
                    "length": extent.length,
                    "flags": extents.flag_names(extent.flags),
                }
                for _, extent in _extents(target, found)
            ]
        return {
            "path": found.path,
            "error": None,
            "kind": found.kind,
            "type": found.type,
            "fstype": found.fstype or None,
            "offset": found.offset,
            "partition": partition_json(found.partition),
            "page_size": head.page_size,
            "byte_order": head.byte_order,
            "declared_size": head.declared_size,
            "usable_pages": head.usable_pages,
            "usable_size": found.usable_size,
            "size": found.size,
            "allocated": found.allocated,
            "mode": f"{found.mode:04o}",
            "uid": found.uid,
            "gid": found.gid,
            "header": {
                "version": head.version,
                "last_page": head.last_page,
                "nr_badpages": head.nr_badpages,
                "sws_uuid": head.uuid,
                "sws_volume": head.label,
                "badpages": list(head.badpages),
                "magic": head.magic.decode("latin-1"),
            },
            "fields": [
                {
                    "name": row.field.name,
                    "offset": row.field.offset,
                    "size": row.field.size,
                    "raw": row.raw.hex(),
                    "value": row.value,
                    "meaning": row.meaning,
                }
                for row in found.fields()
            ],
            "active": self.active
            and {
                "path": self.active.path,
                "type": self.active.type,
                "size": self.active.size * 1024,
                "used": self.active.used * 1024,
                "priority": self.active.priority,
            },
            "slots_memory": self.slots_memory,
            "extents": summary,
            "resume": {
                "device": where.device,
                "offset": where.offset,
                "command_line": where.line,
                "reason": where.reason or None,
                "notes": [note.told() for note in where.notes],
            },
            "hibernation": _image_json(found.hibernation, found) if found.hibernation else None,
            "seen_by": [view._asdict() for view in self.views],
            "data": self.contents._asdict() if self.contents else None,
        }


def gather(target: Target, found: Inspection, *, data: bool) -> AreaReport:
    """Learn all there is to know of the area *found* in *target*.

    :param data: read its data pages as well.
    :raises TargetError: where the system refuses.
    """
    contents = None
    if data:
        from ghostswap.area.header.contents import count, data_size
        from ghostswap.cli.terminal.progress import progress_bar

        with progress_bar("reading", data_size(found)) as done:
            contents = count(target, found, done)
    if found.partition is not None:
        from ghostswap.area.disk.partitions import active_partition

        active = active_partition(target, found.partition)
    else:
        active = active_swap(target) if not found.offset else None
    ram = _ram()
    kernel, _ = kernels.nearest(os.uname().release)
    refused = "" if active is not None else _refused(target, found, kernel, ram)
    slots = kernel.metadata.slots_memory(found.header.last_page + 1)
    return AreaReport(
        found=found,
        active=active,
        slots_memory=slots if found.type == "ghost" else None,
        summary=_summary(target, found),
        resume=resume.find(target, found, refused, ram),
        views=probers.views(target, found),
        contents=contents,
    )


def _refused(target: Target, found: Inspection, kernel: Kernel, ram: int | None) -> str:
    """Why *kernel* would not switch the area on here; ``""`` where it would."""
    # Where nobody knows the memory, nothing is too large for it.
    machine = Machine(1 << 64 if ram is None else ram, page_size())
    (verdict,) = at_boot(target, found, Judges([kernel], machine))
    return "" if verdict.refusal is None else verdict.refusal.reason


def _ram() -> int | None:
    with suppress(UsageError):
        return mem_total()
    return None


def _summary(target: Target, found: Inspection) -> extents.Summary | None:
    if found.kind == "block":
        return None
    try:
        every = extents.extents(target.fd)
        if every is None:
            return None
        return extents.summary(every, found.offset, found.offset + found.size)
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot read its extents") from error


def _extents(target: Target, found: Inspection) -> Iterator[tuple[int, extents.Extent]]:
    if found.kind == "block":
        return
    try:
        every = extents.extents(target.fd) or ()
        yield from enumerate(extents.clip(every, found.offset, found.offset + found.size))
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot read its extents") from error


def _known_by_swaps(found: Inspection) -> bool:
    """Whether a row in /proc/swaps could be told to be this area."""
    return found.kind == "block" if found.partition else not found.offset


def title(path: str, part: Partition | None) -> str:
    """What a report on an area is headed with."""
    if part is None:
        return path
    name = f", {part.name}" if part.name else ""
    return f"{path}, partition {part.number} ({part.table}, type {part.type}{name})"


def partition_json(part: Partition | None) -> dict[str, Any] | None:
    """A partition as a dictionary for JSON; its keys are stable."""
    return None if part is None else part._asdict()


def _summed(summary: extents.Summary, size: Callable[[int], str]) -> str:
    said = [str(summary.number)]
    said += [f"{count} {flag}" for flag, count in summary.flags.items() if count]
    if summary.holes:
        holes = "1 hole" if summary.holes == 1 else f"{summary.holes} holes"
        said.append(f"{holes} of {size(summary.hole_bytes)}")
    return ", ".join(said)


def _image(image: Hibernation, found: Inspection) -> Iterator[tuple[str, str]]:
    from ghostswap.area.header.suspend import consequences, flag_names

    yield "  written by", image.writer
    if image.orig_sig is not None:
        yield "  was", image.orig_sig.decode("latin-1").rstrip("\0") or "nothing: empty"
    if image.image_offset is not None:
        yield "  starts at", f"byte {image.image_offset} of the device"
    if image.flags is not None:
        yield "  flags", ", ".join(flag_names(image.flags)) or "none"
    for way, what in consequences(image, found.header).items():
        yield f"  {way}", what


def _image_json(image: Hibernation, found: Inspection) -> dict[str, Any]:
    from ghostswap.area.header.suspend import consequences, flag_names

    return {
        "signature": image.signature,
        "writer": image.writer,
        "orig_sig": image.orig_sig and image.orig_sig.decode("latin-1"),
        "image_offset": image.image_offset,
        "flags": None if image.flags is None else flag_names(image.flags),
        "crc32": image.crc32,
        "hw_sig": image.hw_sig,
        "consequences": consequences(image, found.header),
    }


def _raw(data: bytes) -> str:
    if len(data) <= _SHOWN:
        return data.hex(" ")
    if not any(data):
        return "00 …"
    return data[:_SHOWN].hex(" ") + " …"


def _hexdump(page: bytes) -> Iterator[str]:
    """As hexdump -C: 16 bytes a line, a run of equal lines as one ``*``."""
    previous, folded = b"", False
    for offset in range(0, len(page), 16):
        row = page[offset : offset + 16]
        if row == previous:
            if not folded:
                yield "*"
            folded = True
            continue
        previous, folded = row, False
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{offset:08x}  {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{text}|"
    yield f"{len(page):08x}"
