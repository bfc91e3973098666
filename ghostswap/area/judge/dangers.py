# SPDX-License-Identifier: GPL-2.0-or-later
"""What is dangerous, wasteful or odd about an area beside the kernel's verdict, and the cure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ghostswap.area.header import identity, suspend
from ghostswap.area.header.header import PAGE_SIZES, SIGNATURES, SWAP_SPACE, Header, signature_of
from ghostswap.area.header.layout import MAGIC_SIZE
from ghostswap.area.judge import cures
from ghostswap.area.judge.area import Area, Machine
from ghostswap.area.judge.refusal import cure
from ghostswap.area.judge.rules import Verdict
from ghostswap.area.target import target
from ghostswap.area.target.blkid import Signature
from ghostswap.area.target.target import Target
from ghostswap.kernels.rules import Kernel
from ghostswap.units import format_size, printable, shell_quoted

#: /proc/swaps counts KiB in 32 bits.
_SIZE_WRAPS = 1 << 42
#: Of a machine's memory, what an area may take for its slots without a word: one part in this.
_MEMORY_SHARE = 100


class Danger(NamedTuple):
    """One thing to know before the area is used.

    :ivar name: for programs, such as ``bad-pages-underflow``.
    :ivar what: what is there.
    :ivar danger: what may come of it.
    :ivar advice: what to do about it.
    :ivar command: for a shell, where that does it; ``""`` where no command does.
    """

    name: str
    what: str
    danger: str
    advice: str
    command: str = ""

    @property
    def cure(self) -> str:
        """The advice with the command."""
        return cure(self.advice, self.command)


class Seen(NamedTuple):
    """An area with the verdicts on it.

    :ivar blocks_known: whether the file system told where the file's blocks lie.
    :ivar may_be_on: that the area is switched on already is no danger to it.
    """

    area: Area
    machine: Machine
    kernels: Sequence[Kernel]
    verdicts: Sequence[Verdict]
    blocks_known: bool = True
    may_be_on: bool = False

    @property
    def header(self) -> Header | None:
        """With the judging machine's page size, or with the one that its signature is for;
        ``None`` where there is no signature."""
        return self.machine.find(self.area.start)

    @property
    def accepted(self) -> bool:
        """Whether any of the kernels takes it."""
        return any(verdict.accepted for verdict in self.verdicts)

    @property
    def is_ghost(self) -> bool:
        head = self.header
        return head is not None and head.last_page > 0 and self.area.size == head.page_size


def find(seen: Seen, itself: Target | None) -> list[Danger]:
    """What there is to warn of, the worst first.

    :param itself: the target, where it is judged as what it is.
    """
    found: list[Danger] = []
    head = seen.header
    if head is not None:
        for check in _CHECKS:
            found += check(seen, head)
    if itself is not None:
        found[:0] = _unasked(seen, itself)
        found += _careless(seen, itself)
    return found


def duplicate_uuid(area: Area, head: Header, first: str) -> Danger:
    """The warning that an area has the UUID of the one at *first*."""
    return Danger(
        "duplicate-uuid",
        f"its UUID {head.uuid} is that of {printable(first)} as well",
        "by UUID, fstab, swapon -U and resume= find either of them",
        "give it one of its own",
        cures.label(area, "--uuid random"),
    )


def _underflow(seen: Seen, head: Header) -> Iterator[Danger]:
    if not seen.accepted or head.nr_badpages <= head.last_page:
        return
    pages = next(verdict.pages for verdict in seen.verdicts if verdict.pages is not None)
    yield Danger(
        "bad-pages-underflow",
        f"it lists {head.nr_badpages} bad pages and has {head.last_page}: some are listed twice",
        f"the count of its usable pages falls below zero, and the kernel takes it for"
        f" {format_size(pages * seen.machine.page_size)} of swap that is not there",
        "remake the header",
        cures.remake(seen.area, seen.machine, head),
    )


def _memory(seen: Seen, head: Header) -> Iterator[Danger]:
    slots = head.last_page + 1
    judged = zip(seen.kernels, seen.verdicts, strict=True)
    needed = max(
        (k.metadata.slots_memory(slots) for k, verdict in judged if verdict.accepted), default=0
    )
    if needed <= seen.machine.ram // _MEMORY_SHARE:
        return
    yield Danger(
        "memory",
        f"its {slots} slots take {format_size(needed)} of memory as soon as it is switched on",
        f"that is {needed * 100 / seen.machine.ram:.0f} % of the machine's"
        f" {format_size(seen.machine.ram)}, gone whether the area is used or not",
        "declare no more than will be used",
    )


def _hibernation(seen: Seen, head: Header) -> Iterator[Danger]:
    image = suspend.find(seen.area.start, head)
    if image is None:
        return
    yield Danger(
        "hibernation-image",
        f"it holds a hibernation image, or what is left of one: {image.signature}",
        "resuming from an image older than the last boot destroys mounted file systems, and"
        " using the area as swap destroys the image",
        "resume from it, or discard it",
        cures.remake(seen.area, seen.machine, head),
    )


def _second_signature(seen: Seen, head: Header) -> Iterator[Danger]:
    for size in PAGE_SIZES:
        magic = signature_of(seen.area.start[size - MAGIC_SIZE : size])
        if size != head.page_size and magic is not None:
            yield Danger(
                "second-signature",
                f"beside the signature for pages of {format_size(head.page_size)} there is one for"
                f" {format_size(size)}: {SIGNATURES[magic]}",
                "tools that look for other page sizes first, such as blkid, and kernels with such"
                " pages take the area for something else",
                "have it wiped",
                cures.remake(seen.area, seen.machine, head),
            )
    others = seen.area.holds.signatures
    if others:
        places = (f"{old.type} (byte {old.offset - seen.area.offset})" for old in others)
        yield Danger(
            "second-signature",
            f"it also holds {' and '.join(places)}",
            "blkid names that in place of swap, or nothing, and so swapon -L, swapon -U and fstab"
            " do not find the area",
            *_wipe(seen, head, others),
        )


def _wipe(seen: Seen, head: Header, others: Sequence[Signature]) -> tuple[str, str]:
    """How to be rid of other signatures: (advice, command)."""
    uuid = next(field for field in head.fields() if field.name == "sws_uuid")
    places = [old.offset - seen.area.offset - uuid.offset for old in others]
    are_uuid = [0 <= place < uuid.size for place in places]
    # A new header would keep what the UUID is taken for.
    steps = [cures.label(seen.area, "--uuid random")] if any(are_uuid) else []
    if not all(are_uuid):
        steps.append(cures.remake(seen.area, seen.machine, head))
    return "have them gone", " && ".join(filter(None, steps))


def _ghost(seen: Seen, head: Header) -> Iterator[Danger]:
    if not seen.is_ghost:
        return
    yield Danger(
        "ghost",
        f"it is a ghost swapfile: it declares {format_size(head.declared_size)} and holds no page",
        "no released kernel takes it; one with the ghost swapfile RFC keeps in memory what zswap"
        " does not take, which without zswap is everything",
        "boot such a kernel and enable zswap: echo 1 > /sys/module/zswap/parameters/enabled",
    )


def _size_wraps(seen: Seen, head: Header) -> Iterator[Danger]:
    size = head.usable_pages * seen.machine.page_size
    pages = [verdict.pages for verdict in seen.verdicts if verdict.pages is not None]
    if not pages or size < _SIZE_WRAPS:
        return
    yield Danger(
        "size-wraps",
        f"it has {format_size(size)}, and /proc/swaps counts KiB in 32 bits",
        f"/proc/swaps, swapon -s and free show {format_size(pages[0] * seen.machine.page_size)};"
        " the kernel itself uses all of it",
        "split it into areas below 4 TiB, if what is shown matters",
    )


def _lost_pages(seen: Seen, head: Header) -> Iterator[Danger]:
    mapped, declared = seen.area.mapped_pages, head.last_page + 1
    if not seen.accepted or seen.is_ghost or mapped is None or mapped >= declared:
        return
    yield Danger(
        "lost-pages",
        f"of the {declared} pages declared the kernel uses {mapped}: the blocks of the rest do not"
        " form whole, aligned pages on the device",
        f"{format_size((declared - mapped) * seen.machine.page_size)} lie idle",
        "make the file anew where there is room in one piece, on blocks as large as a page",
    )


def _duplicate_bad_pages(seen: Seen, head: Header) -> Iterator[Danger]:
    twice = len(head.badpages) - len(set(head.badpages))
    if not seen.accepted or not twice or head.nr_badpages > head.last_page:
        return
    yield Danger(
        "duplicate-bad-pages",
        f"{twice} of its {head.nr_badpages} bad pages are listed more than once",
        f"each entry takes a page off: {twice} good pages are not counted, and from Linux 7.1 on"
        " the area is refused",
        "list them once",
        cures.remake(seen.area, seen.machine, head),
    )


def _longer(seen: Seen, head: Header) -> Iterator[Danger]:
    spare = seen.area.size // head.page_size - (head.last_page + 1)
    if spare > 0 and head.last_page:
        yield Danger(
            "longer-than-declared",
            f"{format_size(spare * head.page_size)} lie behind what the header declares",
            "they are never used",
            "declare them",
            cures.remake(seen.area, seen.machine, head),
        )


def has_names(head: Header) -> bool:
    """Whether label and UUID are what they seem, and can be changed."""
    return head.version == 1 and head.last_page > 0 and head.signature != SWAP_SPACE


def _label(seen: Seen, head: Header) -> Iterator[Danger]:
    if not has_names(head):
        return
    text, end, _ = head.sws_volume.partition(b"\0")
    faults = []
    if not end:
        faults.append("has no NUL behind it")
    try:
        if not text.decode("utf-8").isprintable():
            faults.append("has characters that a terminal would obey or not show")
    except UnicodeDecodeError:
        faults.append("is not UTF-8")
    if faults:
        yield Danger(
            "label",
            f'its label "{printable(head.label)}" {" and ".join(faults)}',
            "tools print, cut or escape it each in their own way, and may not find the area by it",
            "give it one that tools can show",
            cures.label(seen.area, f"--label={shell_quoted(_showable(head.label))}"),
        )


def _showable(label: str) -> str:
    """What of a label every tool shows."""
    shown = "".join(character for character in label if character.isprintable())
    return identity.encode_label(shown)[0].decode().strip()


def _byte_order(seen: Seen, head: Header) -> Iterator[Danger]:
    if head.version == 1 and head.byte_order != seen.machine.byte_order:
        yield Danger(
            "byte-order",
            f"its numbers are {head.byte_order} endian, the machine's are not",
            "none to swapping, the kernel turns them round; a hibernated machine of the other order"
            " would not know its image",
            "none needed; in the machine's own order",
            cures.remake(seen.area, seen.machine, head),
        )


_CHECKS: tuple[Callable[[Seen, Header], Iterator[Danger]], ...] = (
    _underflow,
    _hibernation,
    _memory,
    _ghost,
    _second_signature,
    _size_wraps,
    _lost_pages,
    _duplicate_bad_pages,
    _label,
    _byte_order,
    _longer,
)


def _unasked(seen: Seen, itself: Target) -> Iterator[Danger]:
    """What swapon(2) does not ask, and what only it can tell."""
    if not seen.accepted:
        return
    if not seen.blocks_known:
        yield Danger(
            "estimate",
            f"{itself.fstype or 'its file system'} does not tell where the file's blocks lie",
            "the verdict and the number of pages are an estimate: holes, and blocks that form no"
            " whole page, or lie on several devices, may have been overlooked",
            "ask as root; of some file systems only swapon(8) itself can tell",
        )
    if seen.area.encrypted:
        yield Danger(
            "encrypted",
            "its file system encrypts the file, and swapping passes by the encryption",
            "what processes hold in memory lies on the disk in plain text",
            "put the area on dm-crypt, or a loop device over the file",
        )
    if itself.kind == "block" and _is_read_only(itself.fd):
        yield Danger(
            "read-only-device",
            "the device is read-only, which swapon(2) does not ask",
            "every page written to it fails and stays in memory",
            "",
            f"blockdev --setrw {seen.area.shell_path}",
        )
    user = target.in_use(itself, swap=not seen.may_be_on)
    if user is not None:
        yield Danger(
            "used-elsewhere",
            f"the file {user}, and the kernel does not see that they are the same",
            "swapping to it destroys what is there, and is destroyed by it",
            "use one of the two only",
        )


def _careless(seen: Seen, itself: Target) -> Iterator[Danger]:
    """As swapon(8) warns."""
    proposed = itself.insecure
    if proposed is not None:
        yield Danger(
            "insecure-mode",
            f"its permissions are {itself.mode:04o}",
            "others may read what processes hold in memory, or change it",
            "",
            f"chmod {proposed:04o} {seen.area.shell_path}",
        )
    if itself.kind == "file" and itself.uid != 0:
        yield Danger(
            "insecure-owner",
            f"it belongs to user {itself.uid}",
            "that user may read what processes hold in memory, or change it",
            "",
            f"chown 0:0 {seen.area.shell_path}",
        )


def _is_read_only(fd: int) -> bool:
    number = os.fstat(fd).st_rdev
    try:
        path = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/ro"
        with open(path, encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False
