# SPDX-License-Identifier: GPL-2.0-or-later
"""One boot: an initramfs with helper.c and busybox, a script, and what came back by serial line.

No KVM: QEMU's own translator (TCG) runs everywhere, and one CPU of it repeats itself best.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vm.images import Image, Unavailable

HELPER = Path(__file__).with_name("helper.c")
#: MiB of the guest's memory, of its disk with files, and of its disk for swap.
MEMORY, FILES, SWAP = 256, 256, 96
#: Seconds that a boot may take.
PATIENCE = 1800

#: Before the script: everything mounted, and what makes a kernel repeat itself. zswap is set up,
#: for before that it takes any name for a compressor. NVMe drives come late, and in any order.
_INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t debugfs debug /sys/kernel/debug
mount -t cgroup2 cgroup /cgroup
mount -t tmpfs tmp /tmp
for module in {modules}; do insmod /modules/$module; done
rm -rf /modules
files=/dev/{disks[0]} swap=/dev/{disks[1]}
for try in $(seq 100); do [ -b $files ] && [ -b $swap ] && break; sleep 0.1; done
if ! mount -t ext4 $files /mnt; then
	mount -t ext4 $swap /mnt
	swap=$files
fi
echo "+memory" > /cgroup/cgroup.subtree_control
echo 0 > /proc/sys/vm/page-cluster
echo never > /sys/kernel/mm/transparent_hugepage/enabled
echo 0 > /sys/kernel/mm/lru_gen/enabled
echo Y > /sys/module/zswap/parameters/enabled
echo "@release $(uname -r)"
echo "@memtotal $(awk '/MemTotal/ {{print $2}}' /proc/meminfo)"
{script}
echo "@job done"
poweroff -f
"""


@dataclass
class Answers:
    """What one job of a script said: the words behind each key, in order."""

    words: dict[str, list[list[str]]] = field(default_factory=dict)

    def add(self, key: str, words: list[str]) -> None:
        self.words.setdefault(key, []).append(words)

    def __contains__(self, key: str) -> bool:
        return key in self.words

    def number(self, key: str) -> int:
        """The one number behind *key*."""
        ((number,),) = self.words[key]
        return int(number)

    def numbers(self, key: str) -> list[int]:
        """All numbers behind *key*."""
        return [int(word) for words in self.words.get(key, []) for word in words if word]

    def named(self, key: str) -> dict[str, int]:
        """Lines of a name and a number."""
        return {
            words[0]: int(words[1]) for words in self.words.get(key, []) if words[1:2] != ["max"]
        }


def parse(output: str) -> dict[str, Answers]:
    """The answers of a boot by job; those before the first job under ``""``.

    A line counts from its first ``@``, for the kernel may have written something before it.
    """
    jobs = {"": Answers()}
    current = jobs[""]
    for line in output.replace("\r", "").splitlines():
        _, at, answer = line.partition("@")
        key, *words = answer.split(" ")
        if not at or not key:
            continue
        if key == "job":
            current = jobs.setdefault(words[0], Answers())
        else:
            current.add(key, words)
    return jobs


