# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that set what is advised at every boot, and scripts that apply and undo it now.

Formats: tmpfiles.d(5), sysctl.d(5), systemd.swap(5), fstab(5), zram-generator.conf(5), and
/etc/default/zramswap of Debian's zram-tools. zswap is no module: modprobe.d(5) never sets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import ZSWAP, limit_file, makes_device, replaced
from ghostswap.advise.finding import swapoff, swapon
from ghostswap.advise.needs.groups import GroupLimit
from ghostswap.advise.sizes import Setting
from ghostswap.designs import table
from ghostswap.live.seen.areas import AreaState
from ghostswap.live.seen.tree import Tree
from ghostswap.live.seen.zswap import PARAMETERS
from ghostswap.units import exact_size, shell_word

_GENERATOR = "/usr/lib/systemd/system-generators/zram-generator"
_SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_LIBRARIES = ("/usr/lib/systemd", "/lib/systemd", "/usr/lib64/systemd")
#: Knows MemoryZSwapMax=.
_KNOWS_ZSWAP_MAX = 253
_ZRAMSWAP = "/etc/default/zramswap"
_MIB = 1 << 20
_SYSCTL = "etc/sysctl.d/90-ghostswap.conf"
_TMPFILES = "etc/tmpfiles.d/ghostswap-zswap.conf"


class Installed(NamedTuple):
    """What could read such files on the host.

    :ivar version: of systemd, 0 where nobody tells.
    """

    systemd: bool
    zram_generator: bool
    zramswap: bool
    version: int = 0


def installed(tree: Tree) -> Installed:
    """Look at what is there."""
    debian = (name for name in tree.names("/usr/lib") if "-linux-gnu" in name)
    folders = (*_LIBRARIES, *(f"/usr/lib/{name}/systemd" for name in debian))
    names = [name for folder in folders for name in tree.names(folder)]
    return Installed(
        systemd=any(tree.exists(path) for path in _SYSTEMD),
        zram_generator=tree.exists(_GENERATOR),
        zramswap=tree.exists(_ZRAMSWAP),
        version=max((number for name in names if (number := _version(name))), default=0),
    )


def _version(name: str) -> int:
    """The version that a shared library of systemd is named by; 0 for another file."""
    match = re.fullmatch(r"libsystemd-shared-(\d+)\b.*\.so", name)
    return int(match[1]) if match else 0


def files(found: Advice, here: Installed) -> dict[str, str]:
    """Paths below a directory, and the text of each; those that end in ``.sh`` are to be run."""
    settings = {setting.name: setting for setting in found.settings}
    made = {_SYSCTL: _sysctl(found.settings)}
    fstab = ""
    if table.get(found.choice.design).is_zram:
        if here.zram_generator:
            made["etc/systemd/zram-generator.conf"] = _generator(settings)
        elif here.zramswap:
            made[_ZRAMSWAP[1:]] = _zramswap(settings)
        lines = ((*_apply_zram(found, settings),), (*_undo_zram(settings),))
    else:
        made[_TMPFILES] = _tmpfiles(settings)
        path = found.place.seen.room.path
        if found.choice.disk and here.systemd:
            made[f"etc/systemd/system/{unit_name(path)}"] = _unit(settings["area"], path)
        elif found.choice.disk:
            fstab = f"{path} none swap defaults,nofail 0 0"
            made["fstab.line"] = f"# {settings['area'].because}\n{fstab}\n"
        if here.systemd:
            made |= dict(_drop_ins(found.limits.wanted, here.version))
        lines = ((*_apply_zswap(found),), (*_undo_zswap(found),))
    zram = replaced(found)
    lines = ((*lines[0], *_switch_off(zram)), (*_switch_on(zram), *lines[1]))
    limited = [limit_file(one.path) for one in found.limits.wanted if one.path]
    copied = sorted(name for name in made if name.startswith("etc/"))
    made["apply.sh"] = _apply(copied, found.settings, lines[0], fstab)
    made["undo.sh"] = _undo(copied, found.settings, lines[1], fstab, limited)
    return made


