# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that what is left out is added up by reason, and said in words and numbers alike."""

from __future__ import annotations

import json

from ghostswap.pages.source import MISSING, Account, Why


def test_a_thousand_of_one_reason_make_one_line() -> None:
    account = Account("memory")
    for _ in range(1000):
        account.leave(Why.REFUSED, 3, "secret", "be root", what="process")
    account.leave(Why.ENDED, 1, "gone", what="process")
    assert account.words() == [
        "1000 processes: 3000 pages not read: secret (be root)",
        "1 process: 1 page not read: gone",
    ]
    assert account.pages(MISSING) == 3001


def test_bytes_that_meet_make_one_range() -> None:
    account = Account("memory")
    account.leave_bytes(Why.UNREADABLE, 0, 4096, 1, "broken")
    account.leave_bytes(Why.UNREADABLE, 4096, 8192, 1, "broken")
    account.leave_bytes(Why.UNREADABLE, 8192, 8200, 1, "worn")
    account.leave_bytes(Why.DAMAGED, 8200, 8300, 1, "worn")
    account.leave_bytes(Why.DAMAGED, 9000, 9001, 1, "worn")
    assert [left.what for left in account.left] == [
        *("bytes 0-8191", "bytes 8192-8199", "bytes 8200-8299", "bytes 9000-9000"),
    ]


def test_all_that_is_behind_the_end_is_one_range() -> None:
    account = Account("memory")
    for start in range(0, 65536 * 8192, 8192):  # as many mappings as a process may have
        account.leave_bytes(Why.TRUNCATED, start, start + 4096, 1, "cut")
    assert [(left.what, left.pages) for left in account.left] == [("bytes 0-536866815", 65536)]


def test_json_has_all_keys_whatever_happened() -> None:
    nothing, account = Account("memory"), Account("memory")
    account.leave(Why.ZERO, 5, "zeros")
    account.leave_bytes(Why.UNREADABLE, 0, 4096, 1, "broken")
    account.doubts["stale"] += 4
    account.read = 9
    found = json.loads(json.dumps(account.counts()))
    assert found.keys() == json.loads(json.dumps(nothing.counts())).keys()
    assert {key: value for key, value in found.items() if value} == {
        **{"read": 9, "doubtful": 4, "zero": 5, "unreadable": 1},
    }
    assert "4 pages in doubt: stale" in account.words()


def test_accounts_are_added_up() -> None:
    first, other = Account("one"), Account("other")
    for account in (first, other):
        account.leave(Why.SWAPPED, 2, "in swap")
        account.leave_bytes(Why.TRUNCATED, 0, 4096, 1, "cut")
        account.read, account.doubts["why"] = 7, 1
    first.absorb(other)
    counts = first.counts()
    assert (counts["read"], counts["doubtful"], counts["swapped"], counts["truncated"]) == (
        *(14, 2, 4, 2),
    )
