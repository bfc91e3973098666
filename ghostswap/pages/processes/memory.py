# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of one process, read in pieces from wherever they are."""

from __future__ import annotations

import ctypes
import errno
import os
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ghostswap.errors import TargetError
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.smaps import Mapping, parse_smaps
from ghostswap.pages.source import PAGE_SIZE, Account, Why

#: Errors that say that a process may not be read.
REFUSALS = frozenset({errno.EACCES, errno.EPERM})
#: Errors that say that it has ended.
GONE = frozenset({errno.ENOENT, errno.ESRCH})

#: An address that no process has, so that reading there touches nothing.
_NOWHERE = 1 << 62
_IOV_MAX = 1024
#: What filters of system calls answer.
_NO_SUCH_CALL = frozenset({errno.ENOSYS, errno.EPERM})
_libc = ctypes.CDLL(None, use_errno=True)
_libc.process_vm_readv.restype = ctypes.c_ssize_t


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
        raise TargetError(
            name,
            "this user may not read its memory",
            "run as the user it belongs to, or as root (CAP_SYS_PTRACE), "
            "which a /proc/sys/kernel/yama/ptrace_scope other than 0 demands",
            error.errno,
        ) from error


class Memory:
    """The memory of process *pid*.

    :ivar name: ``pid:1234``.
    :ivar pagemap: a file descriptor.
    :raises TargetError: where there is no such process, or the rules of ptrace(2) refuse it.
    """

    def __init__(self, pid: int) -> None:
        self.name = f"pid:{pid}"
        self._pid = pid
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
            # Not where numbers of processes are others there: /proc of another namespace.
            self._reads_many = os.readlink("/proc/self") == str(os.getpid())
            self._close = stack.pop_all().close

    def text(self, name: str) -> str:
        """The text of one of its files in /proc.

        :raises TargetError: as the class.
        """
        with in_words(self.name):
            fd = os.open(name, os.O_RDONLY, dir_fd=self._proc)
            with open(fd, errors="replace", newline="\n") as file:
                return file.read()

    def mappings(self) -> list[Mapping]:
        """Its private mappings.

        :raises TargetError: as the class.
        """
        return list(parse_smaps(self.text("smaps").split("\n")))

    def read(self, runs: list[pagemap.Run], view: memoryview, account: Account) -> int:
        """Read the pages in *runs* that are still there, one behind the other; return their bytes.

        :param view: of as many bytes as they have.
        :param account: where to count those that are not.
        """
        filled = 0
        rest = runs[::-1]  # the next one last
        while rest:
            got = self._read_many(rest, view[filled:]) if self._reads_many else 0
            filled += got
            pagemap.take(rest, got)
            if not rest or got:
                continue
            # One page that process_vm_readv(2) does not read: PROT_NONE, or gone.
            address, end = rest[-1]
            size = PAGE_SIZE if self._reads_many else end - address
            try:
                got = os.preadv(self._mem, [view[filled : filled + size]], address)
            except OSError:
                account.leave(
                    Why.UNREADABLE, 1, "unmapped, or found broken, before it was read", what="page"
                )
                pagemap.take(rest, PAGE_SIZE)
                continue
            if not got:  # the process has ended
                break
            filled += got
            pagemap.take(rest, got)
        return filled

    def _read_many(self, rest: list[pagemap.Run], view: memoryview) -> int:
        """Read from as many runs as one call takes, up to the first page that it does not read."""
        remote = array("Q")
        size = 0
        for start, end in reversed(rest[-_IOV_MAX:]):
            remote.extend((start, end - start))
            size += end - start
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
        local = array("Q", (address, size))
        got: int = _libc.process_vm_readv(
            self._pid,
            ctypes.c_void_p(local.buffer_info()[0]),
            ctypes.c_ulong(1),
            ctypes.c_void_p(remote.buffer_info()[0]),
            ctypes.c_ulong(len(remote) // 2),
            ctypes.c_ulong(0),
        )
        if got < 0 and ctypes.get_errno() in _NO_SUCH_CALL:
            self._reads_many = False
        # It goes by the number, which may be another's by now.
        return max(0, got) // PAGE_SIZE * PAGE_SIZE if self._is_there() else 0

    def _is_there(self) -> bool:
        try:
            os.stat("statm", dir_fd=self._proc)
        except OSError:
            return False
        return True

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