def unit_name(path: str) -> str:
    r"""The name of the unit for a swap file, as systemd-escape(1) has it.

    >>> unit_name("/var/swap/ghost.swap"), unit_name("/a b")
    ('var-swap-ghost.swap.swap', 'a\\x20b.swap')
    """
    parts = [re.sub(r"[^A-Za-z0-9:_.]", _hex, part) for part in path.split("/") if part]
    return re.sub(r"^\.", _hex, "-".join(parts)) + ".swap"


def _hex(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _reasoned(setting: Setting | GroupLimit, line: str) -> Iterator[str]:
    yield f"# {setting.because}"
    yield line


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _sysctl(settings: Iterable[Setting]) -> str:
    return _text(
        line
        for one in settings
        if one.name.startswith("vm.")
        for line in _reasoned(one, f"{one.name} = {one.value}")
    )


def _tmpfiles(settings: Mapping[str, Setting]) -> str:
    words = " ".join(f"zswap.{name}={settings[name].value}" for name in ZSWAP if name in settings)
    lines = [f"# zswap is no module; earlier than this: {words} on the kernel command line"]
    for name in ZSWAP:
        if name in settings:
            one = settings[name]
            lines += _reasoned(one, f"w- {PARAMETERS}/{name} - - - - {one.value}")
    return _text(lines)


def _unit(area: Setting, path: str) -> str:
    return _text(
        (
            "[Unit]",
            "Description=Swap file that ghostswap advised",
            "",
            "[Swap]",
            f"# {area.because}",
            f"What={path.replace('%', '%%')}",
            "",
            "[Install]",
            "WantedBy=swap.target",
        )
    )


def _drop_ins(groups: Iterable[GroupLimit], version: int) -> Iterator[tuple[str, str]]:
    """For each of *groups* that is a unit, the file that limits it at each start."""
    for one in groups:
        kind = one.unit.rpartition(".")[2]
        if version >= _KNOWS_ZSWAP_MAX:
            line = f"MemoryZSwapMax={one.value}"
        else:  # which would be ignored
            echo = shell_word(f"echo {one.value} > {limit_file(one.path)}".replace("%", "%%"))
            line = f"ExecStartPost=+/bin/sh -c {echo}"
        if kind and (version >= _KNOWS_ZSWAP_MAX or (kind == "service" and one.path)):
            text = _text((f"[{kind.capitalize()}]", *_reasoned(one, line)))
            yield f"etc/systemd/system/{one.unit}.d/90-ghostswap.conf", text


def _generator(settings: Mapping[str, Setting]) -> str:
    size, limit = settings["disksize"], settings["mem_limit"]
    lines = ["[zram0]", *_reasoned(size, f"zram-size = {int(size.value) // _MIB}")]
    compressor = settings["compressor"]
    lines += _reasoned(compressor, f"compression-algorithm = {compressor.value}")
    lines += _reasoned(settings["priority"], f"swap-priority = {settings['priority'].value}")
    if limit.value:
        lines += _reasoned(limit, f"zram-resident-limit = {int(limit.value) // _MIB}")
    return _text(lines)


def _zramswap(settings: Mapping[str, Setting]) -> str:
    size, compressor = settings["disksize"], settings["compressor"]
    return _text(
        (
            *_reasoned(compressor, f"ALGO={compressor.value}"),
            *_reasoned(size, f"SIZE={int(size.value) // _MIB}"),
            *_reasoned(settings["priority"], f"PRIORITY={settings['priority'].value}"),
        )
    )


# The scripts

_HEAD = """\
#!/bin/sh
# {what} Written by ghostswap advise; for root.
set -eu
cd "$(dirname "$0")"
"""
_APPLY = """\
# What was there is kept in before/, once, for undo.sh.
put() {
    directory=$(dirname "$1")
    if [ ! -e "before/put/$1" ]; then
        mkdir -p "before/$directory" "before/put/$directory"
        if [ -e "/$1" ]; then
            cp -p "/$1" "before/$1"
        fi
        # It has something in it where the directory is a new one.
        : > "before/put/$1"
        [ -d "/$directory" ] || echo "$directory" > "before/put/$1"
    fi
    mkdir -p "/$directory"
    cp "$1" "/$1"
}
write() {
    kept="before/values$2"
    if [ ! -e "$kept" ]; then
        mkdir -p "$(dirname "$kept")"
        cat "$2" > "$kept"
    fi
    echo "$1" > "$2"
}
mkdir -p before
"""
_UNDO = """\
if [ ! -d before ]; then
    echo "$0: apply.sh has not run, so there is nothing to undo" >&2
    exit 1
fi
back() {
    if [ -e "before/$1" ]; then
        cp -p "before/$1" "/$1"
    elif [ -e "before/put/$1" ]; then
        rm -f "/$1"
        if [ -s "before/put/$1" ]; then
            rmdir "/$(dirname "$1")" 2> /dev/null || : # somebody has put something into it
        fi
    fi
}
off() {
    if grep -q "^$1 " /proc/swaps; then
        swapoff "$1"
    fi
}
rewrite() {
    kept="before/values$1"
    if [ -e "$kept" ]; then
        cat "$kept" > "$1"
    fi
}
"""
_RELOAD = """\
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
"""


def _apply(
    copied: Iterable[str], settings: Iterable[Setting], lines: Iterable[str], fstab: str
) -> str:
    parts = [_HEAD.format(what="Sets what is advised."), _APPLY, _text(lines)]
    parts += (f"put {shell_word(name)}\n" for name in copied)
    if fstab:
        word = shell_word(fstab)
        parts.append(f"grep -qxF {word} /etc/fstab || echo {word} >> /etc/fstab\n")
    for one in settings:
        if one.name.startswith("vm."):
            parts.append(f"# {one.because}\nwrite {one.value} {_proc(one)}\n")
    parts.append(_RELOAD)
    parts += (_enable(name) for name in copied if name.endswith(".swap"))
    return "".join((*parts, 'echo "All of it is set; undo.sh takes it back."\n'))


def _undo(
    copied: Iterable[str],
    settings: Iterable[Setting],
    lines: Iterable[str],
    fstab: str,
    limited: Iterable[str],
) -> str:
    parts = [_HEAD.format(what="Takes back what apply.sh did."), _UNDO]
    parts += (_enable(name, "disable") for name in copied if name.endswith(".swap"))
    parts.append(_text(lines))
    parts += (f"back {shell_word(name)}\n" for name in copied)
    if fstab:
        word = shell_word(fstab)
        parts.append(
            "mkdir -p before\n"
            f"grep -vxF {word} /etc/fstab > before/fstab || test $? = 1\n"
            "cat before/fstab > /etc/fstab\n"
        )
    parts += (f"rewrite {_proc(one)}\n" for one in settings if one.name.startswith("vm."))
    parts.append(_RELOAD)
    # systemd writes the limits that it knows as it reloads, and takes none back.
    parts += (f"[ ! -e {file} ] || rewrite {file}\n" for file in limited)
    parts.append('rm -rf before\necho "All is as it was before apply.sh."\n')
    return "".join(parts)


def _enable(name: str, verb: str = "enable") -> str:
    unit = shell_word(name.rpartition("/")[2])
    return f"if [ -d /run/systemd/system ]; then\n    systemctl {verb} {unit}\nfi\n"


def _proc(setting: Setting) -> str:
    return f"/proc/sys/{setting.name.replace('.', '/')}"


def _apply_zswap(found: Advice) -> Iterator[str]:
    choice = found.choice
    settings = {one.name: one for one in found.settings}
    for name in ZSWAP:
        if name in settings:
            yield f"# {settings[name].because}"
            yield f"write {settings[name].value} {PARAMETERS}/{name}"
    path = shell_word(found.place.seen.room.path)
    if choice.disk or choice.design == "ghost":
        kind, size = ("--file ", choice.disk) if choice.disk else ("", choice.size)
        yield f"# {settings['area'].because}"
        yield f"if [ ! -e {path} ]; then"
        yield f'    "${{GHOSTSWAP:-ghostswap}}" mkswap {kind}--size {exact_size(size)} {path}'
        yield "    : > before/area"
        yield f"    swapon {path}"
        yield "fi"
    for one in found.limits.wanted:
        if one.path:
            yield f"# {one.because}"
            yield f"[ ! -e {limit_file(one.path)} ] || write {one.value} {limit_file(one.path)}"


def _undo_zswap(found: Advice) -> Iterator[str]:
    path = shell_word(found.place.seen.room.path)
    yield "if [ -e before/area ]; then"
    yield f"    off {path}"
    yield f"    rm -f {path}"
    yield "fi"
    names = {one.name for one in found.settings}
    for name in reversed(ZSWAP):  # off comes first
        if name in names:
            yield f"rewrite {PARAMETERS}/{name}"


def _switch_off(zram: Iterable[AreaState]) -> Iterator[str]:
    for area in zram:
        path = shell_word(area.path)
        yield "# what is advised takes its place: two pools would compress the same twice"
        yield f'if grep -q "^{path} " /proc/swaps; then'
        yield "    mkdir -p before/off/dev"
        yield f"    : > before/off{path}"
        yield f"    {swapoff(area)}"
        yield "fi"


def _switch_on(zram: Iterable[AreaState]) -> Iterator[str]:
    for area in zram:
        path = shell_word(area.path)
        yield f'if [ -e before/off{path} ] && ! grep -q "^{path} " /proc/swaps; then'
        # After another boot it may be gone.
        yield f'    {swapon(area)} || echo "$0: {path} stays off" >&2'
        yield "fi"


def _apply_zram(found: Advice, settings: Mapping[str, Setting]) -> Iterator[str]:
    size, limit = settings["disksize"], settings["mem_limit"]
    off = settings.get("zswap.enabled")
    if off is not None:
        yield f"# {off.because}"
        yield f"write {off.value} {PARAMETERS}/enabled"
    if not makes_device(found):
        return
    yield f"# {size.because}"
    yield "if [ ! -e before/zram ]; then"
    yield "    [ -d /sys/class/zram-control ] || modprobe zram"
    yield "    ls /sys/block > before/block"
    bytes_, compressor = exact_size(int(size.value)), settings["compressor"].value
    yield f"    device=$(zramctl --find --algorithm {compressor} --size {bytes_})"
    yield '    echo "${device#/dev/}" > before/zram'
    if limit.value:
        yield f"    # {limit.because}"
        yield f'    echo {limit.value} > "/sys/block/${{device#/dev/}}/mem_limit"'
    yield '    mkswap "$device"'
    yield f'    swapon --discard --priority {settings["priority"].value} "$device"'
    yield "fi"


def _undo_zram(settings: Mapping[str, Setting]) -> Iterator[str]:
    yield "if [ -e before/zram ]; then"
    yield "    name=$(cat before/zram)"
    yield '    off "/dev/$name"'
    yield "    ! command -v udevadm > /dev/null || udevadm settle"  # it looks at what was closed
    # zramctl --reset takes the device away, also one that was there before.
    yield '    echo 1 > "/sys/block/$name/reset"'
    yield '    grep -qx "$name" before/block ||'
    yield '        echo "${name#zram}" > /sys/class/zram-control/hot_remove'
    yield "fi"
    if "zswap.enabled" in settings:
        yield f"rewrite {PARAMETERS}/enabled"
