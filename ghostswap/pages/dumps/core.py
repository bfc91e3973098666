# SPDX-License-Identifier: GPL-2.0-or-later
"""Core files: the pages that swap could have taken of a process, or all pages of a machine.

The pages are those of the dumped memory; where they lie in the file differs: gcore's begin
anywhere. What is in a core file is up to who wrote it:

- The kernel leaves holes for pages that never were, and for those that were only read. Written
  into a pipe they become zeros, as gcore writes them, and then a page of zeros may be either.
- Of a private mapping of a file that was written to, all pages are in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator
from operator import attrgetter

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.elf import (
    AT_SYSINFO_EHDR,
    PF_W,
    Core,
    MappedFile,
    Segment,
    parse,
)
from ghostswap.pages.dumps.medium import FileMedium, Medium
from ghostswap.pages.dumps.runs import Run, RunSource, pages_in
from ghostswap.pages.dumps.sift import CleanPages, Zeros
from ghostswap.pages.dumps.tables import Layout
from ghostswap.pages.source import Account, Why

PROCESS = "memory of a process"
MACHINE = "all memory of a machine, that of its kernel, its page cache and what is free with it"

_CUT = "the dump ends before: it was cut"
_NEVER = "never touched, or only read"
_EXCLUDED = "pages of zeros, or left out by whoever made the dump"
_ZEROS = "zeros, which this dump does not tell from pages that never were"
_NO_LIST = "may be copies of files, for no list of mappings comes before the memory"
_NO_FILE = "may be copies of files, which are not here to compare with"
#: Whose notes tell a machine from a process; else it has physical addresses.
_MACHINES = frozenset({b"QEMU", b"VMCOREINFO"})
_PADDR, _FILESZ = attrgetter("paddr"), attrgetter("filesz")
#: Readable, writable, executable.
_PF_ANY = 7
#: Names of mappings that are shared memory, and of huge pages.
_SHMEM = ("/memfd:", "/SYSV", "/dev/zero (deleted)", "/dev/shm/")
_HUGETLB = "/anon_hugepage (deleted)"
#: Where the kernel's half of the addresses begins: of the vsyscall page.
_KERNEL_HALF = 1 << 63
#: Bytes in which zstd -d looks for zeros to make a hole of (programs/fileio.c of zstd).
_COARSE_HOLE = 1 << 15
_HOLES_TO_LOOK_AT = 1024
#: Of how many holes one is that close to the one before where they are the kernel's.
_FEW_CLOSE = 8


class CoreSource(RunSource):
    """The pages of the core file in *medium*.

    :raises TargetError: where it is a core file in name only.
    """

    def __init__(self, name: str, medium: Medium, layout: Layout) -> None:
        core = parse(medium, layout)
        is_machine = bool(core.notes.owners & _MACHINES) or any(map(_PADDR, core.loads))
        account = Account(MACHINE if is_machine else PROCESS)
        if core.missing_headers:
            reason = "the dump ends within its program headers: it was cut"
            account.leave(Why.TRUNCATED, 0, reason, what="segment", count=core.missing_headers)
        if is_machine:
            runs = _of_machine(core, account)
        else:
            runs = _OfProcess(medium, core, account).runs()
        pages = sum(map(pages_in, map(_FILESZ, core.loads)))
        if not is_machine and isinstance(medium, FileMedium):  # where holes are none
            pages = min(pages, pages_in(medium.allocated))
        super().__init__(name, medium, runs, account, pages)


def _once(core: Core, account: Account) -> Iterator[Segment]:
    """The segments without what lies in earlier ones, so that no byte of the file is read twice."""
    claimed = 0
    for segment in core.loads:
        offset, vaddr, paddr, filesz, memsz, flags = segment
        if not filesz:
            yield segment
            continue
        # A page begins where its address says, and is passed over where its beginning is not there.
        skip = (-vaddr) % PAGE_SIZE
        if skip:
            account.leave(Why.UNREADABLE, 1, "a segment begins inside a page")
        if offset + skip < claimed:
            overlap = pages_in(min(claimed, offset + filesz) - offset - skip)
            account.leave(Why.OVERLAPPING, overlap, "an earlier segment has the same bytes")
            skip += overlap * PAGE_SIZE
        claimed = max(claimed, offset + filesz)
        if skip < filesz:
            yield Segment(
                offset + skip, vaddr + skip, paddr + skip, filesz - skip, memsz - skip, flags
            )


def _of_machine(core: Core, account: Account) -> Generator[Run]:
    for segment in _once(core, account):
        rest = pages_in(segment.memsz) - pages_in(segment.filesz)
        if rest > 0:
            account.leave(Why.EXCLUDED, rest, _EXCLUDED)
        if segment.filesz:
            yield Run(segment.offset, segment.offset + segment.filesz, cut=_CUT)


class _OfProcess:
    """Tells whose the pages of a process are; a segment is one mapping."""

    def __init__(self, medium: Medium, core: Core, account: Account) -> None:
        self._core = core
        self._account = account
        self._vdso = core.notes.auxv.get(AT_SYSINFO_EHDR)
        self._knows_absent = _holes_are_exact(medium, core)

    def runs(self) -> Generator[Run]:
        """What may be pages for swap; of some only their content tells."""
        for segment in _once(self._core, self._account):
            file = self._file_at(segment.vaddr)
            if file is None:
                yield from self._anonymous(segment)
            elif file.name == _HUGETLB:
                self._leave(Why.HUGETLB, pages_in(segment.memsz), "huge pages of hugetlbfs")
            elif file.name.startswith(_SHMEM):
                yield from self._shared(segment)
            else:
                yield from self._of_file(segment, file)

    def _file_at(self, address: int) -> MappedFile | None:
        files = self._core.notes.files or []
        behind = bisect_right(files, address, key=attrgetter("start"))
        return files[behind - 1] if behind and address < files[behind - 1].end else None

    def _anonymous(self, segment: Segment) -> Iterator[Run]:
        pages = pages_in(segment.filesz)
        if segment.vaddr == self._vdso or segment.vaddr >= _KERNEL_HALF:
            self._leave(Why.FILE, pages, "the kernel's own (vdso, vsyscall)")
            return
        undumped = pages_in(segment.memsz) - pages
        if segment.flags & _PF_ANY:
            self._leave(Why.UNDUMPED, undumped, "never written, or kept out by MADV_DONTDUMP")
        else:
            self._leave(Why.ABSENT, undumped, "reserved addresses (PROT_NONE)")
        run = self._run(segment)
        if not self._knows_absent:
            run.sift = Zeros(self._account, _ZEROS)
        yield run

    def _shared(self, segment: Segment) -> Iterator[Run]:
        undumped = pages_in(segment.memsz) - pages_in(segment.filesz)
        self._leave(Why.UNDUMPED, undumped, "shared, and kept out by coredump_filter")
        run = self._run(segment)
        run.sift = Zeros(self._account, _ZEROS)  # what was a hole in it the kernel dumps as zeros
        yield run

    def _of_file(self, segment: Segment, file: MappedFile) -> Iterator[Run]:
        pages = pages_in(segment.filesz)
        self._leave(Why.FILE, pages_in(segment.memsz) - pages, "of files, and not dumped")
        if pages == 1 and file.offset == 0 and not segment.flags & PF_W:
            self._leave(Why.FILE, 1, "first pages of ELF files, dumped to tell which ones")
            return
        run = self._run(segment)
        at = file.offset + segment.vaddr - file.start
        with CleanPages(self._account, file.name, at - segment.offset) as clean:
            if clean.can_tell:
                run.sift = clean
            else:
                run.doubt = _NO_FILE
            yield run

    def _run(self, segment: Segment) -> Run:
        run = Run(segment.offset, segment.offset + segment.filesz, cut=_CUT)
        run.holes = (Why.ABSENT, _NEVER) if self._knows_absent else (Why.ZERO, _ZEROS)
        if self._core.notes.files is None:
            run.doubt = _NO_LIST
        return run

    def _leave(self, why: Why, pages: int, reason: str) -> None:
        if pages > 0:
            self._account.leave(why, pages, reason, what="mapping")


def _holes_are_exact(medium: Medium, core: Core) -> bool:
    """Whether holes of the file are just the pages that the kernel did not find.

    zstd -d, too, leaves holes where there were zeros, but one in 32 KiB at most, of whatever size.
    """
    if not isinstance(medium, FileMedium) or medium.allocated == medium.size:
        return False
    holes = close = 0
    before = -_COARSE_HOLE
    for segment in core.loads:
        if holes >= _HOLES_TO_LOOK_AT:
            break
        at, end = segment.offset, segment.offset + segment.filesz
        while at < end and segment.offset % PAGE_SIZE == 0 and holes < _HOLES_TO_LOOK_AT:
            _, hole = medium.data(at, end)
            if hole < end:
                holes += 1
                close += hole - before < _COARSE_HOLE
                before = hole
            at = max(at + PAGE_SIZE, hole)
    return close * _FEW_CLOSE > holes
