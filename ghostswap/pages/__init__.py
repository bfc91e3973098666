# SPDX-License-Identifier: GPL-2.0-or-later
"""Where memory comes from: files, processes, pipes; or it is made up."""

from __future__ import annotations

import re

from ghostswap.errors import UsageError
from ghostswap.pages.source import Source

#: What the spec of memory that is made up starts with.
SYNTHETIC = "synthetic:"
#: What the spec of a swap area starts with.
AREA = "swap:"


def open_source(spec: str) -> Source:
    """Open the source of memory that *spec* names, to be closed by leaving it.

    :param spec: ``-`` for standard input, ``pid:N`` for a process, ``mine`` for all processes
        that may be read, ``synthetic:PAGES:KINDS`` for none that is real, else the path of a file
        or block device (``./mine`` for a file that is called so).
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
    if spec.startswith(SYNTHETIC):
        from ghostswap.pages.synthetic import SyntheticSource

        return SyntheticSource(spec)
    if spec.startswith(AREA) and spec != AREA:
        from ghostswap.pages.dumps.telling import open_file

        return open_file(spec.removeprefix(AREA), is_area=True)
    if not spec or spec == AREA:
        raise UsageError(
            "a source of memory cannot be empty", "give a path, pid:N, mine, synthetic:... or -"
        )
    from ghostswap.pages.dumps.telling import open_file

    return open_file(spec)
