# SPDX-License-Identifier: GPL-2.0-or-later
"""What a key is: one knob, the values that it takes, who offers it, what it matters to."""

from __future__ import annotations

from enum import Flag, auto
from typing import Literal, NamedTuple

from ghostswap.scenario.kinds import Kind

#: Stands for the name of any group.
NAME = "NAME"


class Run(Flag):
    """What is done with a host."""

    STORE = auto()  # all memory is stored once
    REPLAY = auto()  # it is written once, then touched under limits


BOTH = Run.STORE | Run.REPLAY
#: Sections of a help text.
Section = Literal["Source", "Design", "Machine"]


class Key(NamedTuple):
    """One knob.

    :ivar name: with dots, as TOML joins them, :data:`NAME` standing for a group's.
    :ivar help: one sentence, which starts with what it is.
    :ivar section: of the help text.
    :ivar option: its name on the command line; ``""`` where only ``--set`` has it.
    :ivar switch: what an option without a value means.
    :ivar option_kind: what the option takes, if that is another kind.
    :ivar shown: commands whose help lists the option; others have it all the same.
    :ivar default: in words; ``""`` where nothing is set.
    :ivar runs: it matters to.
    :ivar part: of the kernel that a design may lack, and the key is nothing without.
    :ivar needs_v2: only version 2 of cgroups has it.
    """

    name: str
    kind: Kind
    help: str
    section: Section = "Machine"
    option: str = ""
    switch: bool | None = None
    option_kind: Kind | None = None
    shown: frozenset[str] = frozenset()
    default: str = ""
    runs: Run = BOTH
    part: Literal["zswap", "zram"] | None = None
    needs_v2: bool = False

    @property
    def of_option(self) -> Kind:
        """What the option takes."""
        return self.option_kind or self.kind

    @property
    def parameter(self) -> str:
        """The option's name as an argument of a function."""
        return self.name.replace(".", "__")
