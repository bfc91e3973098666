# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a swap area: a ghost, a full file, or in place; never half of one.

What can be checked is checked by :func:`prepare`, which changes nothing; :meth:`Job.write` then
does the work, its one irreversible step last.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ghostswap.area.header.bounds import MAX_PAGES, MIN_PAGES
from ghostswap.area.header.header import NATIVE, Header, pack_badpages
from ghostswap.area.header.identity import parse_uuid
from ghostswap.area.header.layout import ByteOrder
from ghostswap.area.make import landing, newfile, overwrite, survey
from ghostswap.area.make.overwrite import Patch
from ghostswap.area.make.survey import Progress
from ghostswap.area.target import target
from ghostswap.area.target.blkid import Signature
from ghostswap.area.target.target import LockMode, Target
from ghostswap.errors import TargetError, UsageError
from ghostswap.units import format_size

#: A header of this page size has room for its fields and its magic.
MIN_PAGE_SIZE, MAX_PAGE_SIZE = 2048, 1 << 30

#: What becomes of the target.
Action = Literal["ghost", "file", "format"]


class Request(NamedTuple):
    """What the user asked for; names are mkswap's options.

    :ivar size: bytes that a new area declares, or that a file shall have (``--size``).
    :ivar blocks: what the area declares, in KiB (``BLOCKS``).
    :ivar offset: where in the target the area begins.
    :ivar label: encoded, at most 15 bytes; ``None`` where none was asked for.
    :ivar uuid: 16 bytes; ``None`` where none was asked for.
    :ivar keep: take what was not asked for from the header that is there.
    :ivar bad_pages: page numbers, in order.
    :ivar check: read every page of a block device to find more of them.
    :ivar lock: whether other formatters are kept out of an existing target (flock).
    """

    path: str
    size: int | None = None
    blocks: int | None = None
    offset: int = 0
    ghost: bool = False
    file: bool = False
    force: bool = False
    page_size: int = 4096
    byte_order: ByteOrder = NATIVE
    label: bytes | None = None
    uuid: bytes | None = None
    keep: bool = False
    bad_pages: tuple[int, ...] = ()
    check: bool = False
    lock: LockMode = "yes"

    @property
    def action(self) -> Action:
        return "ghost" if self.ghost else "file" if self.file else "format"

    @property
    def declared(self) -> int | None:
        """Bytes that were asked for as the area's size. Nothing, or BLOCKS 0: all there is."""
        if self.ghost and self.size is not None:
            return self.size
        return self.blocks * 1024 if self.blocks else None


