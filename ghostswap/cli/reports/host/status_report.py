# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``status`` saw of a host and found, on one screen, and second by second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ghostswap.advise.finding import SEVERITIES, Finding
from ghostswap.cli.terminal import show
from ghostswap.live.seen.areas import AreaState
from ghostswap.live.seen.change import COUNTERS, Change
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zram import ZramDevice
from ghostswap.live.seen.zswap import REFUSALS, Zswap
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

if TYPE_CHECKING:
    from rich.table import Table

#: cgroups that are named on the screen; JSON has all.
_GROUPS = 3
_COLUMNS = ("time", *COUNTERS, "used", "pool", "zram")


def print_all(seen: Status, found: Sequence[Finding]) -> None:
    """Print for a person."""
    for line in _answer(seen, found):
        show.paragraph(line)
    if seen.areas:
        show.table(
            ("area", "priority", "size", "used", "lies on"),
            [_area(area) for area in seen.areas],
            right=("priority", "size", "used"),
        )
    show.facts(_facts(seen))
    if not found:
        return
    show.heading("findings, the worst first; cures are for a root shell")
    rows = []
    for one in found:
        rows += [(one.severity, one.what), ("  why", one.why), ("  cure", one.cure)]
    show.facts(rows)


def _answer(seen: Status, found: Sequence[Finding]) -> Iterator[str]:
    """What the host has, how much is swapped, and whether that is as it should be."""
    ram, free = seen.ram, seen.reclaim.meminfo.get("MemAvailable")
    memory = f"{format_size(ram)} of memory" if ram else "memory unknown"
    if free is not None:
        memory += f", {format_size(free)} available"
    yield f"Linux {seen.kernel}".rstrip() + f": {memory}."
    swap = f"{format_size(seen.used)} of {format_size(seen.size)} of swap are used"
    if not seen.active:
        swap = "Swap is unknown" if "/proc/meminfo" in seen.unseen else "No swap is on"
    worst = [
        f"{count} {severity}{'s' if count > 1 and severity != 'critical' else ''}"
        for severity in SEVERITIES
        if (count := sum(one.severity == severity for one in found))
    ]
    counted = f"Found to be wrong: {', '.join(worst)}." if found else "Nothing wrong was found."
    yield f"{swap}. {counted}"


def _area(area: AreaState) -> tuple[str, ...]:
    if not area.active:
        return area.path, "", "off", "", f"{area.type}, in /etc/fstab"
    place = ", ".join(filter(None, (area.type, area.medium)))
    return (
        area.path,
        str(area.priority),
        format_size(area.size),
        format_size(area.used),
        place,
    )


def _facts(seen: Status) -> Iterator[tuple[str, str]]:
    if seen.zswap is not None:
        yield from _zswap(seen.zswap)
    elif "/sys/kernel" not in seen.unseen:
        yield "zswap", "not in this kernel"
    for device in seen.zram:
        yield device.name, _zram(device)
    if seen.reserved:
        unwritten = f"; at least {format_size(seen.never_written)} of it not written since boot"
        yield (
            "disk",
            f"{format_size(seen.reserved)} reserved{unwritten if seen.never_written else ''}",
        )
    yield "reclaim", _reclaim(seen)
    if seen.cgroups.version is not None:
        yield "cgroups", _cgroups(seen)
    if seen.resume is not None:
        yield "resume", seen.resume.asked
    for path, said in seen.unseen.items():
        yield "not seen", f"{path}: {said}"


def _zswap(zswap: Zswap) -> Iterator[tuple[str, str]]:
    state = "on" if zswap.enabled else "off"
    shrinker = ", shrinker on" if zswap.parameters.get("shrinker_enabled") == "Y" else ""
    line = f"{state}, {zswap.compressor}, {zswap.zpool}{shrinker}"
    if zswap.enabled or zswap.stored:
        line += f": {_held(zswap.stored, zswap.pool)}"
        line += f"; limit {format_size(zswap.limit)} ({zswap.max_pool_percent} %)"
    yield "zswap", line
    if zswap.written_back:
        yield "", f"{zswap.written_back:,} pages written back to disk since boot"
    if zswap.refused:
        said = (f"{name} {count:,} ({REFUSALS[name]})" for name, count in zswap.refused.items())
        yield "", f"refused: {', '.join(said)}"


def _zram(device: ZramDevice) -> str:
    counters = device.counters
    used = counters.get("mem_used_total", 0)
    held = _held(counters.get("orig_data_size", 0), used)
    line = f"{device.compressor}: {held}; disksize {format_size(device.disksize)}"
    if limit := counters.get("mem_limit"):
        line += f", mem_limit {format_size(limit)}"
    if failed := counters.get("failed_writes"):
        line += f", {failed:,} pages refused"
    if device.backing_dev:
        back = format_size(counters.get("bd_count", 0) * PAGE_SIZE)
        line += f", {back} on {device.backing_dev}"
    return line


def _held(stored: int, pool: int) -> str:
    ratio = f", {stored / pool:.2f} to 1" if pool else ""
    return f"{format_size(stored)} in {format_size(pool)}{ratio}"


def _reclaim(seen: Status) -> str:
    state = seen.reclaim
    said = [
        f"{name} {value}"
        for name, value in (
            ("swappiness", state.swappiness),
            ("page-cluster", state.page_cluster),
        )
        if value is not None
    ]
    if state.lru_gen is not None:
        said.append(f"MGLRU {'on' if state.lru_gen else 'off'}")
    if state.pressure:
        stalls = (f"{kind} {share:g} %" for kind, share in state.pressure.items())
        said.append(f"pressure {' '.join(stalls)}")
    return ", ".join(said) or "nobody tells"


def _cgroups(seen: Status) -> str:
    found = seen.cgroups
    looked = f"version {found.version}; {found.looked_at} looked at"
    if found.more:
        looked += ", and there are more"
    if not found.groups:
        return f"{looked}, none has settings for swap"
    said = [
        f"{group.path} {' '.join(f'{name} {value}' for name, value in group.settings.items())}"
        for group in found.groups[:_GROUPS]
    ]
    if len(found.groups) > _GROUPS:
        said.append(f"{len(found.groups) - _GROUPS} more (--json)")
    return f"{looked}: {'; '.join(said)}"


def print_changes(changes: Iterable[Change]) -> None:
    """Print a line for each of *changes*: pages in that second, and bytes held at its end."""
    out = show.console()
    if not out.is_terminal or out.width < show.NARROW:
        print(*_COLUMNS, sep="\t", flush=True)
        for change in changes:
            print(*_row(change), sep="\t", flush=True)
        return
    from rich.live import Live

    rows: deque[tuple[str, ...]] = deque(maxlen=max(out.height - 3, 1))
    with Live(_table(rows), console=out, auto_refresh=False) as live:
        for change in changes:
            rows.append(_row(change))
            live.update(_table(rows), refresh=True)


def _table(rows: Iterable[tuple[str, ...]]) -> Table:
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for name in _COLUMNS:
        grid.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    return grid


def _row(change: Change) -> tuple[str, ...]:
    return (
        time.strftime("%H:%M:%S", time.localtime(change.at)),
        *(str(change.counters.get(name, "-")) for name in COUNTERS),
        format_size(change.used),
        format_size(change.pool),
        format_size(change.zram),
    )
