# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``ghostswap overhead`` prints: tables by use, break-evens, and fields."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple, get_args

from ghostswap import kernels
from ghostswap.cli.reports.outcome_json import SCHEMA
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.designs import metadata, table
from ghostswap.designs.metadata import Metadata
from ghostswap.designs.table import Backend, Design
from ghostswap.kernels.rules import Field
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

_CLASSIC = table.get("classic")
_BACKENDS: tuple[Backend, ...] = get_args(Backend)
_PLACES: dict[Backend, str] = {"zswap": "compressed", "disk": "on disk"}

#: What the two sides count, from https://lkml.iu.edu/2602.1/03463.html (10 February 2026) and
#: https://lkml.iu.edu/hypermail/linux/kernel/2602.1/02140.html (the day before).
_SIDES = (
    (
        "Chris Li",
        "gross, the total for an entry that is used: now 3 static (swap_map, swap_cgroup) + 8"
        " dynamic (swap table), with vswap 24 dynamic (the descriptor), as he proposes 8 dynamic"
        " + 4 where redirected; zswap's tree and the reverse map are in none of these",
    ),
    (
        "Johannes Weiner",
        "net, what comes on top: the descriptor stands in place of swap_cgroup, the swap table,"
        " the zeromap, most of swap_map and zswap's tree, and is there for used clusters only",
    ),
)


