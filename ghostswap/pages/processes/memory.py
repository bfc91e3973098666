# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of one process, read where it is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.capabilities import command, lacking
from ghostswap.pages.processes.smaps import Mapping, parse_smaps
from ghostswap.pages.source import Account, Why

#: Errors that say that a process may not be read.
REFUSALS = frozenset({errno.EACCES, errno.EPERM})
#: Errors that say that it has ended.
GONE = frozenset({errno.ENOENT, errno.ESRCH})

#: An address that no process has, so that reading there touches nothing.
_NOWHERE = 1 << 62


def statm(path: str, dir_fd: int | None = None) -> tuple[int, int]:
    """Read /proc/PID/statm, as everybody may.

    :return: pages of address space, 0 for kernel threads and zombies; anonymous pages in memory.
    """
    with open(os.open(path, os.O_RDONLY, dir_fd=dir_fd)) as file:
        size, resident, shared, *_ = map(int, file.read().split())
    return size, resident - shared


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Turn what the kernel says on opening a process into a TargetError."""
    try:
        yield
    except FileNotFoundError as error:
        raise TargetError(name, "no such process", errno=error.errno) from error
    except ProcessLookupError as error:
        raise TargetError(
            name,
            "has no memory of its own (a kernel thread, or a process that has ended)",
            errno=error.errno,
        ) from error
    except OSError as error:
        if error.errno not in REFUSALS:
            raise TargetError.from_os(name, error) from error
        reason = "this user may not read its memory"
        raise TargetError(name, reason, _cure(name.removeprefix("pid:")), error.errno) from error


def _cure(pid: str) -> str:
    """What would let this user read process *pid*."""
    missing = lacking(pid) if os.geteuid() == 0 else []
    if not missing:
        return (
            "run as the user it belongs to, or as root (CAP_SYS_PTRACE), "
            "which a /proc/sys/kernel/yama/ptrace_scope other than 0 demands"
        )
    shown = ", ".join(missing[:3]) + (", …" if missing[3:] else "")
    return (
        f"{command(pid)} ({pid}) holds {shown}, which root lacks here:"
        " run with the same capabilities, or with CAP_SYS_PTRACE"
    )


class Memory:
    """The memory of process *pid*.

    :ivar name: ``pid:1234``.
    :ivar pagemap: a file descriptor.
    :raises TargetError: where there is no such process, or the rules of ptrace(2) refuse it.
    """

    def __init__(self, pid: int) -> None:
        self.name = f"pid:{pid}"
        with in_words(self.name), ExitStack() as stack:

            def open_fd(path: str, flags: int, dir_fd: int | None = None) -> int:
                fd = os.open(path, flags, dir_fd=dir_fd)
                stack.callback(os.close, fd)
                return fd

            # All through one directory, and so of one process even if its pid is used again.
            self._proc = open_fd(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY)
            if not statm("statm", self._proc)[0]:
                raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
            self._mem = open_fd("mem", os.O_RDONLY, self._proc)
            self.pagemap = open_fd("pagemap", os.O_RDONLY, self._proc)
            self._close = stack.pop_all().close

    def text(self, name: str) -> str:
        """The text of one of its files in /proc.

        :raises TargetError: as the class.
        """
        with in_words(self.name):
            fd = os.open(name, os.O_RDONLY, dir_fd=self._proc)
            with open(fd, errors="replace", newline="\n") as file:
                return file.read()

    def tell(self, name: str, text: str) -> None:
        """Write *text* to one of its files in /proc.

        :raises TargetError: as the class.
        """
        with in_words(self.name):
            fd = os.open(name, os.O_WRONLY, dir_fd=self._proc)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)

    def mappings(self) -> list[Mapping]:
        """Its private mappings.

        :raises TargetError: as the class.
        """
        return list(parse_smaps(self.text("smaps").split("\n")))

    def read(self, runs: list[pagemap.Run], view: memoryview, account: Account) -> int:
        """Read the pages in *runs* that are still there, one behind the other; return their bytes.

        Not by process_vm_readv(2), which is faster with lone pages: it pins them, for which the
        kernel first gives the process copies of those that it shares after fork(2) or by KSM.

        :param view: of as many bytes as they have.
        :param account: where to count those that are not.
        """
        filled = 0
        for start, end in runs:
            while start < end:
                try:
                    got = os.preadv(self._mem, [view[filled : filled + end - start]], start)
                except OSError:
                    reason = "unmapped, or found broken, before it was read"
                    account.leave(Why.UNREADABLE, 1, reason, what="page", met=True)
                    start += PAGE_SIZE
                    continue
                if not got:  # the process has ended
                    return filled
                filled += got
                start += got
        return filled

    @property
    def has_ended(self) -> bool:
        """Whether its memory reads as empty."""
        try:
            return os.pread(self._mem, 1, _NOWHERE) == b""
        except OSError:  # EIO: it lives
            return False

    def close(self) -> None:
        """Close its files."""
        self._close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()
