# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host's kernel could do if it were told to: compressors, zram, ghost swap.

Read: /proc/crypto, /lib/modules/RELEASE/modules.builtin and modules.dep, comp_algorithm of zram
devices, /sys/power/image_size, and whether there is /dev/ghostswap.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ghostswap.live.seen.tree import Tree

_CRYPTO = ("lz4", "lz4hc", "lzo", "lzo-rle", "zstd", "deflate", "842")
_MODULE = re.compile(r"^kernel/(crypto|drivers/block/zram)/([\w-]+)\.ko", re.MULTILINE)


class Offered(NamedTuple):
    """What is there or can be loaded.

    :ivar zswap: compressors of the crypto layer; so *zram*, those of zram. ``None`` where nobody
        tells.
    :ivar has_zram: zram is built in, loaded or a module that is installed.
    :ivar has_ghost: there is a device of the dynamic ghost (posted, not merged).
    :ivar image_size: bytes of a hibernation image that it aims at; ``None`` where it makes none.
    """

    zswap: frozenset[str] | None
    zram: frozenset[str] | None
    has_zram: bool
    has_ghost: bool
    image_size: int | None


def read(tree: Tree, release: str, loaded: frozenset[str]) -> Offered:
    """What the kernel of the host offers.

    :param release: ``uname -r``.
    :param loaded: compressors that the crypto layer has now.
    """
    modules = f"/lib/modules/{release}"
    lists = (tree.word(f"{modules}/{name}") for name in ("modules.builtin", "modules.dep"))
    found = {match.groups() for text in lists for match in _MODULE.finditer(text)}
    installed = {name.replace("_", "-") for folder, name in found if folder == "crypto"}
    here = frozenset((installed | loaded) & set(_CRYPTO))
    zram = {
        word.strip("[]")
        for name in tree.names("/sys/block")
        if re.fullmatch("zram[0-9]+", name)
        for word in tree.word(f"/sys/block/{name}/comp_algorithm").split()
    }
    return Offered(
        zswap=here or None,
        zram=frozenset(zram) or None,
        has_zram=bool(zram)
        or tree.exists("/sys/class/zram-control")
        or any(name == "zram" for _, name in found),
        has_ghost=tree.exists("/dev/ghostswap"),
        image_size=tree.number("/sys/power/image_size"),
    )
