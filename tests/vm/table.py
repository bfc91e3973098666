# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers beside predictions, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

#: What a kernel says to one question.
Value = int | str | None

#: How far from the kernel a number may lie that is no exact one, as a share of it.
NEAR = 0.03
HEAD = ("kernel", "asked", "questions", "equal", "near", "worst")


@dataclass(frozen=True)
class Answer:
    """One question, and both answers.

    :ivar exact: the prediction claims to be the kernel's very number.
    :ivar band: least and most that the prediction leaves to chance.
    """

    kernel: str
    asked: str
    name: str
    predicted: Value
    found: Value
    exact: bool = True
    band: tuple[int, int] | None = None

    @property
    def equal(self) -> bool:
        return self.predicted == self.found

    @property
    def off(self) -> float | None:
        """How far the prediction is from the kernel, as a share of what that said; if it is one."""
        if not isinstance(self.predicted, int) or not isinstance(self.found, int):
            return None
        return (self.predicted - self.found) / self.found if self.found else None

    @property
    def near(self) -> bool:
        """Whether it is as near as it claims: equal, or within 3 % or the band."""
        if self.equal:
            return True
        if self.exact or not isinstance(self.found, int) or self.off is None:
            return False
        inside = self.band is not None and self.band[0] <= self.found <= self.band[1]
        return inside or abs(self.off) <= NEAR

    def __str__(self) -> str:
        where = f"{self.kernel} {self.asked} {self.name}"
        return f"{where}: predicted {self.predicted}, the kernel said {self.found}"


def counters(
    kernel: str,
    asked: str,
    name: str,
    predicted: Mapping[str, int],
    found: Mapping[str, int],
    *,
    exact: bool = True,
) -> Iterator[Answer]:
    """A question for each counter that both sides have."""
    for counter in predicted:
        if counter in found:
            values = (predicted[counter], found[counter])
            yield Answer(kernel, asked, f"{name} {counter}", *values, exact=exact)


def rows(answers: Iterable[Answer]) -> list[tuple[str, ...]]:
    """A row for each kernel and subject, in the order in which they come."""
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.kernel, answer.asked), []).append(answer)
    return [
        (
            *key,
            str(len(group)),
            str(sum(answer.equal for answer in group)),
            str(sum(answer.near for answer in group)),
            _worst(group),
        )
        for key, group in groups.items()
    ]


def _worst(group: list[Answer]) -> str:
    """The name of what is furthest off, and how far."""
    different = [answer for answer in group if not answer.equal]
    if not different:
        return "-"
    plain = [answer for answer in different if answer.off is None]
    if plain:
        return plain[0].name
    worst = max(different, key=lambda answer: abs(answer.off or 0))
    return f"{worst.name} {worst.off:+.1%}"


def text(answers: Iterable[Answer]) -> str:
    """The table, for a terminal."""
    lines = [HEAD, *rows(answers)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    numbers = range(2, 5)
    return "".join(
        "  ".join(
            cell.rjust(widths[column]) if column in numbers else cell.ljust(widths[column])
            for column, cell in enumerate(line)
        ).rstrip()
        + "\n"
        for line in lines
    )