class Report(NamedTuple):
    """What is asked for, and the answers.

    :ivar used: percentages.
    :ivar entries: count what published tables leave out.
    """

    slots: int
    used: tuple[Fraction, ...]
    designs: tuple[Design, ...]
    kernel: str
    entries: bool

    def emit_json(self, with_fields: bool) -> None:
        emit_json(
            {
                "schema": SCHEMA,
                "kernel": self.kernel,
                "slots": self.slots,
                "entries": self.entries,
                "designs": [
                    {
                        "design": design.name,
                        "status": self._status(design),
                        "description": design.description,
                    }
                    for design in self.designs
                ],
                "rows": [
                    {
                        "design": design.name,
                        "backend": backend,
                        "used_percent": _number(percent),
                        "static_bytes": cost.static_bytes,
                        "dynamic_bytes": cost.dynamic_bytes,
                        "total_bytes": cost.total_bytes,
                    }
                    for backend in _BACKENDS
                    for design in self._in_backend(backend)
                    for percent in self.used
                    for cost in [self._cost(design, backend, percent)]
                ],
                "break_even": [
                    {
                        "designs": [one.name, other.name],
                        "backend": backend,
                        "used_percent": _number(percent),
                    }
                    for backend in _BACKENDS
                    for one, other, percent in self._break_evens(backend)
                ],
                **(self._fields_json() if with_fields else {}),
            }
        )

    def _fields_json(self) -> dict[str, Any]:
        return {
            "fields": [
                {
                    "design": design.name,
                    "field": field.name,
                    "bytes": _number(field.one_bytes),
                    "per": field.per.value,
                    "static": field.is_static,
                    "in_clusters": field.in_clusters,
                }
                for design in self.designs
                for field in self._fields_of(design)
            ],
            "used_slot": [
                {
                    "design": design.name,
                    "backend": backend,
                    "static_bytes": _number(cost.static),
                    "dynamic_bytes": _number(cost.dynamic),
                    "gross_bytes": _number(cost.gross),
                    "replaces": [field.name for field in self._replaced(design, backend)],
                    "net_bytes": _number(cost.gross - self._slot_cost(_CLASSIC, backend).gross),
                }
                for design in self.designs
                for backend in design.backends
                for cost in [self._slot_cost(design, backend)]
            ],
        }

    def print(self, with_fields: bool, raw: bool) -> None:
        """Print for a person; sizes in bytes where *raw*, else in MiB."""
        size, unit = (str, "bytes") if raw else (_mebibytes, "MiB")
        following = [one.name for one in self.designs if metadata.follows_kernel(one.name)]
        as_in = f"; {', '.join(following)} as in Linux {self.kernel}" if following else ""
        show.heading(f"{format_size(self.slots * PAGE_SIZE)} of swap, {self.slots} slots{as_in}")
        for backend in _BACKENDS:
            if designs := self._in_backend(backend):
                print()
                show.heading(f"{unit} of metadata, pages {_PLACES[backend]}, by slots used")
                self._print_table(backend, designs, size)
        if with_fields:
            for design in self.designs:
                print()
                self._print_fields(design, size, unit)
            print()
            show.heading("24 bytes against 8: what the two sides of the argument count")
            show.facts(_SIDES)

    def _print_table(
        self, backend: Backend, designs: list[Design], size: Callable[[int], str]
    ) -> None:
        uses = [f"{_number(percent)} %" for percent in self.used]
        rows = [
            [
                design.name,
                *(size(self._cost(design, backend, used).total_bytes) for used in self.used),
                self._status(design),
            ]
            for design in designs
        ]
        show.table(("design", *uses, "status"), rows, right=uses)
        for one, other, percent in self._break_evens(backend):
            less = min(one, other, key=lambda design: self._slot_cost(design, backend).static)
            with_zswap = backend == "zswap" and one.has_zswap and other.has_zswap
            show.paragraph(
                f"{one.name} and {other.name} {'with zswap' if with_zswap else _PLACES[backend]}:"
                f" {float(percent):.1f} % used; {less.name} takes less below"
            )

    def _print_fields(self, design: Design, size: Callable[[int], str], unit: str) -> None:
        show.heading(f"{design.name}, {self._status(design)}: {design.description}")
        rows = [
            (
                field.name,
                str(_number(field.one_bytes)),
                field.per.value,
                "static" if field.is_static else "dynamic",
                size(int(field.slot_bytes * self.slots)),
            )
            for field in self._fields_of(design)
        ]
        columns = ("field", "bytes", "for each", "kind", f"{unit} in full")
        show.table(columns, rows, right=("bytes", columns[-1]))
        show.facts((_PLACES[backend], self._net(design, backend)) for backend in design.backends)

    def _net(self, design: Design, backend: Backend) -> str:
        cost, classic = self._slot_cost(design, backend), self._slot_cost(_CLASSIC, backend)
        text = (
            f"gross {_number(cost.gross)} bytes a used slot, {_number(cost.static)} static"
            f" + {_number(cost.dynamic)} dynamic"
        )
        if design is _CLASSIC:
            return text
        replaced = self._replaced(design, backend)
        if replaced:
            names = ", ".join(field.name for field in replaced)
            text += (
                f"; in place of classic's {names}"
                f" ({_number(sum(field.slot_bytes for field in replaced))})"
            )
        return f"{text}; net {_number(cost.gross - classic.gross):+}"

    def _in_backend(self, backend: Backend) -> list[Design]:
        return [design for design in self.designs if backend in design.backends]

    def _cost(self, design: Design, backend: Backend, percent: Fraction) -> Metadata:
        """With *percent* of the slots used, all by pages in *backend*."""
        used = int(self.slots * percent / 100)
        return metadata.of(
            design.name,
            self.kernel,
            slots=self.slots if design.sized or backend == "disk" else 0,
            entries=self.entries,
            **{backend: used},
        )

    def _slot_cost(self, design: Design, backend: Backend) -> metadata.SlotCost:
        return metadata.slot_cost(design.name, backend, self.kernel, entries=self.entries)

    def _break_evens(self, backend: Backend) -> list[tuple[Design, Design, Fraction]]:
        """Pairs that take the same at some use, and that percentage."""
        found = []
        for one, other in combinations(self._in_backend(backend), 2):
            used = metadata.break_even(
                one.name, other.name, backend, self.kernel, entries=self.entries
            )
            if used is not None:
                found.append((one, other, used * 100))
        return found

    def _fields_of(self, design: Design) -> list[Field]:
        fields = design.fields(kernels.get(self.kernel).metadata)
        return [field for field in fields if field.published or self.entries]

    def _replaced(self, design: Design, backend: Backend) -> list[Field]:
        """Classic's fields that *design* does without."""
        kernel = kernels.get(self.kernel)
        own = metadata.fields_in(design.name, backend, kernel, entries=self.entries)
        classic = metadata.fields_in(_CLASSIC.name, backend, kernel, entries=self.entries)
        return [field for field in classic if field not in own]

    def _status(self, design: Design) -> str:
        return f"merged in {self.kernel}" if design.status == "merged" else design.status


def _number(exact: Fraction | int) -> int | float:
    return int(exact) if exact == int(exact) else float(exact)


def _mebibytes(size: int) -> str:
    """As the published tables have it: 25, 48.25."""
    text = f"{size / (1 << 20):.2f}".rstrip("0").rstrip(".")
    return "<0.01" if size and text == "0" else text
