# SPDX-License-Identifier: GPL-2.0-or-later
"""All advice for one memory: the options, which is best, what to set, what others would set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ghostswap.advise import defaults, options, sizes
from ghostswap.advise.defaults import DEFAULTS, DefaultOutcome
from ghostswap.advise.goal import GOALS, Goal, Weights
from ghostswap.advise.needs.groups import GroupLimits, limits
from ghostswap.advise.needs.hibernation import Hibernation, hibernation
from ghostswap.advise.needs.work import Work
from ghostswap.advise.options import Option, Place
from ghostswap.advise.sizes import OtherSize, Setting
from ghostswap.study.outcome import Outcome


class Advice(NamedTuple):
    """What to do, and why.

    :ivar source: whose memory it is, and
    :ivar memory: bytes in question.
    :ivar ranked: all options, the best first.
    :ivar settings: for the best.
    :ivar others: what other sizes would do.
    :ivar defaults: what distributions would do.
    :ivar hibernation: what that takes with the best.
    :ivar limits: of what its groups have in zswap.
    :ivar work: that touches the memory; ``None`` where none was named.
    """

    place: Place
    source: str
    memory: int
    goal: Goal
    ranked: tuple[Option, ...]
    settings: tuple[Setting, ...]
    others: tuple[OtherSize, ...]
    defaults: tuple[DefaultOutcome, ...]
    hibernation: Hibernation
    limits: GroupLimits
    work: Work | None

    @property
    def choice(self) -> Option:
        return self.ranked[0]

    @property
    def weights(self) -> Weights:
        return GOALS[self.goal]

    def score(self, option: Option) -> float:
        """What *option* is worth."""
        return option.score(self.weights, seeks=self.place.seeks)

    @property
    def without_work(self) -> Option:
        """What the choice would be where nobody knew what touches the memory."""
        found = [replace(option, wait_us=None) for option in self.ranked]
        return next(options.ranked(found, self.weights, seeks=self.place.seeks))


def make(
    place: Place,
    source: str,
    found: Sequence[Option],
    goal: Goal,
    groups: Callable[[Option], Sequence[tuple[str, Outcome]]],
    work: Work | None,
) -> Advice:
    """Judge the options that were *found*, of which there is one at least.

    :param source: whose memory it is, a name.
    :param groups: of that memory, each with what it comes to in an option.
    :param work: that touches it.
    """
    if work is not None:
        found = [replace(option, wait_us=work.wait_us(option)) for option in found]
    ranked = tuple(options.ranked(found, GOALS[goal], seeks=place.seeks))
    choice = ranked[0]
    settings = sizes.settings(place, choice, found)
    return Advice(
        place,
        source,
        choice.memory,
        goal,
        ranked,
        settings,
        sizes.other_sizes(place, choice),
        tuple(_defaults(place, found)),
        hibernation(place, choice),
        limits(place, choice, settings, groups(choice)),
        work,
    )


def _defaults(place: Place, found: Sequence[Option]) -> list[DefaultOutcome]:
    zram = {one.compressor: one for one in found if one.design == "zram"}
    memory = found[0].memory
    outcomes = []
    for rule in DEFAULTS:
        size = rule.size(place.ram, place.seen.room.free)
        if rule.design == "disk":
            outcomes.append(defaults.of_disk(rule, place.kernel.name, memory, size))
            continue
        option = zram.get(rule.compressor)
        freed = None if option is None else option.freed_at(memory, size)
        outcomes.append(DefaultOutcome(rule, size, min(memory, size), freed, 0))
    return outcomes
