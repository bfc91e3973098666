# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels: found in its suites, fetched by apt once, and kept outside the tree.

apt runs with directories of its own, so the machine's lists and packages stay as they are. It
checks each package by the hash in Debian's signed index. Kernels leave the archive as newer ones
come, so the newest of a release is taken, and what is in the cache is never thrown away.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = "http://deb.debian.org/debian"
#: Modules that a guest needs, where its kernel has them as such; what they need is found.
_WANTED = (
    *("virtio_pci", "virtio_blk", "ext4", "loop", "zsmalloc", "zbud", "z3fold"),
    *("lz4", "lz4hc", "zstd", "deflate", "lzo", "lzo-rle", "zram"),
)


class Unavailable(Exception):
    """Something that a run needs is not to be had here; the message is one sentence."""


@dataclass(frozen=True)
class Source:
    """Where a kernel comes from.

    :ivar package: regular expression of the name of the package with the kernel; its modules are
        in it, or in a package of their own.
    :ivar nvme: disks are NVMe drives: the kernel has no driver for others built in.
    """

    suite: str
    package: str
    nvme: bool = False


#: By the name of the row that predicts it.
SOURCES = {
    "6.1": Source("bookworm", r"linux-image-6\.1\.0-\d+-amd64"),
    "6.12": Source("bookworm-backports", r"linux-image-6\.12\.\d+\+deb12-amd64"),
    "6.18": Source("trixie-backports", r"linux-image-6\.18\.\d+\+deb13-amd64"),
    "7.1": Source("trixie-backports", r"linux-binary-7\.1\.\d+\+deb13-cloud-amd64", nvme=True),
    "7.3": Source("trixie-backports", r"linux-binary-7\.3\.\d+\+deb13-amd64"),
}


@dataclass(frozen=True)
class Image:
    """A kernel that can be booted.

    :ivar modules: file name -> content, in the order to load them in.
    :ivar packages: lines of name, version and SHA-256.
    """

    kernel: str
    vmlinuz: Path
    modules: Mapping[str, bytes]
    packages: str
    nvme: bool

    @property
    def has_loop(self) -> bool:
        """Whether a guest can have loop devices."""
        return "loop.ko" in self.modules


