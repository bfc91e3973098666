# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of files that figures go into."""

from __future__ import annotations

from collections.abc import Mapping

#: By suffix: what such a file is called, and what those begin with that may be replaced.
KINDS: Mapping[str, tuple[str, bytes]] = {
    "svg": (
        "SVG picture of matplotlib's",
        b'<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!DOCTYPE svg',
    ),
    "png": ("PNG picture", b"\x89PNG\r\n\x1a\n"),
    "pdf": ("PDF file", b"%PDF-"),
}
#: A page with a figure in it.
HTML = ("HTML page of ghostswap's", b"<!DOCTYPE html>\n<!-- ghostswap ")
