# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be wrong with swap areas: too few, refused, damaged, or none to resume from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ghostswap.advise.finding import Said, named, swapoff, swapon
from ghostswap.advise.of_zswap import ON
from ghostswap.live.seen.areas import AreaState, ResumeState
from ghostswap.live.seen.status import Status
from ghostswap.units import exact_size, format_size, printable, shell_word

#: Of all slots, how many may be taken without a word.
_MOST_USED = 0.9
#: Of a file, what the kernel may leave out without a word.
_LOST = 0.01
_MIB = 1 << 20
#: The size that is proposed for a first area: nobody knows yet what is needed.
_FIRST = 2 << 30
_HIGHEST = 32767  # SWAP_FLAG_PRIO_MASK


def none(seen: Status) -> Iterator[Said]:
    """No area is on."""
    if seen.active or any(area.configured for area in seen.areas) or not seen.ram:
        return
    on = seen.zswap is not None and seen.zswap.enabled
    yield Said(
        "no swap area is on" + (", so zswap, which is on, does nothing" if on else ""),
        "what programs hold and never touch stays in memory for good; once that is full, the"
        " kernel kills processes",
        _new_file(seen, _FIRST),
    )


def slots(seen: Status) -> Iterator[Said]:
    """Hardly a slot is left."""
    if not seen.size or seen.used < _MOST_USED * seen.size:
        return
    yield Said(
        f"{format_size(seen.used)} of {format_size(seen.size)} of swap slots are taken",
        "without a slot no page can leave memory, however little zswap would need for it, and the"
        " kernel kills processes",
        _more_slots(seen),
    )


