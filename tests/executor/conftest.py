# SPDX-License-Identifier: GPL-2.0-or-later
"""One scheduler for all tests of engines: it takes its time to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.dask_workers import scheduler, workers


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a scheduler with two workers."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    directory = tmp_path_factory.mktemp("dask")
    with scheduler(directory) as found, workers(found, directory, 2):
        yield found
