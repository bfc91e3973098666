# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a host, each of which may be missing, and some of which only root may read."""

from __future__ import annotations

import os
from collections.abc import Iterator


class Tree:
    """The files below the directory that stands for ``/``.

    :param root: that directory; ``""`` for the running host.
    :ivar barred: paths that are there and could not be read, with what the system said.
    """

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")
        self.barred: dict[str, str] = {}

    def path(self, path: str) -> str:
        """Where *path*, which starts with ``/``, is to be opened."""
        return self.root + path

    def text(self, path: str) -> str | None:
        """What the file holds, without blanks around it; ``None`` where it cannot be read."""
        try:
            with open(self.path(path), encoding="utf-8", errors="surrogateescape") as file:
                return file.read().strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.bar(path, os.strerror(error.errno or 0))
            return None

    def bar(self, path: str, said: str) -> None:
        """Note that *path* could not be read, in the system's words."""
        self.barred[path] = said

    def word(self, path: str) -> str:
        """What the file holds; ``""`` where it cannot be read."""
        return self.text(path) or ""

    def number(self, path: str) -> int | None:
        """The number that the file holds; ``None`` where it holds none, or cannot be read."""
        return number(self.word(path))

    def numbers(self, path: str) -> dict[str, int]:
        """The numbers that have names, a line each; those in kB as bytes.

        As in /proc/meminfo, /proc/vmstat, memory.stat and memory.events.
        """
        found = {}
        for line in self.word(path).splitlines():
            words = line.replace(":", " ").split()
            value = number(words[1]) if len(words) > 1 else None
            if value is not None:
                found[words[0]] = value * 1024 if words[2:] == ["kB"] else value
        return found

    def lines(self, path: str) -> Iterator[str]:
        """Lines of a configuration file that say something."""
        for line in self.word(path).splitlines():
            if line.strip() and line.strip()[0] not in "#;":
                yield line.strip()

    def names(self, directory: str) -> list[str]:
        """What is in the directory, sorted; nothing where it cannot be read."""
        try:
            return sorted(os.listdir(self.path(directory)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.bar(directory, os.strerror(error.errno or 0))
            return []

    def exists(self, path: str) -> bool:
        """Whether there is such a file, a link that leads nowhere among them."""
        return os.path.lexists(self.path(path))


def number(text: str) -> int | None:
    """A whole number in decimal digits; ``None`` for any other text."""
    return int(text) if text.isdecimal() and text.isascii() else None