def _more_slots(seen: Status) -> str:
    """A further area, as large as those there are, where there is room for it."""
    if any(area.medium != "zram" for area in seen.active):
        return _new_file(seen, seen.size)
    size = exact_size(-(-seen.size // _MIB) * _MIB)
    make = f'device=$(zramctl --find --size {size}) && mkswap "$device"'
    return f'{make} && swapon --priority {seen.active[0].priority or 0} "$device"'


def _new_file(seen: Status, most: int, *more: str) -> str:
    """Make a swap file of *most* bytes and switch it on, or of half of what is free.

    :param more: commands between both.
    """
    size = min(most, seen.room.free // 2)
    size -= size % _MIB
    if not size:
        return "make a swap area on a disk, where there is room: man ghostswap-mkswap"
    word = shell_word(seen.room.path)
    make = f"ghostswap mkswap --file --size {exact_size(size)} {word}"
    return " && ".join((make, *more, f"swapon {word}"))


def missing(seen: Status) -> Iterator[Said]:
    """fstab asks for an area that is not there."""
    for area in seen.areas:
        if area.active or area.refusal is None or area.refusal.errno != "ENOENT":
            continue
        place = re.sub(r"[][.*^$\\|]", r"\\\g<0>", area.configured)
        comment = shell_word(f"\\|^[[:space:]]*{place}[[:space:]]|s|^|#|")
        yield Said(
            f"/etc/fstab asks for swap on {printable(area.configured)}, which is not there",
            "booting waits for it, and goes on without swap",
            f"sed -i {comment} /etc/fstab",
        )


def refused(seen: Status) -> Iterator[Said]:
    """fstab asks for an area that the kernel does not take."""
    for area in seen.areas:
        if area.active or area.refusal is None or area.refusal.errno == "ENOENT":
            continue
        command = area.refusal.command
        yield Said(
            f"/etc/fstab asks for swap on {printable(area.configured)}, which the kernel refuses",
            area.refusal.reason,
            f"{command} && {swapon(area)}" if command else area.refusal.cure,
        )


def off(seen: Status) -> Iterator[Said]:
    """fstab asks for an area that is good and off."""
    for area in seen.areas:
        if not area.active and area.refusal is None and area.configured:
            yield Said(
                f"/etc/fstab asks for swap on {printable(area.configured)}, which is off",
                "somebody has switched it off, or has not switched it on yet",
                swapon(area),
            )


def danger(name: str, seen: Status) -> Iterator[Said]:
    """What ``ghostswap validate`` warns of under *name*."""
    for area in seen.areas:
        for found in area.dangers:
            if found.name == name:
                yield Said(
                    f"{printable(area.path)}: {found.what}",
                    found.danger,
                    _around(area, found.command) if found.command else found.cure,
                )


def lost_pages(seen: Status) -> Iterator[Said]:
    """A file lies in pieces, of which the kernel leaves a good part out."""
    for area in seen.areas:
        lost = area.length - area.size
        if not area.active or lost < _LOST * area.length:
            continue  # where blocks are smaller than pages, each piece loses one at either end
        for found in area.dangers:
            if found.name == "lost-pages":
                word = shell_word(area.path)
                anew = f"ghostswap mkswap --file --size {exact_size(area.length)} {word}"
                yield Said(
                    f"{printable(area.path)}: {found.what}",
                    found.danger,
                    f"{swapoff(area)} && rm {word} && {anew} && {swapon(area)}",
                )


def _around(area: AreaState, command: str) -> str:
    """*command*, with the area off meanwhile where it must be."""
    if not area.active or "ghostswap " not in command:
        return command
    return f"{swapoff(area)} && {command} && {swapon(area)}"


def rotational_first(seen: Status) -> Iterator[Said]:
    """A disk that seeks is filled before one that does not."""
    slow = next((area for area in seen.active if area.medium == "rotational"), None)
    if slow is None or slow.priority is None:
        return
    for fast in seen.active:
        if fast.medium == "solid state" and (fast.priority or 0) < slow.priority < _HIGHEST:
            yield Said(
                f"{named(slow)} seeks, and stands above {named(fast)}, which does not",
                "the slower disk is filled first",
                f"{swapoff(fast)} && {swapon(fast, max(slow.priority + 1, 0))}",
            )
            return


def resume_elsewhere(seen: Status) -> Iterator[Said]:
    """The kernel looks for a hibernation image where no area is."""
    resume = seen.resume
    if resume is None or resume.area is not None or _only_zram(seen):
        return
    yield Said(
        f"the kernel looks for a hibernation image at {printable(resume.asked)}, where no swap area"
        " is",
        "the machine does not hibernate, or loses what it has written when it boots",
        _command_line(resume),
    )


def resume_zram(seen: Status) -> Iterator[Said]:
    """The kernel looks for a hibernation image, and all swap is in memory."""
    resume = seen.resume
    if resume is None or resume.area is not None or not _only_zram(seen):
        return
    on = "" if seen.zswap is None or seen.zswap.enabled else f" && {ON}"
    yield Said(
        f"the kernel looks for a hibernation image at {printable(resume.asked)}, and all swap is in"
        " zram",
        "zram is gone when the power is off: there is no place to resume from",
        _new_file(seen, seen.ram, swapoff(*seen.active)) + on,
    )


def resume_small(seen: Status) -> Iterator[Said]:
    """The area that an image goes to has less room than an image may take."""
    resume = seen.resume
    if resume is None or resume.area is None or resume.image_size is None:
        return
    size = resume.area.size
    if size >= resume.image_size:
        return
    yield Said(
        f"{printable(resume.area.path)} has {format_size(size)}, and a hibernation image may take"
        f" {format_size(resume.image_size)}",
        "the machine does not hibernate when memory is full",
        f"echo {size} > /sys/power/image_size",
    )


def _only_zram(seen: Status) -> bool:
    return bool(seen.active) and all(area.medium == "zram" for area in seen.active)


def _command_line(resume: ResumeState) -> str:
    """How to have the kernel look where an area is."""
    if not resume.others:
        return "make a swap area on a disk, and have it on the kernel command line as resume="
    words = resume.others[0]
    if resume.loader == "update-grub":
        line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"'
        return f"echo {shell_word(line)} > /etc/default/grub.d/resume.cfg && update-grub"
    if resume.loader == "grubby":
        return f"grubby --update-kernel=ALL --args={shell_word(words)}"
    return f"have this on the kernel command line: {words}"
