# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures drawn by matplotlib: to be told apart without colours, and of the same bytes each time.

A user's own matplotlibrc has no say, and no window is opened.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

from ghostswap.errors import GhostswapError
from ghostswap.page import PAGE_SIZE
from ghostswap.pictures.figures import (
    BIN,
    Advised,
    Figure,
    Freed,
    Lengths,
    MissRatio,
    OverTime,
)
from ghostswap.units import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

#: What would differ from one time to the next, or tells nothing.
_METADATA: Mapping[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}
#: Of Okabe and Ito's palette, which the colour-blind can tell apart: from dark to light in print.
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_HATCHES = ("", "////", "..", "\\\\\\\\", "xxx", "---", "++", "o", "|||")
_MARKERS = "osD^vPX*<>"
_DASHES = ("-", "--", "-.", ":")
_WIDTH = 7.2  # inches
_TITLE = 96  # characters in a line
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def check_installed() -> None:
    """Refuse to go on where nothing could be drawn.

    :raises GhostswapError: where matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise GhostswapError(
            "pictures are drawn by matplotlib, which is not installed",
            "install it: pip install 'ghostswap[plot]'",
        )


def draw(figure: Figure, kind: str) -> bytes:
    """*figure* as a file of one of the kinds that :mod:`ghostswap.pictures.kinds` has.

    :raises GhostswapError: where matplotlib is not installed.
    """
    check_installed()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its caches are not our user's matter
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that its fonts do not have
        matplotlib.rcdefaults()
        matplotlib.rc("axes", grid=True, axisbelow=True)
        matplotlib.rc("axes.spines", top=False, right=False)
        matplotlib.rc("font", size=9.0)
        matplotlib.rc("grid", color="0.85")
        matplotlib.rc("hatch", linewidth=0.6)
        matplotlib.rc("legend", frameon=False)
        matplotlib.rc("savefig", dpi=150)
        matplotlib.rc("svg", fonttype="none", hashsalt="ghostswap")
        canvas = Canvas(layout="constrained")
        lines = wrap(printable(figure.title), _TITLE, max_lines=2, placeholder=" …")
        canvas.suptitle("\n".join(lines), fontsize="medium", parse_math=False)
        match figure:
            case Lengths():
                _draw_lengths(figure, canvas)
            case OverTime():
                _draw_over_time(figure, canvas)
            case MissRatio():
                _draw_miss_ratio(figure, canvas)
            case Freed():
                _draw_freed(figure, canvas)
            case Advised():
                _draw_advised(figure, canvas)
        out = BytesIO()
        canvas.savefig(out, format=kind, metadata=_METADATA[kind])
    return out.getvalue()


def _draw_lengths(figure: Lengths, canvas: Canvas) -> None:
    rows = 2 if figure.classes else 1
    canvas.set_size_inches(_WIDTH, 1.2 + 1.9 * rows)
    top, *below = canvas.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    edges = range(0, PAGE_SIZE, BIN)
    top.bar(edges, figure.pages, BIN, align="edge", color=_COLOURS[5], edgecolor="black", lw=0.4)
    top.set_ylabel(f"pages per {BIN} bytes")
    top.set_xlim(0, PAGE_SIZE)
    top.set_xticks(range(0, PAGE_SIZE + 1, 512))
    last = top
    for last in below:
        unit, name = _unit(max(one.pool_bytes for one in figure.classes))
        left = [one.above for one in figure.classes]
        widths = [one.length - one.above for one in figure.classes]
        used = [one.compressed_bytes / unit for one in figure.classes]
        lost = [(one.pool_bytes - one.compressed_bytes) / unit for one in figure.classes]
        style = {"align": "edge", "edgecolor": "black", "lw": 0.4}
        last.bar(left, used, widths, color=_COLOURS[1], label="compressed bytes", **style)
        last.bar(
            left,
            lost,
            widths,
            used,
            color="white",
            hatch="////",
            label="lost to the class",
            **style,
        )
        last.set_ylabel(f"pool of each size class ({name})")
        last.legend(loc="upper left")
    last.set_xlabel("compressed length of a page (bytes)")


def _draw_over_time(figure: OverTime, canvas: Canvas) -> None:
    canvas.set_size_inches(_WIDTH, 6.0)
    faults, pool, refusals = canvas.subplots(3, 1, sharex=True)
    starts = (0, *figure.touches[:-1])
    widths = [end - start for start, end in zip(starts, figure.touches, strict=True)]
    bars = {"align": "edge", "edgecolor": "black", "lw": 0.4}
    faults.bar(starts, figure.major_faults, widths, color=_COLOURS[5], **bars)
    faults.set_ylabel("major faults\na step")
    most = max((*figure.pool_bytes, *figure.disk_bytes), default=0)
    unit, name = _unit(most)
    for number, (label, values) in enumerate(
        (("pool", figure.pool_bytes), ("on disk", figure.disk_bytes))
    ):
        if number == 0 or any(values):
            pool.plot(
                figure.touches,
                [value / unit for value in values],
                color=_COLOURS[1 + number],
                ls=_DASHES[number],
                marker=_MARKERS[number],
                ms=3,
                label=label,
            )
    pool.set_ylabel(f"at the end\nof a step ({name})")
    pool.set_ylim(0, 1.1 * most / unit or 1)
    pool.legend(loc="best")
    refusals.bar(starts, figure.refusals, widths, color="white", hatch="////", **bars)
    refusals.set_ylabel("times that a page\ncould not leave")
    if figure.killed:
        names = printable(", ".join(figure.killed))
        refusals.set_title(
            f"killed for want of memory: {names}", fontsize="small", loc="right", parse_math=False
        )
    for axes in (faults, refusals):
        _count_from_zero(axes)
    refusals.set_xlabel("touches")
    refusals.set_xlim(0, max(figure.touches[-1:], default=0) or 1)
    refusals.xaxis.set_major_formatter("{x:,.0f}")


def _draw_miss_ratio(figure: MissRatio, canvas: Canvas) -> None:
    canvas.set_size_inches(_WIDTH, 4.2)
    axes = canvas.subplots()
    unit, name = _unit(max(size for size, _ in figure.points))
    axes.step(
        [size / unit for size, _ in figure.points],
        [100 * share for _, share in figure.points],
        where="post",
        color=_COLOURS[1],
        label="exact LRU, which no kernel has",
    )
    marks = [mark for mark in figure.marks if not mark.killed]
    for mark in marks:
        at = (mark.size / unit, 100 * mark.miss_ratio)
        axes.annotate(
            printable(mark.name), at, (5, 5), textcoords="offset points", parse_math=False
        )
    if marks:
        axes.plot(
            [mark.size / unit for mark in marks],
            [100 * mark.miss_ratio for mark in marks],
            "o",
            color=_COLOURS[2],
            mec="black",
            label=f"{figure.who}, replayed",
        )
    for mark in figure.marks:
        if mark.killed:
            axes.plot([], [], "kX", label=f"{figure.who}, {mark.name}: killed")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"memory of the process's pages ({name})")
    axes.set_ylabel("touches that are major faults (%)")
    axes.legend(loc="upper right")


def _draw_freed(figure: Freed, canvas: Canvas) -> None:
    values = [value for row in figure.bytes for value in row if value is not None]
    edges = [edge for row in figure.intervals for pair in row if pair for edge in pair]
    unit, name = _unit(max(map(abs, (*values, *edges)), default=0))
    label = f"memory freed, net of pool and metadata ({name})"
    if len(figure.words) == 1:
        canvas.set_size_inches(_WIDTH, 1.3 + 0.42 * len(figure.names))
        _draw_bars(figure, canvas.subplots(), unit, label)
    else:
        canvas.set_size_inches(_WIDTH, 4.2)
        _draw_sweep(figure, canvas.subplots(), unit, label)


def _draw_bars(figure: Freed, axes: Axes, unit: int, label: str) -> None:
    """A bar for each design."""
    (row,), (intervals,) = figure.bytes, figure.intervals
    for number, (value, interval) in enumerate(zip(row, intervals, strict=True)):
        if value is None:
            axes.text(0, number, " killed for want of memory", va="center")
            continue
        axes.barh(
            number,
            value / unit,
            0.7,
            color="white" if number % 2 else _COLOURS[5],
            hatch=_HATCHES[number % len(_HATCHES)],
            edgecolor="black",
            lw=0.6,
        )
        far = max(value, *(interval or (0,)), 0) / unit
        text = f"{value / unit:.4g}"
        if interval is not None:
            reach = _reach(value, interval, unit)
            axes.errorbar(value / unit, number, xerr=reach, fmt="k", capsize=3, lw=1.2)
            text += f" ({interval[0] / unit:.4g} to {interval[1] / unit:.4g})"
        axes.annotate(text, (far, number), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(figure.names)), figure.names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="black", lw=0.8)
    axes.margins(x=0.25 if any(intervals) else 0.1)
    if all(value is None or value >= 0 for value in row):
        axes.set_xlim(left=0)
    axes.set_xlabel(label)


def _draw_sweep(figure: Freed, axes: Axes, unit: int, label: str) -> None:
    """A line for each design, over the values that were tried."""
    for number, name in enumerate(figure.names):
        values = [row[number] for row in figure.bytes]
        known = [at for at, value in enumerate(values) if value is not None]
        axes.plot(
            known,
            [(values[at] or 0) / unit for at in known],
            color=_COLOURS[number % len(_COLOURS)],
            ls=_DASHES[number % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)],
            label=name,
        )
        for at in known:
            interval = figure.intervals[at][number]
            if interval is not None:
                value = values[at] or 0
                reach = _reach(value, interval, unit)
                axes.errorbar(at, value / unit, yerr=reach, fmt="k", capsize=3, lw=1.2)
    axes.set_xticks(range(len(figure.words)), figure.words)
    axes.set_xlim(-0.5, len(figure.words) - 0.5)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel(figure.swept)
    axes.set_ylabel(label)
    axes.legend(loc="best")
    if any(value is None for row in figure.bytes for value in row):
        axes.set_title("no point: killed for want of memory", fontsize="small", loc="right")


def _draw_advised(figure: Advised, canvas: Canvas) -> None:
    canvas.set_size_inches(_WIDTH, 8.2)
    freed, refused, slots = canvas.subplots(3, 1, height_ratios=(1.6, 1, 1))
    unit, name = _unit(max(point[0] for line in figure.lines for point in line.points))
    for number, line in enumerate(figure.lines):
        out, values, low, high = (
            [value / unit for value in row] for row in zip(*line.points, strict=True)
        )
        colour = _COLOURS[number % len(_COLOURS)]
        style = {"ls": _DASHES[number % len(_DASHES)], "marker": _MARKERS[number % len(_MARKERS)]}
        freed.plot(out, values, color=colour, ms=4, markevery=(number, 6), label=line.name, **style)
        if low != high:
            freed.fill_between(out, low, high, color=colour, alpha=0.2, lw=0)
    freed.axhline(0, color="black", lw=0.8)
    freed.set_xlim(left=0)
    freed.set_xlabel(f"memory that has left ({name})")
    freed.set_ylabel(f"memory freed, net ({name})")
    freed.legend(loc="upper left")
    sizes, lost, unused, taken = (list(row) for row in zip(*figure.sizes, strict=True))
    unit, name = _unit(max(sizes))
    at = [size / unit for size in sizes]
    refused.plot(at, [size / unit for size in lost], color=_COLOURS[2], label="finds no slot")
    if any(unused):
        rest = [size / unit for size in unused]
        refused.plot(at, rest, color=_COLOURS[1], ls="--", label="disk reserved, never used")
    refused.set_ylabel(f"memory or disk ({name})")
    of_slots, small = _unit(max(taken))
    slots.plot(at, [size / of_slots for size in taken], color=_COLOURS[0], label="memory of slots")
    if figure.without is not None:
        what, size = figure.without
        slots.axhline(
            size / of_slots, color=_COLOURS[4], ls="-.", label=f"{what}: no size to choose"
        )
    slots.set_ylabel(f"memory ({small})")
    for axes in (refused, slots):
        axes.axvline(figure.advised / unit, color="0.4", lw=0.8, ls=":", label="advised")
        axes.set_xlim(0, max(at))
        axes.set_ylim(bottom=0)
        axes.legend(loc="best")
    slots.set_xlabel(f"declared size of the area ({name})")
    lines = wrap(printable(figure.source), _TITLE, max_lines=2, placeholder=" …")
    canvas.supxlabel("\n".join(lines), fontsize="small", parse_math=False)


def _reach(value: int, interval: tuple[int, int], unit: int) -> list[list[float]]:
    """How far *interval* goes to either side, as error bars have it."""
    low, high = interval
    return [[max(value - low, 0) / unit], [max(high - value, 0) / unit]]


def _unit(most: int) -> tuple[int, str]:
    """The largest binary unit that *most* bytes have at least one of, and its name."""
    exponent = min(max(most.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return 1 << 10 * exponent, _UNITS[exponent]


def _count_from_zero(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
