# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of findings: each with its name for programs, how bad it is, and what looks for it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from ghostswap.advise import of_areas, of_zram, of_zswap
from ghostswap.advise.finding import SEVERITIES, Check, Finding, Severity
from ghostswap.live.seen.status import Status


class Row(NamedTuple):
    """One finding that there may be."""

    id: str
    severity: Severity
    check: Check


#: How bad is what ``ghostswap validate`` warns of. Not here is what it only supposes,
#: and what any ghost has.
DANGERS: dict[str, Severity] = {
    "bad-pages-underflow": "critical",
    "hibernation-image": "critical",
    "encrypted": "critical",
    "read-only-device": "critical",
    "used-elsewhere": "critical",
    "second-signature": "warning",
    "duplicate-uuid": "warning",
    "duplicate-bad-pages": "warning",
    "insecure-mode": "warning",
    "insecure-owner": "warning",
    "memory": "note",
    "size-wraps": "note",
    "longer-than-declared": "note",
    "label": "note",
    "byte-order": "note",
}
#: Of equal severity, the first stands first.
FINDINGS = (
    Row("slots-nearly-gone", "critical", of_areas.slots),
    Row("area-refused", "critical", of_areas.refused),
    Row("area-missing", "critical", of_areas.missing),
    Row("resume-zram", "critical", of_areas.resume_zram),
    Row("resume-elsewhere", "critical", of_areas.resume_elsewhere),
    Row("zswap-over-zram", "warning", of_zswap.over_zram),
    Row("zram-above-disk", "warning", of_zram.above_disk),
    Row("zram-below-disk", "warning", of_zram.below_disk),
    Row("pool-limit", "warning", of_zswap.at_limit),
    Row("zram-refuses", "warning", of_zram.refuses),
    Row("rotational-first", "warning", of_areas.rotational_first),
    Row("zswap-compressor", "warning", of_zswap.compressor),
    Row("zram-compressor", "warning", of_zram.compressor),
    Row("two-tools", "warning", of_zram.two_tools),
    Row("lost-pages", "warning", of_areas.lost_pages),
    Row("resume-small", "warning", of_areas.resume_small),
    *(Row(name, severity, partial(of_areas.danger, name)) for name, severity in DANGERS.items()),
    Row("no-swap", "note", of_areas.none),
    Row("zswap-off", "note", of_zswap.off),
    Row("page-cluster", "note", of_zram.page_cluster),
    Row("area-off", "note", of_areas.off),
)


def find(seen: Status) -> list[Finding]:
    """All that is wrong with the host, the worst first."""
    return [
        Finding(row.id, row.severity, *said)
        for severity in SEVERITIES
        for row in FINDINGS
        if row.severity == severity
        for said in row.check(seen)
    ]
