# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures of an example show, in a sentence that is only made where they show it.

Each function takes the figures of its example's variants, in order, and gives ``None`` where they
do not show the claim; see :mod:`ghostswap.claims.claims`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

#: By the keys of an example's rows, what they came to in one of its variants.
Figures = Mapping[str, float]


def _count(count: float) -> str:
    return f"{count:,.0f}"


def _size(size: float) -> str:
    return format_size(round(size))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def slot_waste(classic: Figures, ghost: Figures, vswap: Figures) -> str | None:
    held, wasted = classic["compressed"], classic["never_written_bytes"]
    if not (held and wasted and classic["disk_writes"] == 0):
        return None
    if not ghost["compressed"] == vswap["compressed"] == held:
        return None
    if ghost["never_written_bytes"] or vswap["never_written_bytes"]:
        return None
    return (
        f"The same {_count(held)} pages are compressed in memory, but only zswap over an ordinary"
        f" area reserved {_size(wasted)} of disk for that, and never wrote to it."
    )


def no_disk(least: Figures, classic: Figures, ghost: Figures, vswap: Figures) -> str | None:
    same = classic["compressed"], classic["pgmajfault"]
    if not (least["killed"] and least["no_slot"] and classic["compressed"]):
        return None
    if any((other["compressed"], other["pgmajfault"]) != same for other in (ghost, vswap)):
        return None
    if ghost["reserved_bytes"] > PAGE_SIZE or vswap["reserved_bytes"] or classic["killed"]:
        return None
    return (
        f"With {_size(ghost['reserved_bytes'])} of disk a ghost lets zswap hold"
        f" {_count(same[0])} pages at {_count(same[1])} major faults, as"
        f" {_size(classic['reserved_bytes'])} do and as virtual swap does with none."
        f" With {_size(least['reserved_bytes'])} of slots the process is killed for want of more."
    )


def ghost_write_fails(classic: Figures, ghost: Figures, as_is: Figures) -> str | None:
    written, refused = classic["disk_writes"], ghost["refused"]
    if not (written and refused) or ghost["disk_writes"] or classic["refused"]:
        return None
    if as_is["refused"] or as_is["disk_writes"]:
        return None
    return (
        f"Over an ordinary area pages were written to disk {_count(written)} times. Over a ghost"
        f" none was; {_count(refused)} times one that zswap refused stayed in memory. Linux 6.18,"
        " which stores pages as they are if they do not compress, refused none."
    )


def ghost_writeback(ghost: Figures, mixed: Figures, classic: Figures) -> str | None:
    if ghost["zswpwb"] or not ghost["refused"]:
        return None
    if not (mixed["zswpwb"] and classic["zswpwb"]):
        return None
    end = ", until the process was killed" if ghost["killed"] else ""
    return (
        f"With ghosts alone no page was written back; {_count(ghost['refused'])} times zswap"
        f" refused one{end}. With a disk beside the ghost {_count(mixed['zswpwb'])} pages were"
        f" written back, without a ghost {_count(classic['zswpwb'])}."
    )


def ghost_stuck(ghost: Figures, classic: Figures, vswap: Figures) -> str | None:
    others = classic, vswap
    if not (ghost["stuck_pages"] and ghost["reject_reclaim_fail"]):
        return None
    if any(other["stuck_pages"] or other["reject_reclaim_fail"] for other in others):
        return None
    if not min(other["zswpwb"] for other in others):
        return None
    return (
        f"{_count(ghost['stuck_pages'])} pages have slots of the ghost and can never go to the"
        f" disk beside it; {_count(ghost['reject_reclaim_fail'])} times zswap tried to write one"
        " back in vain. No page is stuck over an ordinary area or with virtual swap."
    )


def too_small(*all_of_them: Figures) -> str | None:
    *sized, vswap = all_of_them
    short = [figures for figures in sized if figures["killed"] and figures["no_slot"]]
    enough = [figures for figures in sized if not figures["killed"] and not figures["no_slot"]]
    if not (short and enough) or vswap["killed"] or vswap["no_slot"]:
        return None
    if any(figures["disk_writes"] or not figures["compressed"] for figures in enough):
        return None
    most = max(figures["reserved_bytes"] for figures in short)
    least = min(figures["reserved_bytes"] for figures in enough)
    if most >= least:
        return None
    return (
        f"With {_size(most)} of slots or less the process was killed for want of one."
        f" {_size(least)} are enough, and not a page of that was written. Virtual swap has no size"
        " to get wrong."
    )


def too_large(small: Figures, classic: Figures, ghost: Figures, vswap: Figures) -> str | None:
    faults = {figures["pgmajfault"] for figures in (small, classic, ghost, vswap)}
    if len(faults) > 1 or 0 in faults:
        return None
    if not classic["never_written_bytes"] > small["never_written_bytes"] > 0:
        return None
    if not classic["metadata_static_bytes"] > small["metadata_static_bytes"]:
        return None
    if ghost["metadata_static_bytes"] != classic["metadata_static_bytes"]:
        return None
    if ghost["never_written_bytes"] or vswap["metadata_static_bytes"]:
        return None
    return (
        f"The work is the same, but {_size(classic['never_written_bytes'])} of disk are wasted in"
        f" place of {_size(small['never_written_bytes'])}, and"
        f" {_size(classic['metadata_static_bytes'])} of memory are taken for slots in place of"
        f" {_size(small['metadata_static_bytes'])}. A ghost of that size saves the disk, not the"
        " memory; virtual swap takes neither."
    )