@dataclass(frozen=True, slots=True)
class Job:
    """An area about to be made: everything decided and checked, nothing changed yet.

    :ivar path: where it will be, symbolic links resolved.
    :ivar existing: the open target, ``None`` where a new file will be made.
    :ivar directory: of a new file, open.
    :ivar file_size: bytes of the file afterwards; ``None`` for what keeps its size.
    :ivar wipes: old signatures that will be gone, those under the new header left out.
    :ivar warnings: what the user should know, one sentence each.
    :ivar details: of the warnings, for those who ask.
    """

    path: str
    action: Action
    header: Header
    offset: int = 0
    existing: Target | None = None
    directory: int = -1
    file_size: int | None = None
    wipes: tuple[Signature, ...] = ()
    warnings: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Make the area.

        :raises TargetError: with what was there put back, and nothing new left behind.
        """
        page = Patch(self.offset, self.header.build())
        if self.existing is None:
            allocate = None if self.action == "ghost" else self.file_size
            newfile.create(self.directory, self.path, page, allocate)
            return
        zeros = [Patch(wipe.offset, bytes(len(wipe.magic))) for wipe in self.wipes]
        mode = None if self.action == "format" else 0o600
        overwrite.apply(self.existing, [*zeros, page], size=self.file_size, mode=mode)


@contextlib.contextmanager
def prepare(
    request: Request,
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Job]:
    """Check everything about *request* and hold its target open until the block ends.

    :param progress: told how far reading every page has come, where that was asked for.
    :param waiting: called before waiting for somebody else's lock.
    :raises UsageError: where the request contradicts itself.
    :raises TargetError: where the target cannot be used for it.
    """
    path = _resolve(request)
    is_new = not os.path.lexists(path)
    if is_new and request.size is not None and not request.file:
        request = request._replace(ghost=True)
    _check_request(request)
    if is_new:
        with newfile.open_directory(path) as directory:
            yield _new(request, path, directory)
        return
    with target.open_target(path, write=True, follow=False) as existing:
        _check_size_alone(request, existing)
        existing = target.lock(existing, request.lock, waiting)
        user = target.in_use(existing)
        if user is not None:
            raise TargetError(path, f"{user}; it is left alone", "swapoff or umount it first")
        yield _overwrite(request, existing, progress)


def _check_request(request: Request) -> None:
    page_size = request.page_size
    if page_size & (page_size - 1) or not MIN_PAGE_SIZE <= page_size <= MAX_PAGE_SIZE:
        raise UsageError(
            f"bad page size {page_size}",
            f"it must be a power of two from {MIN_PAGE_SIZE} to {MAX_PAGE_SIZE}",
        )
    if request.ghost and request.file:
        raise UsageError("--ghost and --file exclude each other", "a ghost holds no data pages")
    if request.ghost and request.size is not None and request.blocks is not None:
        raise UsageError("a ghost has one size: give --size or BLOCKS, not both")
    if request.ghost and request.declared is None:
        raise UsageError("--ghost needs --size: the size that the header declares")
    if request.ghost and (request.offset or request.check):
        option = "--offset" if request.offset else "--check"
        raise UsageError(
            f"{option} does not go with a ghost",
            "a ghost is one page, its header; --file makes a full area",
        )


def _check_size_alone(request: Request, existing: Target) -> None:
    if request.size is None or request.ghost or request.file:
        return
    others = (
        "--ghost --force makes it a ghost swapfile of that size and drops its content;"
        " --file gives it that size on disk; "
    )
    raise UsageError(
        f"{existing.path} exists, and --size alone is only for a new file",
        f"{others if existing.kind == 'file' else ''}without --size it is formatted as it is",
    )


def _resolve(request: Request) -> str:
    """The path to work on: links to devices are how devices are named, others need --force."""
    if not os.path.islink(request.path):
        return request.path
    try:
        real = os.path.realpath(request.path)
    except OSError as error:
        raise TargetError.from_os(request.path, error, "cannot follow") from error
    with contextlib.suppress(OSError):
        if stat.S_ISBLK(os.stat(real).st_mode):
            return real
    if not request.force:
        raise TargetError(
            request.path, f"is a symbolic link to {real}", "name that file, or follow with --force"
        )
    return real


def _new(request: Request, path: str, directory: int) -> Job:
    if request.action == "format":
        raise TargetError(
            path,
            "cannot open: No such file or directory",
            "--size SIZE makes a ghost swapfile here, --file --size SIZE a full one",
        )
    size = request.page_size if request.ghost else request.size
    if size is None:
        raise UsageError(f"{path} does not exist, so its --size is needed")
    if request.keep:
        raise TargetError(path, "does not exist, so there is nothing to --keep")
    header = _header(request, _declared(request, size), request.bad_pages)
    landing.check(path, directory, size, ghost=request.ghost, force=request.force)
    return Job(
        path,
        request.action,
        header,
        request.offset,
        directory=directory,
        file_size=size,
        warnings=[_unchecked(path)] if request.check else [],
    )


def _overwrite(request: Request, existing: Target, progress: Progress | None) -> Job:
    action = request.action
    if existing.kind == "block" and action != "format":
        raise TargetError(existing.path, f"is a block device, and --{action} makes a file")
    size = _new_size(request, existing)
    found = survey.survey(existing, request.offset, force=request.force, damaged=request.check)
    warnings = list(found.warnings)
    declared = _declared(request, existing.size if size is None else size)
    most = MAX_PAGES * request.page_size
    if declared > most and not request.ghost:
        warnings.append(f"warning: truncating swap area to {most // 1024} KiB")
        declared = most
    _check_least(request, declared)
    bad = set(request.bad_pages)
    if request.check and existing.kind == "file":
        warnings.append(_unchecked(existing.path))
    elif request.check:
        bad.update(
            survey.unreadable_pages(existing, request.offset, request.page_size, declared, progress)
        )
    header = _header(
        request,
        declared,
        tuple(sorted(bad)),
        kept=survey.header_of(existing, request.offset) if request.keep else None,
        bootbits=found.bootbits,
    )
    details: list[str] = []
    if action == "format":
        objections, details = survey.objections(existing)
        warnings += objections
    end = request.offset + request.page_size
    return Job(
        existing.path,
        action,
        header,
        request.offset,
        existing,
        file_size=size,
        wipes=tuple(old for old in found.signatures if not request.offset <= old.offset < end),
        warnings=warnings,
        details=details,
    )


def _unchecked(path: str) -> str:
    return f"warning: checking bad blocks from swap file is not supported: {path}"


def _new_size(request: Request, existing: Target) -> int | None:
    """Bytes that the existing file shall have; ``None`` for those it has."""
    if request.ghost:
        if not request.force:
            raise TargetError(
                existing.path,
                f"exists with {format_size(existing.size)}; as a ghost it keeps none of that",
                "--force turns it into a ghost, or name a file that does not exist",
            )
        return request.page_size
    if not request.file:
        return None
    size = existing.size if request.size is None else request.size
    if size < existing.size and not request.force:
        raise TargetError(
            existing.path,
            f"has {format_size(existing.size)}; making it {format_size(size)} would cut it",
            "--force cuts it",
        )
    return size


def _declared(request: Request, there: int) -> int:
    """Bytes that the header declares, in a target that has *there*; of a ghost, any number."""
    if request.ghost:
        return request.declared or 0
    if request.offset > there:
        raise TargetError(request.path, f"--offset {request.offset} lies behind its end at {there}")
    room = there - request.offset
    room -= room % request.page_size  # as the kernel, and mkswap, count in pages
    declared = room if request.declared is None else request.declared
    declared -= declared % request.page_size
    if declared > room and not request.force:
        raise TargetError(
            request.path,
            f"size {declared // 1024} KiB is larger than device size {room // 1024} KiB",
            "--force declares it all the same",
        )
    return declared


def _header(
    request: Request,
    declared: int,
    bad_pages: tuple[int, ...],
    kept: Header | None = None,
    bootbits: bytes = bytes(1024),
) -> Header:
    _check_least(request, declared)
    pages = declared // request.page_size
    if pages > MAX_PAGES:
        raise TargetError(
            request.path,
            f"{format_size(declared)} is more than a swap area can have",
            f"at most {MAX_PAGES} pages: {MAX_PAGES * request.page_size} bytes",
        )
    label = request.label if request.label is not None else kept.sws_volume if kept else b""
    identity = request.uuid or (kept.sws_uuid if kept else parse_uuid("random"))
    header = Header(
        page_size=request.page_size,
        byte_order=request.byte_order,
        last_page=pages - 1,
        nr_badpages=len(bad_pages),
        sws_uuid=identity,
        sws_volume=label.ljust(16, b"\0"),
        bootbits=bootbits,
        badpages_raw=pack_badpages(bad_pages, request.byte_order),
    )
    _check_bad_pages(request, header, bad_pages)
    return header


def _check_least(request: Request, declared: int) -> None:
    if declared // request.page_size < MIN_PAGES:
        least = MIN_PAGES * request.page_size // 1024
        raise TargetError(request.path, f"swap area needs to be at least {least} KiB")


def _check_bad_pages(request: Request, header: Header, bad_pages: tuple[int, ...]) -> None:
    if not bad_pages:
        return
    if bad_pages[0] == 0:
        raise TargetError(request.path, "its first page is bad, and the header must go there")
    if bad_pages[-1] > header.last_page:
        raise TargetError(
            request.path,
            f"bad page {bad_pages[-1]} is not in the area, whose last page is {header.last_page}",
        )
    if len(bad_pages) > header.max_badpages:
        raise TargetError(
            request.path,
            f"{len(bad_pages)} bad pages are too many: a header holds {header.max_badpages}",
        )
    if header.usable_pages < MIN_PAGES:
        raise TargetError(request.path, f"only {header.usable_pages} good pages are left")
