# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m vm.systemd``: what ``advise --emit`` writes, under Debian 13 with systemd as init.

Two services hold memory. The first boot measures them, applies what is advised, and has their pages
leave; the second one finds it set by the files alone, and undoes it. For root; it takes debootstrap
and pip, and some minutes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from conftest import ROOT

from vm import images
from vm.guest import Answers, initramfs, parse, run, tools
from vm.images import Unavailable
from vm.table import Answer

SUITE, PYTHON, KERNEL = "trixie", "3.13", "6.12"
#: MiB of the guest and of its disk; what the machine is said to have, so that its pool is short.
MEMORY, DISK, RAM = 1024, 1600, 64
#: MiB that the services hold, and how many bytes of each page are random.
SERVICES = {"hog": (40, 2400), "light": (12, 100)}

_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module; done
mount -t ext4 /dev/vda /mnt
exec switch_root /mnt /sbin/init
"""
_HOLD = """\
import mmap, os, random, signal, sys
size, noise = int(sys.argv[1]) << 20, int(sys.argv[2])
memory, dice = mmap.mmap(-1, size, mmap.MAP_PRIVATE), random.Random(7)
for at in range(0, size, 4096):
    memory[at : at + noise] = dice.randbytes(noise)
open(sys.argv[3], "w").close()
signal.pause()
"""
SERVICE = """\
[Service]
RuntimeDirectory={name}
ExecStart=/usr/bin/python3 /opt/hold.py {size} {noise} /run/{name}/filled
"""
_ASKED = """\
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/asked.sh
"""
_TARGET = "[Unit]\nRequires=basic.target asked.service\nAfter=basic.target\n"
#: Keys of what the script says more than once: a name and a value.
_SAID = ("zswap", "vm", "limit", "unit", "swap")
SCRIPT = """\
exec > /dev/ttyS0 2>&1
export HOME=/root PATH=/usr/local/bin:/usr/bin:/usr/sbin
zswap=/sys/module/zswap/parameters
group=/sys/fs/cgroup/system.slice

state() {{
    for file in $zswap/* /proc/sys/vm/swappiness /proc/sys/vm/page-cluster; do
        echo "$file $(cat $file)"
    done
    tail -n +2 /proc/swaps | cut -d' ' -f1
    for name in hog light; do cat $group/$name.service/memory.zswap.max; done
    ls /swapfile
    find /etc/systemd /etc/sysctl.d /etc/tmpfiles.d -printf '%p %l\\n' | sort
    find /etc/systemd /etc/sysctl.d /etc/tmpfiles.d /etc/fstab -type f | sort | xargs md5sum
}}
said() {{
    echo "@job $1"
    for file in $zswap/*; do echo "@zswap ${{file##*/}} $(cat $file)"; done
    for name in swappiness page-cluster; do echo "@vm $name $(cat /proc/sys/vm/$name)"; done
    sed '1d;s/[[:space:]].*/ on/;s/^/@swap /' /proc/swaps
    for name in hog light; do
        echo "@limit $name $(cat $group/$name.service/memory.zswap.max)"
        echo "@unit $name $(systemctl show $name.service --property MemoryZSwapMax --value)"
    done
}}

cd /root
echo "@release $(uname -r) $(systemctl --version | head -n 1)"
if [ ! -e swap ]; then
    systemctl start hog light
    until [ -e /run/hog/filled ] && [ -e /run/light/filled ]; do sleep 1; done
    state > before
    ghostswap profile --names -o groups.gsp --jobs 1 \\
        --pages cgroup:/system.slice/hog.service --pages cgroup:/system.slice/light.service
    ghostswap advise --pages groups.gsp --ram {ram}M --goal memory --jobs 1 \\
        --emit swap --json > found
    sed 's/^/@found /' found
    swap/apply.sh
    said applied
    for name in hog light; do
        # What asks for more than there is fails at the end.
        echo 100M > $group/$name.service/memory.reclaim 2> /dev/null
        echo "@current $name $(cat $group/$name.service/memory.zswap.current)"
    done
    systemctl restart hog light
    said restarted
else
    systemctl start hog light
    said booted
    swap/undo.sh
    said undone
    state > after
    diff before after | sed 's/^/@differs /'
