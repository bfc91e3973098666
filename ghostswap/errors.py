# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that ghostswap raises: one small tree, each knowing its exit code."""

from __future__ import annotations

import os

#: How the empty name is shown.
EMPTY = '""'


class GhostswapError(Exception):
    """Something was refused or failed: one sentence, and what to do next.

    :param message: what is wrong and where, one sentence without a full stop.
    :param hint: what the user can do about it, or ``""``.
    """

    #: The exit status that the command line ends with.
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """So that it passes from one process to another, as whatever class it is."""
        return _made_again, (type(self), self.args), self.__dict__


def _made_again(kind: type[GhostswapError], args: tuple[object, ...]) -> GhostswapError:
    """An error whose attributes are still to be set."""
    error = kind.__new__(kind)
    error.args = args
    return error


class UsageError(GhostswapError):
    """The call itself is wrong: options that contradict each other, values out of range."""

    exit_code = 2


class TargetError(GhostswapError):
    """A file, device or process cannot be used for what was asked.

    :param path: the target as the user named it.
    :param reason: what is wrong with it.
    :param errno: the system's error number where a system call said so, else ``None``.
    """

    def __init__(self, path: str, reason: str, hint: str = "", errno: int | None = None) -> None:
        super().__init__(f"{path or EMPTY}: {reason}", hint)
        self.path = path
        self.reason = reason
        self.errno = errno

    @classmethod
    def from_os(cls, path: str, error: OSError, doing: str = "") -> TargetError:
        """The error of a system call on *path*, in the system's words."""
        said = os.strerror(error.errno) if error.errno else str(error)
        return cls(path, f"{doing}: {said}" if doing else said, errno=error.errno)
