# SPDX-License-Identifier: GPL-2.0-or-later
"""What it takes to move a design's pages to another backend, or all back to memory, in operations.

A page that is out is known to its page table by an entry that holds where it is. A design that
moves it elsewhere must find that entry, by reading every entry of every process, or have put
something in between before. Swapoff is the one time when today's kernels do the former
(``try_to_unuse`` in mm/swapfile.c).
"""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.designs.table import Design, Moves


class Cost(NamedTuple):
    """Operations, each counted by its kind.

    :ivar possible: whether the design can do it at all.
    :ivar pages: pages that move.
    :ivar pte_reads: page-table entries looked at, once round.
    :ivar pte_writes: page-table entries changed.
    :ivar table_words: words of swap tables or zram's table changed.
    :ivar reverse_map_reads: words read that lead from a place on disk back to its page.
    :ivar reverse_map_writes: such words changed.
    :ivar decompressions: pages decompressed.
    :ivar disk_reads: pages read.
    :ivar disk_writes: pages written.
    :ivar slots_taken: places on disk that have to be found now.
    :ivar free_pages: pages of memory needed, one at a time or, for swapoff, to stay.
    :ivar minor_faults_left: pages whose entries are put right later, when they are touched.
    :ivar descriptor_bytes: memory that says how pages lie on disk, as long as they do.
    """

    possible: bool = True
    pages: int = 0
    pte_reads: int = 0
    pte_writes: int = 0
    table_words: int = 0
    reverse_map_reads: int = 0
    reverse_map_writes: int = 0
    decompressions: int = 0
    disk_reads: int = 0
    disk_writes: int = 0
    slots_taken: int = 0
    free_pages: int = 0
    minor_faults_left: int = 0
    descriptor_bytes: int = 0


class Held(NamedTuple):
    """Where a workload's pages are.

    :ivar compressed: in zswap or zram; of them
    :ivar stuck: those that have no place on disk, and can be given none.
    :ivar disk: on disk.
    :ivar zero: in the zeromap.
    :ivar mapped: entries of all page tables, in pages of memory that is mapped, in or out.
    """

    compressed: int
    stuck: int
    disk: int
    zero: int
    mapped: int


#: A page's length and codec, in bytes.
_DESCRIPTOR = 8


def to_disk(design: Design, held: Held) -> Cost:
    """Write all compressed pages of *held* to disk, but for those that are stuck.

    Where all are, what it would take to give them other slots is stated: every entry of every page
    table would have to be read. No kernel does that.
    """
    pages = held.compressed - held.stuck
    if not pages:
        if not held.stuck:
            return Cost()
        walk = held.mapped if design.moves is Moves.SLOT else 0
        return Cost(possible=False, pages=held.stuck, pte_reads=walk, pte_writes=held.stuck)
    moved = Cost(pages=pages, decompressions=pages, disk_writes=pages, free_pages=1)
    if design.moves is Moves.DESCRIPTOR:
        return moved._replace(table_words=pages, reverse_map_writes=pages, slots_taken=pages)
    if (
        design.moves is Moves.TABLE
    ):  # the block keeps its number; the table says where on the backing device
        return moved._replace(table_words=pages, slots_taken=pages)
    return moved  # the slot was reserved when the page left


def to_disk_compressed(design: Design, held: Held) -> Cost:
    """The same where pages are written as they lie in the pool, each in a slot of its own.

    That is a prototype which nobody has run: it saves decompressions, but no disk; a page that
    comes back is read, and decompressed then.
    """
    cost = to_disk(design, held)
    if not cost.possible:
        return cost
    return cost._replace(decompressions=0, descriptor_bytes=cost.pages * _DESCRIPTOR)


def swapoff(design: Design, held: Held) -> Cost:
    """Bring all pages of *held* that are in the design's areas back to memory.

    Of virtual swap only the disk can be switched off: what is on it comes back behind its virtual
    slot, and the entries are put right as they are touched.
    """
    if design.moves is Moves.DESCRIPTOR:
        return Cost(
            pages=held.disk,
            table_words=held.disk,
            reverse_map_reads=held.disk,
            disk_reads=held.disk,
            free_pages=held.disk,
            minor_faults_left=held.disk,
        )
    pages = held.compressed + held.disk + held.zero
    return Cost(
        pages=pages,
        pte_reads=held.mapped if pages else 0,
        pte_writes=pages,
        decompressions=held.compressed,
        disk_reads=held.disk,
        free_pages=pages,
    )