fi
echo "@job done"
sync
systemctl poweroff --force --force
"""


def main() -> int:
    """0: as advised in both boots and as before in the end, or skipped; 1 else."""
    try:
        tools("qemu-system-x86_64", "mke2fs", "debootstrap")
        first, second = _boots()
    except Unavailable as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        return 0
    if "done" not in first or "done" not in second:
        print("a guest did not come to its end", file=sys.stderr)
        return 1
    answers = list(compare(first, second))
    for answer in answers:
        print(answer)
    return 0 if all(answer.near for answer in answers) else 1


def _boots() -> list[dict[str, Answers]]:
    """What two boots of one disk said.

    :raises Unavailable: where it cannot be booted.
    """
    image, said = images.get(KERNEL), []
    # Without zram there is one design to advise, whatever times a busy machine gives.
    modules = {name: data for name, data in image.modules.items() if name != "zram.ko"}
    image = replace(image, modules=modules)
    with tempfile.TemporaryDirectory(prefix="ghostswap-vmtest-") as name:
        directory = Path(name)
        init = _INIT.format(modules=" ".join(image.modules)).encode()
        programs = {"bin/busybox": images.busybox(), "init": init}
        initrd, disk = initramfs(directory, image, programs), _disk(directory)
        for _ in range(2):
            started = time.monotonic()
            said.append(parse(run(image, initrd, [disk], MEMORY)))
            release = said[-1][""].words.get("release", [["no answer"]])[0]
            print(f"{' '.join(release)}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    return said


def compare(first: dict[str, Answers], second: dict[str, Answers]) -> Iterator[Answer]:
    """What was advised beside what is set, and what the services' memory came to."""
    found = json.loads("\n".join(" ".join(words) for words in first[""].words["found"]))
    settings = {row["name"]: str(row["value"]) for row in found["settings"]}
    limits = {row["name"].split("/")[-1]: row for row in found["groups"]}
    for when, job in (*first.items(), *second.items()):
        said = {key: {words[0]: words[1] for words in job.words.get(key, [])} for key in _SAID}
        if when not in ("applied", "restarted", "booted"):
            continue
        for name in ("compressor", "max_pool_percent", "accept_threshold_percent", "enabled"):
            yield Answer(KERNEL, when, name, settings[name], said["zswap"].get(name))
        for name in ("swappiness", "page-cluster"):
            yield Answer(KERNEL, when, name, settings[f"vm.{name}"], said["vm"].get(name))
        for name in SERVICES:
            limit = str(limits[f"{name}.service"]["zswap_max"])
            unit = limit.replace("max", "infinity")
            yield Answer(KERNEL, when, f"memory.zswap.max of {name}", limit, said["limit"][name])
            yield Answer(KERNEL, when, f"MemoryZSwapMax= of {name}", unit, said["unit"][name])
        yield Answer(KERNEL, when, "areas", "/swapfile", " ".join(said["swap"]))
    current = first["applied"].named("current")
    for name, row in ((name, limits[f"{name}.service"]) for name in SERVICES):
        most = row["compressed_bytes"] if row["zswap_max"] == "max" else row["zswap_max"]
        asked = f"memory.zswap.current of {name}"
        yield Answer(KERNEL, "filled", asked, most, current[name], exact=False)
    differs = [" ".join(words) for words in second["undone"].words.get("differs", [])]
    left = "; ".join(differs) or "nothing"
    yield Answer(KERNEL, "undone", "what differs from before", "nothing", left)


def _disk(directory: Path) -> Path:
    """The root of the guest: Debian, ghostswap, services and the script."""
    root, disk = directory / "root", directory / "disk"
    subprocess.run(["cp", "-a", _debian(), root], check=True)  # with its device nodes
    made = {
        f"etc/systemd/system/{name}.service": SERVICE.format(name=name, size=size, noise=noise)
        for name, (size, noise) in SERVICES.items()
    }
    made |= {
        "etc/systemd/system/asked.service": _ASKED,
        "etc/systemd/system/asked.target": _TARGET,
        "etc/systemd/system.conf": "[Manager]\nShowStatus=no\n",
        "opt/hold.py": _HOLD,
        "opt/asked.sh": SCRIPT.format(ram=RAM),
        "usr/local/bin/ghostswap": '#!/bin/sh\nexec python3 -m ghostswap "$@"\n',
    }
    for path, text in made.items():
        (root / path).write_text(text)
    (root / "usr/local/bin/ghostswap").chmod(0o755)
    (root / "etc/systemd/system/default.target").symlink_to("asked.target")
    packages = root / f"usr/local/lib/python{PYTHON}/dist-packages"
    shutil.copytree(ROOT / "ghostswap", packages / "ghostswap")
    wanted = [one for one in metadata.requires("ghostswap") or () if "extra" not in one]
    names = [one.partition(";")[0] for one in wanted]
    call = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages))
    only = ("--python-version", PYTHON, "--only-binary", ":all:", "--no-compile")
    subprocess.run([*call, *only, *names], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, f"{DISK}M"], check=True)
    return disk


def _debian() -> Path:
    """A small Debian, from the cache or by debootstrap."""
    return images.kept(SUITE, _debootstrap)


def _debootstrap(place: Path) -> None:
    packages = "systemd-sysv,kmod,python3"
    call = ["debootstrap", "--variant=minbase", f"--include={packages}", SUITE, str(place)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"debootstrap: {done.stdout.strip().splitlines()[-1]}")


if __name__ == "__main__":
    sys.exit(main())
