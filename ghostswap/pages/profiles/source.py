# SPDX-License-Identifier: GPL-2.0-or-later
"""A profile in place of memory: what its pages measure as, where nobody has them any more."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn

from ghostswap.errors import UsageError
from ghostswap.pages.source import Account, Why
from ghostswap.units import printable

if TYPE_CHECKING:
    from ghostswap.pages.profiles.format import Group


#: What the key of a compressor has behind its name where kernels differ: a version, and a hint.
_VERSION = re.compile(r"-\d+(\.\d+)+-\d+$")


def _cure(keys: list[str], key: str) -> str:
    """What to do where a profile has *keys*, and not *key*."""
    name = _VERSION.sub("", key)
    known = list(dict.fromkeys(_VERSION.sub("", one) for one in keys))
    known.sort(key=lambda one: one not in keys)  # what all kernels have alike comes first
    choose = f"choose --compressor {printable(known[0])}"
    if known[0] not in keys:
        choose += " with the --kernel it is of"
    if name in known:
        choose = f"its {name} is that of another kernel: choose that by --kernel"
    return f"{choose}, or make a profile: ghostswap profile --compressor {name} -o FILE"


class ProfileSource:
    """The pages that the profile in *data* was made of; *name* is the user's for it.

    :ivar profile: what is in it.
    :raises TargetError: where it is newer, or was changed.
    """

    def __init__(self, name: str, data: bytes) -> None:
        # Construct takes its time, and those who only ask whether a source is one have none.
        from ghostswap.pages.profiles.format import parse

        self.name = name
        self.profile = parse(name, data)
        self.pages: int | None = sum(group.population for group in self.profile.groups)
        self.account = Account(", ".join(dict.fromkeys(g.memory for g in self.profile.groups)))
        known = set(Why)
        for group in self.profile.groups:
            self.account.read += group.kept
            for why, pages in group.left.items():
                if why in known:
                    self.account.leave(Why(why), pages, f"{why} when the profile was made")

    def column(self, key: str) -> int:
        """Which column is that of the compressor *key*.

        :raises UsageError: where there is none.
        """
        keys = [column.key for column in self.profile.columns]
        if key not in keys:
            raise UsageError(
                f"{printable(self.name)}: a profile of {', '.join(map(printable, keys))},"
                f" and not of {key}",
                _cure(keys, key),
            )
        return keys.index(key)

    def error(self, key: str) -> str:
        """How far measures by *key* may be from the kernel's, ``""`` where they are equal."""
        return self.profile.columns[self.column(key)].error

    def groups(self) -> list[Group]:
        """What it has of each source."""
        return [group for group in self.profile.groups if group.kept]

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"{printable(self.name)}: a profile has what pages measure as, and no pages",
            "simulate, replay and compare can do with that",
        )

    def readinto(self, buffer: memoryview) -> int:  # noqa: ARG002
        """None can be read.

        :raises UsageError: always.
        """
        self._refuse()

    def skip(self, pages: int) -> int:  # noqa: ARG002
        """Nor passed over; see :meth:`readinto`."""
        self._refuse()

    def read_one(self, page: memoryview) -> bool | None:  # noqa: ARG002
        """Nor drawn; see :meth:`readinto`."""
        self._refuse()

    def weigh(self, weight: Fraction) -> None:
        """Nothing is left that was not left before."""

    def __enter__(self) -> ProfileSource:
        return self

    def __exit__(self, *exc: object) -> None: ...
