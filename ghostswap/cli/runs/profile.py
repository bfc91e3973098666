# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap profile``: sources measured and written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.options.sampling import sampling
from ghostswap.cli.reports import profile_report
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.pages.profiles.format import write
from ghostswap.study.samples.profile import COMPRESSORS, codecs_of, take

if TYPE_CHECKING:
    from ghostswap.pages.sampled import Wanted


def run(
    output: str,
    pages: tuple[str, ...],
    sample: Wanted | None,
    compressors: tuple[str, ...],
    kernel: str | None,
    seed: int,
    jobs: int | None,
    *,
    names: bool,
    as_json: bool,
) -> int:
    """Write a profile of the sources *pages* to *output*.

    :raises GhostswapError: where one cannot be read, or *output* not written.
    """
    profile = take(
        pages or ("mine",),
        codecs_of(compressors or COMPRESSORS, kernel or running_kernel().name),
        sampling(sample, seed),
        seed,
        with_names=names,
        jobs=jobs,
        progress=progress_bar,
    )
    size = write(output, profile)
    if as_json:
        emit_json(profile_report.as_json(output, profile, size))
    else:
        profile_report.show_profile(output, profile, size)
    return 0
