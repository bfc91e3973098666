# SPDX-License-Identifier: GPL-2.0-or-later
"""Where memory comes from: files, processes, pipes; or it is made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.pages.source import Source

#: What the spec of memory that is made up starts with.
SYNTHETIC = "synthetic:"
_WORDS = ("-", "mine", "host")
_CGROUP = "cgroup:"
_AREA = "swap:"


def open_source(spec: str) -> Source:
    """Open the source of memory that *spec* names, to be closed by leaving it.

    :param spec: ``-`` for standard input; ``pid:N`` for a process, ``mine`` for all processes that
        may be read, ``host`` for all there are, each page once, ``cgroup:PATH``, ``cgroup:UNIT`` or
        ``cgroup:ID`` for those in a cgroup, both for root; ``swap:PATH`` for a swap area that
        nobody uses; ``synthetic:PAGES:KINDS`` for none that is real; else the path of a file or
        block device (``./mine`` for a file that is called so), of which its content says what it
        is: a core dump, a crash dump, a swap area, one of them compressed, or raw memory.
    :raises UsageError: where *spec* is none of these.
    :raises TargetError: where what it names is not there or may not be read.
    """
    # A run needs one kind, and start-up is felt.
    if spec == "-":
        from ghostswap.pages.dumps.telling import StreamSource

        return StreamSource()
    if spec == "mine":
        from ghostswap.pages.processes.process import MineSource

        return MineSource()
    if spec == "host":
        from ghostswap.pages.processes.host import HostSource

        return HostSource()
    if spec.startswith("pid:"):
        if not re.fullmatch("pid:[0-9]{1,10}", spec):
            raise UsageError(f"not a process: {spec!r}", "write pid: and its number, as pid:1234")
        from ghostswap.pages.processes.process import ProcessSource

        return ProcessSource(int(spec.removeprefix("pid:")))
    if spec.startswith(_CGROUP):
        from ghostswap.pages.processes.cgroup import CgroupSource

        return CgroupSource(spec)
    if spec.startswith(SYNTHETIC):
        from ghostswap.pages.synthetic import SyntheticSource

        return SyntheticSource(spec)
    prefix, path = split_spec(spec)
    if not path:
        raise UsageError(
            "a source of memory cannot be empty",
            "give a path, pid:N, mine, host, cgroup:..., swap:PATH, synthetic:... or -",
        )
    from ghostswap.pages.dumps.telling import open_file

    return open_file(path, is_area=prefix == _AREA)


def split_spec(spec: str) -> tuple[str, str]:
    """What is before the path that *spec* has, and the path; all and ``""`` where it has none."""
    if spec in _WORDS or spec.startswith(("pid:", _CGROUP, SYNTHETIC)):
        return spec, ""
    path = spec.removeprefix(_AREA)
    return spec.removesuffix(path) if path else spec, path


def check_specs(specs: Sequence[str]) -> None:
    """Refuse *specs* that cannot be the sources of one memory.

    :raises UsageError: where there is none, or standard input is to be read twice.
    """
    if not specs:
        raise UsageError("no source of memory", "name one at least")
    if specs.count("-") > 1:
        raise UsageError("standard input is a source twice", "name it once")


def open_sources(specs: Sequence[str]) -> Source:
    """Open all sources that *specs* name, as one; so :func:`open_source` for one of them.

    :raises UsageError: as :func:`check_specs`.
    """
    check_specs(specs)
    if len(specs) == 1:
        return open_source(specs[0])
    from ghostswap.pages.several import SeveralSources

    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(spec)) for spec in specs]
        stack.pop_all()
    return SeveralSources(sources)
