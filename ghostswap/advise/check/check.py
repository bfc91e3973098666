# SPDX-License-Identifier: GPL-2.0-or-later
"""A prediction beside what a host has now: how near it came, and what made it differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ghostswap import kernels
from ghostswap.advise import now
from ghostswap.advise.check import reasons
from ghostswap.advise.check.figures import LEAST, Figures, figures
from ghostswap.advise.check.prediction import Prediction
from ghostswap.advise.check.reasons import Reason
from ghostswap.advise.now import Value
from ghostswap.errors import GhostswapError
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zram import ZramDevice
from ghostswap.page import PAGE_SIZE

#: The first that holds: a setting is another; the pool is nearly empty; figures are others.
Verdict = Literal["not-as-advised", "too-early", "off", "as-predicted"]


class Held(NamedTuple):
    """A setting: what was advised, and what it is now."""

    name: str
    value: int | str
    now: Value
    is_kept: bool


class Check(NamedTuple):
    """All that there is to say."""

    prediction: Prediction
    verdict: Verdict
    figures: Figures
    settings: tuple[Held, ...]
    reasons: tuple[Reason, ...]


def check(prediction: Prediction, seen: Status, *, boot: str, applied: bool, device: str) -> Check:
    """Set *prediction* beside *seen*.

    :param boot: which boot it is now; counters of another one began anew.
    :param applied: whether apply.sh has run, and undo.sh not since.
    :param device: name of the zram device that it made; ``""`` where nobody tells.
    :raises GhostswapError: where the prediction is by the rules of another kernel.
    """
    rules, _ = kernels.running(seen.kernel)
    if prediction.kernel in kernels.RELEASES and rules.name != prediction.kernel:
        raise GhostswapError(
            f"the prediction is by the rules of Linux {prediction.kernel}, and here is"
            f" {seen.kernel or 'another'}",
            "predict anew: 'ghostswap advise --emit DIR'",
        )
    zram = _device(prediction, seen, device)
    found = figures(prediction, seen, zram, same_boot=boot == prediction.boot)
    held = tuple(_held(prediction, seen, zram))
    why = (
        *reasons.of_settings(prediction, seen, zram, held, applied=applied),
        *reasons.of_figures(prediction, seen, found),
        *reasons.of_the_host(prediction, seen, zram, found),
    )
    return Check(prediction, _verdict(found, why), found, held, why)


def _verdict(found: Figures, why: tuple[Reason, ...]) -> Verdict:
    breaks = {reason.breaks for reason in why}
    if "advice" in breaks:
        return "not-as-advised"
    if found.stored < LEAST:
        return "too-early"
    return "off" if "figures" in breaks else "as-predicted"


def _device(prediction: Prediction, seen: Status, name: str) -> ZramDevice | None:
    """The zram device in question: the one that was made, else the first of that size, or any."""
    if not prediction.is_zram:
        return None
    ranked = sorted(
        seen.zram, key=lambda one: (one.name != name, one.disksize != prediction.size_bytes)
    )
    return ranked[0] if ranked else None


def _held(prediction: Prediction, seen: Status, device: ZramDevice | None) -> Iterator[Held]:
    there = now.settings(seen, prediction.design, device)
    for one in prediction.settings:
        value = there.get(one.name)
        kept = value == one.value
        if one.name == "area":
            if prediction.design != "classic":
                continue  # nobody tells what of an area is a ghost
            # /proc/swaps leaves the header's page out.
            pages = sum(area.on_disk for area in seen.active)
            kept = (
                isinstance(one.value, int)
                and isinstance(value, int)
                and (value + pages * PAGE_SIZE >= one.value)
            )
        yield Held(one.name, one.value, value, kept)
