# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a prediction did not hold, or what it did not know of: each reason with its figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ghostswap.advise.check.figures import LEAST, NEAR, Figures, limits_hit
from ghostswap.advise.check.prediction import Prediction
from ghostswap.advise.finding import named
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zram import ZramDevice
from ghostswap.live.seen.zswap import REFUSALS
from ghostswap.units import format_size, printable

if TYPE_CHECKING:
    from ghostswap.advise.check.check import Held

#: Settings in bytes.
IN_BYTES = ("area", "disksize", "mem_limit")
#: Less than this part of the memory in question says little.
_LITTLE = 0.5


class Reason(NamedTuple):
    """One cause.

    :ivar id: its name for programs.
    :ivar breaks: what does not hold for it: what was advised is not so, figures are not those
        predicted, or nothing of both.
    :ivar what: is so, a clause.
    :ivar why: it matters.
    """

    id: str
    breaks: Literal["advice", "figures", ""]
    what: str
    why: str


def shown(name: str, value: int | str | None) -> str:
    """The value of a setting for a person."""
    if value is None:
        return "not there"
    if name in IN_BYTES and isinstance(value, int) and value:
        return format_size(value)
    return printable(str(value))


def per_cent(share: float) -> str:
    """A part of 1 for a person."""
    return f"{100 * share:.0f} %"


def of_settings(
    prediction: Prediction,
    seen: Status,
    device: ZramDevice | None,
    held: Sequence[Held],
    *,
    applied: bool,
) -> Iterator[Reason]:
    """What is not so as it was advised."""
    others = [one for one in held if not one.is_kept]
    is_off = _area_is_off(prediction, seen, device)
    if (others or is_off) and not applied:
        yield Reason(
            "not-applied",
            "advice",
            "apply.sh has not run, or undo.sh has since",
            "what was predicted is for what it sets",
        )
    if is_off:
        name = printable(prediction.area) if prediction.area else "a swap area on zram"
        yield Reason("area-off", "advice", f"{name} is not on", "nothing leaves that way")
    before = {one.name: one.before for one in prediction.settings}
    for one in others:
        is_old = before[one.name] == one.now
        if (is_old and not applied) or (is_off and one.now is None):
            continue
        why = "somebody has set it since"
        if one.now is None:
            why = "there is none, or it cannot be seen here"
        elif is_old:
            why = "it is what it was before: nothing has set it since boot, or somebody set it back"
        if one.name == "compressor":
            why += "; pages that leave are compressed with it"
        yield Reason(
            "setting",
            "advice",
            f"{one.name} is {shown(one.name, one.now)}, and {shown(one.name, one.value)} was"
            " advised",
            why,
        )


def _area_is_off(prediction: Prediction, seen: Status, device: ZramDevice | None) -> bool:
    paths = {area.path for area in seen.active}
    if prediction.is_zram:
        return device is None or f"/dev/{device.name}" not in paths
    return bool(prediction.area) and prediction.area not in paths


def of_figures(prediction: Prediction, seen: Status, found: Figures) -> Iterator[Reason]:
    """What came otherwise, as far as there is something in the pool."""
    if found.stored >= LEAST and not found.pool_is_near:
        predicted = prediction.stored_bytes / prediction.pool_bytes if prediction.pool_bytes else 0
        better = "better" if found.ratio > predicted else "worse"
        why = "what has left is other memory than what was measured"
        earlier = next((one for one in prediction.settings if one.name == "compressor"), None)
        if earlier is not None and earlier.before not in (None, earlier.value):
            why += f"; and what left before is compressed with {shown('', earlier.before)} still"
        yield Reason(
            "ratio",
            "figures",
            f"memory compresses {better}: {found.ratio:.2f} to 1, and {predicted:.2f} was"
            " predicted",
            why,
        )
    if found.refused and found.refused_share > found.refused_predicted + NEAR / 2:
        said = ", ".join(f"{name} {count:,}" for name, count in found.refused.items())
        causes = (REFUSALS.get(name, "there was no room in it") for name in found.refused)
        yield Reason(
            "refused",
            "figures",
            f"{per_cent(found.refused_share)} of the pages that came were refused ({said}), and"
            f" {per_cent(found.refused_predicted)} were predicted",
            "; ".join(causes),
        )
    elsewhere = found.stored_predicted - found.stored
    if not prediction.is_zram and elsewhere > NEAR * found.left and found.left:
        why = "they were written back" if found.written_back else "they are zeros, were refused"
        yield Reason(
            "not-in-pool",
            "figures",
            f"{format_size(elsewhere)} of what has left should be in the pool, and are not",
            f"{why}, or left before zswap was on or by another way",
        )
    zswap = None if prediction.is_zram else seen.zswap
    if zswap is not None and zswap.pool >= zswap.limit and limits_hit(found):
        yield Reason(
            "pool-limit",
            "figures",
            f"the pool has {format_size(zswap.pool)}, which is all that it may have",
            "what comes now displaces the coldest, or goes past it",
        )


def of_the_host(
    prediction: Prediction, seen: Status, device: ZramDevice | None, found: Figures
) -> Iterator[Reason]:
    """What else is not as it was assumed; figures may hold all the same."""
    share = found.left / prediction.memory_bytes
    memory = format_size(prediction.memory_bytes)
    if share < _LITTLE:
        yield Reason(
            "less-left",
            "",
            f"{format_size(found.left)} have left, {per_cent(share)} of the {memory} that may",
            "less is freed than if all of it had to leave",
        )
    elif share > 1 + NEAR:
        yield Reason(
            "more-left",
            "",
            f"{format_size(found.left)} have left, and {memory} were in question",
            f"there is room for {format_size(prediction.size_bytes)}",
        )
    known = {prediction.area, *prediction.areas}
    for area in seen.active:
        if device is not None and area.path == f"/dev/{device.name}":
            continue
        if area.path not in known:
            yield Reason(
                "other-area",
                "advice" if area.medium == "zram" else "",
                f"{named(area)} is on too, {format_size(area.used)} of it used",
                _other(prediction, area.medium),
            )
    if found.written_back:
        yield Reason(
            "written-back",
            "",
            f"{found.written_back:,} pages were written back from the pool to a disk",
            "they are freed in full, and slower to come back",
        )
    if limits_hit(found) and found.refused_share <= found.refused_predicted + NEAR / 2:
        yield Reason(
            "refused-some",
            "",
            f"{limits_hit(found):,} of {found.tried:,} pages found no room in the pool",
            "too few to matter so far",
        )
    if seen.ram and seen.ram != prediction.ram:
        yield Reason(
            "memory",
            "",
            f"the machine has {format_size(seen.ram)} of memory, and {format_size(prediction.ram)}"
            " were assumed",
            "limits in per cent are of it",
        )
    if seen.kernel != prediction.release:
        yield Reason(
            "release",
            "",
            f"Linux {printable(seen.kernel)} runs, and {printable(prediction.release)} ran then",
            f"the rules are those of {prediction.kernel} still",
        )


def _other(prediction: Prediction, medium: str) -> str:
    if prediction.is_zram:
        return "what goes there is not in zram, and not counted here"
    if medium == "zram":
        return "zswap before zram compresses twice, and two pools take memory"
    return "what goes there passes zswap too, and is counted here"