def cache() -> Path:
    """The directory that kernels are kept in."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ghostswap" / "vmtest"


def get(kernel: str) -> Image:
    """The image of *kernel*, from the cache or from Debian.

    :raises Unavailable: where it is in neither.
    """
    source = SOURCES[kernel]
    place = kept(kernel, lambda new: _fetch_kernel(source, new))
    names = (place / "modules.order").read_text().split()
    return Image(
        kernel,
        place / "vmlinuz",
        {name: (place / name).read_bytes() for name in names},
        (place / "packages").read_text(),
        source.nvme,
    )


def busybox() -> bytes:
    """A static busybox.

    :raises Unavailable: where it is not to be had.
    """
    return (kept("busybox", _fetch_busybox) / "busybox").read_bytes()


def kept(name: str, fill: Callable[[Path], None]) -> Path:
    """The directory *name* in the cache: as it is, or made by *fill*, whole or not at all."""
    place = cache() / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as new:
            whole = Path(new) / "new"
            whole.mkdir()
            fill(whole)
            whole.rename(place)
    return place


def _fetch_kernel(source: Source, place: Path) -> None:
    apt = Apt(source.suite)
    found = newest(apt.names(), source.package)
    if found is None:
        raise Unavailable(f"{source.suite} of {apt.mirror} no longer has {source.package}")
    packages = [found]
    modules = found.replace("linux-binary-", "linux-modules-")
    if modules != found and modules in apt.names():
        packages.append(modules)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        tree = Path(scratch) / "tree"
        (place / "packages").write_text("".join(apt.unpack(name, tree) for name in packages))
        kernels = [*tree.glob("boot/vmlinuz-*"), *tree.glob("usr/lib/modules/*/vmlinuz")]
        if len(kernels) != 1:
            raise Unavailable(f"{found} holds no kernel")
        shutil.copyfile(kernels[0], place / "vmlinuz")
        files = {path.name.split(".")[0].replace("-", "_"): path for path in tree.rglob("*.ko*")}
        order = load_order(_WANTED, lambda name: _module(files.get(name.replace("-", "_"))))
        (place / "modules.order").write_text("".join(f"{name}.ko\n" for name in order))
        for name, content in order.items():
            (place / f"{name}.ko").write_bytes(content)


def _fetch_busybox(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        tree = Path(scratch)
        Apt("bookworm").unpack("busybox-static", tree)
        (found,) = tree.glob("**/bin/busybox")
        shutil.copyfile(found, place / "busybox")


def _module(path: Path | None) -> bytes | None:
    if path is None:
        return None
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def newest(names: Iterable[str], pattern: str) -> str | None:
    """Of *names* that match all of *pattern* the one with the highest numbers."""
    fitting = [name for name in names if re.fullmatch(pattern, name)]
    return max(fitting, key=lambda name: [*map(int, re.findall(r"\d+", name))], default=None)


def needed_by(module: bytes) -> list[str]:
    """What a module names in its section ``.modinfo`` as to be loaded first."""
    found = []
    for what, value in re.findall(rb"(?:\A|\0)(depends|softdep)=([^\0]*)", module):
        text = value.decode()
        if what == b"softdep":
            text = text.partition("pre:")[2].partition("post:")[0].replace(" ", ",")
        found += [name.removeprefix("crypto-") for name in text.split(",") if name]
    return found


def load_order(wanted: Iterable[str], content: Callable[[str], bytes | None]) -> dict[str, bytes]:
    """Modules by name, each after those that it needs; none for what *content* does not have."""
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        for known in (name, f"{name}_generic"):
            module = content(known)
            if module is not None and known not in order:
                for other in needed_by(module):
                    add(other)
                order[known] = module

    for name in wanted:
        add(name)
    return order


class Apt:
    """apt for one suite, in a directory of its own.

    :raises Unavailable: where it is not there, or gets no index.
    """

    def __init__(self, suite: str) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise Unavailable("Debian's kernels are fetched by apt, which is not here")
        if not os.path.exists(_KEYS):
            raise Unavailable(f"{_KEYS} is missing: sudo apt install -y debian-archive-keyring")
        self.mirror = _mirror()
        self._place = cache() / "apt" / suite
        for name in ("lists/partial", "archives/partial"):
            (self._place / name).mkdir(parents=True, exist_ok=True)
        (self._place / "status").touch()
        sources = f"deb [signed-by={_KEYS} arch=amd64] {self.mirror} {suite} main\n"
        (self._place / "sources.list").write_text(sources)
        self._run("apt-get", "update", "-q")
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Names of all kernel packages of the suite."""
        self._names = self._names or self._run("apt-cache", "pkgnames", "linux-").split()
        return self._names

    def unpack(self, package: str, tree: Path) -> str:
        """Fetch *package* and unpack it under *tree*.

        :return: a line of its name, version and SHA-256.
        """
        with tempfile.TemporaryDirectory(dir=self._place) as scratch:
            self._run("apt-get", "download", "-q", package, cwd=scratch)
            (archive,) = Path(scratch).iterdir()
            subprocess.run(["dpkg-deb", "-x", archive, tree], check=True)
        shown = self._run("apt-cache", "show", "--no-all-versions", package)
        said = dict(re.findall(r"^(Version|SHA256): (.*)$", shown, re.MULTILINE))
        return f"{package} {said['Version']} {said['SHA256']}\n"

    def _run(self, program: str, *args: str, cwd: str | None = None) -> str:
        options = {
            "Dir::Etc::sourcelist": self._place / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": self._place / "lists",
            "Dir::State::status": self._place / "status",
            "Dir::Cache": self._place,
            "Dir::Cache::archives": self._place / "archives",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "20",
        }
        call = [program, *(part for key in options for part in ("-o", f"{key}={options[key]}"))]
        done = subprocess.run([*call, *args], cwd=cwd, capture_output=True, text=True, check=False)
        failed = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W: Failed"))]
        if done.returncode or failed:
            said = failed[0][3:] if failed else f"status {done.returncode}"
            raise Unavailable(f"{program} {args[0]} from {self.mirror}: {said}")
        return done.stdout


def _mirror() -> str:
    """The mirror that this machine uses, where it is a Debian; else everybody's."""
    call = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    used = re.findall(r"^Debian (\S+?)/?$", done.stdout, re.MULTILINE)
    return next((uri for uri in used if "security" not in uri), _MIRROR)
