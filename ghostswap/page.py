# SPDX-License-Identifier: GPL-2.0-or-later
"""A page, and the one alphabet for what a page measured as: a number of 16 bits each.

| number | says of a page |
|---|---|
| :data:`ZEROS` | all its bytes are zero |
| ``SAME + n`` | one word over and over, other than zero, that would compress to *n* bytes |
| 1 to :data:`PAGE_SIZE` | it compresses to so many bytes |
| :data:`INCOMPRESSIBLE` | no compressor gets it below a page |

Who keeps pages is handed a view of that, in the same alphabet: :data:`ZEROS` is for the zeromap,
:data:`SAME` alone is kept as a word, :data:`PAGE_SIZE` is kept as it is, and
:data:`INCOMPRESSIBLE` is for the kernel to refuse. Codecs measure (:mod:`ghostswap.codecs`); the
views are made in :mod:`ghostswap.codecs.views` and nowhere else.
"""

from __future__ import annotations

#: x86-64's, and that of every model here.
PAGE_SIZE = 4096
#: Bytes of the word that a page may be filled with, ``unsigned long``.
WORD = 8
#: Pages that one page table maps.
PTRS_PER_PTE = 512

ZEROS = 0
SAME = 1 << 15
INCOMPRESSIBLE = 0xFFFF