def xswap(classic: Figures, ghost: Figures, successor: Figures) -> str | None:
    faults = {figures["pgmajfault"] for figures in (classic, ghost, successor)}
    if len(faults) > 1 or 0 in faults or successor["reserved_bytes"]:
        return None
    if successor["metadata_static_bytes"] or not ghost["metadata_static_bytes"]:
        return None
    if not successor["stuck_pages"] == successor["compressed"] == ghost["stuck_pages"] > 0:
        return None
    return (
        f"Idle, an area of {_size(classic['reserved_bytes'])} keeps"
        f" {_size(classic['metadata_static_bytes'])} of memory for slots, as does a ghost of that"
        f" size, and xswap nothing; in use it takes {_size(successor['metadata_dynamic_bytes'])}"
        f" for {_count(successor['compressed'])} pages. None of those can ever go to a disk, as"
        " none of a ghost's can."
    )


def backend_transfer(classic: Figures, ghost: Figures, vswap: Figures) -> str | None:
    if not (classic["movable"] and vswap["movable"]) or ghost["movable"]:
        return None
    if classic["words"] or not classic["disk_slots"] or vswap["disk_slots"]:
        return None
    if classic["ptes"] or vswap["ptes"] or not (vswap["words"] and ghost["ptes"]):
        return None
    return (
        f"zswap over an ordinary area can move {_count(classic['movable'])} pages to disk and"
        f" change nothing, for it had {_count(classic['disk_slots'])} slots there taken all along."
        f" Virtual swap had none, and changes {_count(vswap['words'])} words for"
        f" {_count(vswap['movable'])} pages. Pages of a ghost cannot move: to find what points to"
        f" them, {_count(ghost['ptes'])} page-table entries would have to be read."
    )


def swapoff(classic: Figures, vswap: Figures) -> str | None:
    if not (classic["swapoff_ptes"] and vswap["swapoff_pages"]):
        return None
    if classic["swapoff_minor_faults"] or vswap["swapoff_ptes"]:
        return None
    if not vswap["swapoff_minor_faults"]:
        return None
    return (
        f"To bring {_count(classic['swapoff_pages'])} pages back, swapoff reads all"
        f" {_count(classic['swapoff_ptes'])} page-table entries. With virtual swap it reads none,"
        f" but leaves {_count(vswap['swapoff_minor_faults'])} minor faults for later; and what is"
        " compressed stays, for only the disk is switched off."
    )


def zram_for_ghost(ghost: Figures, zram: Figures) -> str | None:
    both = ghost, zram
    if any(figures["disk_writes"] or figures["reserved_bytes"] > PAGE_SIZE for figures in both):
        return None
    if not all(figures["stuck_pages"] == figures["compressed"] > 0 for figures in both):
        return None
    if not ghost["charged_bytes"] or zram["charged_bytes"] or not zram["pool_bytes"]:
        return None
    return (
        "Neither writes to a disk, and no compressed page can ever go to one:"
        f" {_count(ghost['stuck_pages'])} over the ghost, {_count(zram['stuck_pages'])} in zram."
        f" But for zswap's pool {_size(ghost['charged_bytes'])} are charged to the group, for"
        f" zram's {_size(zram['pool_bytes'])} nothing."
    )


def lru_inversion(zram: Figures, classic: Figures) -> str | None:
    if not zram["swap_ins_disk"] > classic["swap_ins_disk"]:
        return None
    if not zram["lru_inversion_pairs"] > classic["lru_inversion_pairs"]:
        return None
    return (
        f"With zram above it the disk was read {_count(zram['swap_ins_disk'])} times, with zswap"
        f" {_count(classic['swap_ins_disk'])}. Of a page on disk and one in memory, the one on disk"
        f" was touched later in {_percent(zram['lru_inversion_pairs'])} of all pairs with zram, in"
        f" {_percent(classic['lru_inversion_pairs'])} with zswap."
    )


def ssd_flag(hdd: Figures, ssd: Figures, ghost: Figures, both: Figures) -> str | None:
    if hdd["vma_readahead"] or both["vma_readahead"]:
        return None
    if not (ssd["vma_readahead"] and ghost["vma_readahead"]):
        return None
    if not ghost["seeks"] == ssd["seeks"] != hdd["seeks"]:
        return None
    return (
        "The ghost gives slots as an SSD does, out of order"
        f" {_count(ghost['seeks'])} times (the HDD: {_count(hdd['seeks'])}), and with it the kernel"
        " reads ahead by addresses. One HDD among the areas is enough to end that for all of them."
    )


def tiers(free: Figures, bound: Figures) -> str | None:
    if not free["SSD_slots"] > free["app_slots"]:
        return None
    if not (bound["SSD_slots"] == bound["app_slots"] > 0):
        return None
    if not (bound["HDD_slots"] == bound["batch_slots"] > 0):
        return None
    return (
        f"Without masks {_count(free['SSD_slots'])} slots of the SSD are taken, and at least"
        f" {_count(free['SSD_slots'] - free['app_slots'])} of them by batch. With masks all"
        f" {_count(bound['SSD_slots'])} there are app's, and all {_count(bound['HDD_slots'])} on"
        " the HDD are batch's."
    )


def group_writeback(on: Figures, off: Figures) -> str | None:
    if not on["app_disk"] or off["app_disk"] or not off["app_refused"] or on["app_refused"]:
        return None
    if not off["batch_disk"] > on["batch_disk"]:
        return None
    return (
        f"With its writeback off app never read the disk, in place of {_count(on['app_disk'])}"
        f" times; {_count(off['app_refused'])} times a page of its was refused and stayed in"
        f" memory. batch read the disk {_count(off['batch_disk'])} times, in place of"
        f" {_count(on['batch_disk'])}."
    )
