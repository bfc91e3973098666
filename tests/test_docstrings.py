# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in docstrings are true, in every module."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import ghostswap


def test_the_examples_in_docstrings_are_true() -> None:
    attempted = set()
    for module in walk_packages(ghostswap.__path__, "ghostswap."):
        if not module.name.endswith("__main__"):
            done = doctest.testmod(import_module(module.name), extraglobs={"ghostswap": ghostswap})
            assert done.failed == 0, module.name
            attempted |= {module.name} if done.attempted else set()
    assert {"ghostswap.units", "ghostswap.api", "ghostswap.mm.zpool.zsmalloc"} <= attempted
