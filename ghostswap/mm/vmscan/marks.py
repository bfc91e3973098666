# SPDX-License-Identifier: GPL-2.0-or-later
"""What a touch that reclaim finds does to a page of MGLRU: a mark, a younger generation."""

from __future__ import annotations

from collections.abc import Callable

from ghostswap.kernels.rules import MglruRules
from ghostswap.mm.vmscan.generations import OFF, REFS, REFS_SHIFT, Folios, Generations
from ghostswap.mm.vmscan.lruvec import REFERENCED, WORKINGSET

_USED = REFERENCED | WORKINGSET


class Marks:
    """The rules of one kernel.

    :param activate: ``folio_activate()``.
    :ivar takes_isolated: pages that are on no list are marked too; else their accessed bit stays.
    """

    def __init__(self, rules: MglruRules, folios: Folios, activate: Callable[[int], None]) -> None:
        self.takes_isolated = rules.promotes_at_once
        self._at_once = rules.promotes_at_once
        self._counts_refs = rules.counts_refs
        self._folios = folios
        self._activate = activate

    def walked(self, page: int, gen: int, generations: Generations) -> None:
        """``folio_update_gen()``: a walk found *page* young; *gen* is the youngest generation."""
        folios = self._folios
        is_off = folios.gen[page] == OFF
        if self._at_once:
            if is_off:
                folios.state[page] |= REFERENCED
                return
        elif not folios.state[page] & _USED:
            folios.mark(page)
            return
        if not is_off:
            folios.clear_refs(page, workingset=not self._at_once)
            generations.update(page, gen)

    def seen(self, page: int, gen: int) -> None:
        """The rest of ``lru_gen_look_around()``: *page*, a neighbour, was young."""
        folios = self._folios
        is_off = folios.gen[page] == OFF
        if self._at_once:
            if is_off:
                folios.state[page] |= REFERENCED
            elif folios.gen[page] != gen:
                folios.clear_refs(page, workingset=False)
                self._activate(page)
        elif self.set_refs(page) and not is_off and folios.gen[page] != gen:
            self._activate(page)

    def set_refs(self, page: int) -> bool:
        """``lru_gen_set_refs()``: whether *page* was touched before, too."""
        folios = self._folios
        if not folios.state[page] & _USED:
            folios.mark(page)
            return False
        if self._counts_refs and folios.refs(page) <= 1:
            self._inc_refs(page)
        else:
            folios.clear_refs(page, workingset=True)
        return True

    def _inc_refs(self, page: int) -> None:
        """``lru_gen_inc_refs()``"""
        folios = self._folios
        if not folios.state[page] & REFERENCED:
            folios.mark(page)
        elif folios.marks[page] & REFS == REFS:
            folios.state[page] |= WORKINGSET
        else:
            folios.marks[page] += 1 << REFS_SHIFT
