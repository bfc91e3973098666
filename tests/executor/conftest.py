# SPDX-License-Identifier: GPL-2.0-or-later
"""One scheduler for all tests of engines: it takes its time to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dask_workers import scheduler, workers


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a scheduler with two workers."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    directory = tmp_path_factory.mktemp("dask")
    with scheduler(directory) as (found, _), workers(found, directory, 2):
        yield found


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give all of them to one worker, which has the scheduler."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.xdist_group("dask"))
