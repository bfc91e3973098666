# SPDX-License-Identifier: GPL-2.0-or-later
"""Where ``ghostswap mkswap`` deliberately differs from util-linux's mkswap 2.43.

The one list of them: ghostswap-differences(7) carries it, and the tests allow nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One deliberate difference.

    :ivar key: names it in tests.
    :ivar upstream: what util-linux does.
    :ivar ours: what ghostswap does.
    :ivar cases: of the recorded runs of mkswap, those that show it.
    """

    key: str
    upstream: str
    ours: str
    cases: tuple[str, ...] = ()


DIFFERENCES = (
    Difference(
        "usage",
        "Wrong usage exits with 1.",
        "Wrong usage exits with 2, a refusal or failure with 1.",
    ),
    Difference(
        "size-alone",
        "--size without --file is ignored.",
        "--size without --file makes a ghost swapfile of a new file and is refused for an existing"
        " one.",
        ("file-size-without-file",),
    ),
    Difference(
        "blocks-below-a-page",
        "BLOCKS of less than one page formats the whole target.",
        "BLOCKS of less than one page is refused as too small; only 0 means the whole target.",
        ("blocks-one",),
    ),
    Difference(
        "offset-underflow",
        "An --offset behind the --size of a file declares 16 TiB.",
        "An --offset behind the end is refused.",
    ),
    Difference(
        "offset-wipes",
        "With --offset, signatures at the start of the target are wiped.",
        "With --offset, everything before the offset stays, and signatures behind it are wiped.",
    ),
    Difference(
        "label-cut",
        "A label too long is cut at byte 15, even inside a character.",
        "A label too long is cut between characters.",
        ("label-utf8-cut",),
    ),
    Difference(
        "label-control",
        "A label may hold control characters.",
        "A label that holds control characters is refused.",
    ),
    Difference(
        "bad-list-order",
        "The bad page list is written in native byte order.",
        "The bad page list is written in the byte order of the header.",
    ),
    Difference(
        "check-offset",
        "--check reads from the start of the target.",
        "--check reads the pages of the area, from the offset on.",
    ),
    Difference(
        "stale-signatures",
        "Where a partition table is kept, old signatures are kept as well.",
        "Where a partition table is kept, old signatures outside the boot sector are still wiped.",
        ("old-mbr-and-swap-8k",),
    ),
    Difference(
        "false-warnings",
        "--file warns of the mode and holes that it has just mended.",
        "--file warns of nothing that it mends itself.",
    ),
    Difference(
        "links",
        "Symbolic links are followed.",
        "A symbolic link is followed to a block device, and elsewhere only with --force.",
    ),
    Difference(
        "shrinking",
        "--file cuts a file that is larger than --size.",
        "--file cuts a file that is larger than --size only with --force.",
    ),
    Difference(
        "landing",
        "--file makes files on any file system.",
        "--file makes no file where swap cannot live (tmpfs, overlay, network and copy-on-write"
        " file systems), nor a larger one than there is room for, unless forced.",
    ),
    Difference(
        "lock",
        "The target is locked only on request.",
        "An existing target is locked unless --lock=no says otherwise.",
    ),
    Difference(
        "version",
        "--version names util-linux.",
        "--version names ghostswap.",
        ("version",),
    ),
)
