# SPDX-License-Identifier: GPL-2.0-or-later
"""One strace for all tests of faults."""

from __future__ import annotations

import pytest
from support.strace import Strace


@pytest.fixture(scope="session")
def strace(tmp_path_factory: pytest.TempPathFactory) -> Strace:
    """The command line under strace; skips where that cannot be had."""
    strace = Strace(tmp_path_factory.mktemp("strace"))
    # Compile all that will be needed, so that from now on the same call is always the same.
    file, ghost = (str(strace.cache / name) for name in ("file", "ghost"))
    for args in (
        ("mkswap", "--size", "1G", ghost),
        ("mkswap", "--file", "--size", "256K", file),
        ("mkswap", file),
        ("label", "--label", "new", file),
    ):
        assert strace.run(args, trace=["fsync"]).status == 0
    return strace