def _entry(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    """One file of a cpio archive of the kind "newc"."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name.encode() + b"\0"
    return b"".join(part + bytes(-len(part) % 4) for part in (head, data))


def cpio(files: Mapping[str, tuple[int, bytes]], directories: Sequence[str] = ()) -> bytes:
    """An archive of *files*, path -> (mode, content), and of empty *directories*."""
    above = {
        "/".join(parts[: depth + 1])
        for parts in (name.split("/")[:-1] for name in files)
        for depth in range(len(parts))
    }
    entries = [(name, stat.S_IFDIR | 0o755, b"", (0, 0)) for name in sorted(above | {*directories})]
    entries.append(("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)))
    entries += [(name, stat.S_IFREG | mode, data, (0, 0)) for name, (mode, data) in files.items()]
    entries.append(("TRAILER!!!", 0, b"", (0, 0)))
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))


def tools(*names: str) -> None:
    """Look whether programs are here.

    :raises Unavailable: naming the packages of those that are not.
    """
    packages = {
        "qemu-system-x86_64": "qemu-system-x86",
        "gcc": "gcc",
        "mke2fs": "e2fsprogs",
        "debootstrap": "debootstrap",
        "apt-get": "apt",
        "dpkg-deb": "dpkg",
    }
    missing = [packages[name] for name in names if shutil.which(name, path=_PATH) is None]
    if missing:
        raise Unavailable(f"missing here: sudo apt install -y {' '.join(missing)}")


_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def compiled(directory: Path) -> bytes:
    """helper.c as a static program.

    :raises Unavailable: where it does not compile.
    """
    program = directory / "helper"
    flags = ("-O2", "-static", "-Wall", "-Wno-unused-result")
    _run("helper.c does not compile", "gcc", *flags, str(HELPER), "-o", str(program))
    return program.read_bytes()


def _run(failed: str, *call: str) -> None:
    environment = {**os.environ, "PATH": _PATH}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{failed}: {done.stderr.strip().splitlines()[-1]}")


def _disk(directory: Path, files: Mapping[str, bytes]) -> Path:
    """An ext4 with *files*. Its blocks are pages, else areas in it lose some to alignment."""
    content, disk = directory / "files", directory / "disk"
    content.mkdir()
    for name, data in files.items():
        (content / name).write_bytes(data)
    options = ("-q", "-t", "ext4", "-b", "4096", "-d", str(content))
    _run("no disk for the guest", "mke2fs", *options, str(disk), f"{FILES}M")
    return disk


def _initrd(directory: Path, image: Image, busybox: bytes, script: str) -> Path:
    disks = ("nvme0n1", "nvme1n1") if image.nvme else ("vda", "vdb")
    init = _INIT.format(modules=" ".join(image.modules), disks=disks, script=script)
    programs = {"bin/busybox": busybox, "bin/helper": compiled(directory), "init": init.encode()}
    return initramfs(directory, image, programs)


def initramfs(directory: Path, image: Image, programs: Mapping[str, bytes]) -> Path:
    """*programs* by their paths, the modules of *image*, and directories to mount things at."""
    archive = {name: (0o755, data) for name, data in programs.items()}
    archive |= {f"modules/{name}": (0o644, data) for name, data in image.modules.items()}
    initrd = directory / "initrd"
    initrd.write_bytes(cpio(archive, ("proc", "sys", "dev", "tmp", "mnt", "cgroup")))
    return initrd


def boot(
    image: Image, busybox: bytes, script: str, files: Mapping[str, bytes], directory: Path
) -> str:
    """Boot *image*, run *script* in it, and wait until it is off.

    The script finds *files* in /mnt, a cgroup v2 tree in /cgroup and ``$swap``, a raw disk.

    :param directory: for what the boot needs; empty.
    :return: what came by serial line until it was off or took too long, for :func:`parse`; the last
        job is ``done`` where the script came to its end.
    :raises Unavailable: where it cannot be made.
    """
    swap = directory / "swap"
    with swap.open("wb") as file:
        file.truncate(SWAP << 20)
    disks = (_disk(directory, files), swap)
    return run(image, _initrd(directory, image, busybox, script), disks, MEMORY)


def run(image: Image, initrd: Path, disks: Sequence[Path], memory: int) -> str:
    """What *image* says by serial line until it is off or took too long.

    :param memory: in MiB.
    """
    drives: list[str] = []
    for number, path in enumerate(disks):
        drives += ["-drive", f"file={path},format=raw,if=none,id=d{number},cache=unsafe"]
        kind = f"nvme,serial={number}" if image.nvme else "virtio-blk-pci"
        drives += ["-device", f"{kind},drive=d{number}"]
    said = initrd.with_name("output")
    with said.open("wb") as output, suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [
                *("qemu-system-x86_64", "-machine", "q35,accel=tcg"),
                *("-cpu", "max", "-smp", "1", "-m", str(memory), "-nographic", "-no-reboot"),
                *("-nodefaults", "-serial", "stdio", "-kernel", str(image.vmlinuz)),
                *("-initrd", str(initrd), *drives),
                *("-append", "console=ttyS0 loglevel=1 panic=-1 mitigations=off"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
    return said.read_text(errors="replace")
