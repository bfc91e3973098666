# SPDX-License-Identifier: GPL-2.0-or-later
"""What pyproject.toml cannot say: two things to compile, without which all works, but slower.

``ghostswap.codecs._codecs`` is C, for any Python from 3.11 on. The hot modules are Python, which
Cython makes C of, for the Python that builds: one library, see ghostswap/hot.py. They stay Python
with ``GHOSTSWAP_BUILD=plain`` in the environment.
"""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent
HOT = "ghostswap._hot"
#: Where C and objects lie, so that the next build compiles what was changed.
BUILD = f"build/hot-{sys.implementation.cache_tag}"
#: How the C of the hot modules is compiled, after CFLAGS.
COMPILE = ["-O1", "-g0", "-w"]
LINK = ["-Wl,-s"]
#: What a hot module's .pxd says is C's, and nothing else is. Nobody asks its functions for their
#: signatures, which would be a tenth of the C.
DIRECTIVES = {"annotation_typing": False, "auto_pickle": False, "binding": False}

_spec = spec_from_file_location("hot", ROOT / "ghostswap" / "hot.py")
hot = module_from_spec(_spec)
_spec.loader.exec_module(hot)


class BuildExt(build_ext):
    """Compiles the hot modules side by side into one library; a failure leaves them as they are."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.rpartition(".")[2] != "_hot":
            return super().get_ext_filename(fullname)
        name = os.path.basename(hot.library("ghostswap"))
        return os.path.join(*fullname.split(".")[:-1], name)

    def build_extension(self, ext: Extension) -> None:
        if ext.name != HOT:
            super().build_extension(ext)
            return
        target = Path(self.get_ext_fullpath(ext.name))
        built = Path(hot.library("ghostswap"))  # in place, of these very sources
        target.parent.mkdir(parents=True, exist_ok=True)
        if built.exists() and not self.force:
            if built.resolve() != target.resolve():
                shutil.copy2(built, target)
            return
        try:
            self._compile(target)
        except Exception as error:  # whatever stands in the way: no compiler, no headers
            raise CompileError(f"the hot modules stay Python: {error}") from error

    def copy_extensions_to_source(self) -> None:
        for stale in Path("ghostswap").glob(f"_hot.*.{sys.implementation.cache_tag}-*"):
            if stale != Path(hot.library("ghostswap")):
                stale.unlink()
        super().copy_extensions_to_source()

    def _try_headers(self) -> None:
        probe = Path(BUILD, "probe.c")
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_text("#include <Python.h>\n")
        self.compiler.compile([str(probe)])

    def _compile(self, target: Path) -> None:
        from Cython.Build import cythonize

        self._try_headers()  # before all that takes longer
        jobs = len(os.sched_getaffinity(0))
        modules = cythonize(
            [
                Extension(name, [source])
                for name, source in zip(hot.MODULES, hot.sources("ghostswap"), strict=True)
            ]
            + [Extension(hot.SHARED, [hot.SHARED.replace(".", "/") + ".c"])],
            build_dir=BUILD,
            nthreads=jobs,
            force=self.force,
            quiet=True,
            language_level=3,
            shared_utility_qualified_name=hot.SHARED,
            compiler_directives=DIRECTIVES,
        )

        def compiled(module: Extension) -> str:
            (source,) = module.sources
            (name,) = self.compiler.object_filenames(module.sources)
            if (
                self.force
                or not os.path.exists(name)
                or os.stat(name).st_mtime < os.stat(source).st_mtime
            ):
                self.compiler.compile(module.sources, extra_preargs=COMPILE)
            return name

        # The longest first, so that no core waits for it at the end.
        modules.sort(key=lambda module: -os.path.getsize(module.sources[0]))
        with ThreadPoolExecutor(jobs) as pool:
            objects = [*pool.map(compiled, modules)]
        self.compiler.link_shared_object(objects, str(target), extra_preargs=LINK)


class BdistWheel(bdist_wheel):
    """A wheel for any Python, unless it has the hot modules compiled for one."""

    def get_tag(self) -> tuple[str, str, str]:
        if any(Path(self.bdist_dir or ".").glob("ghostswap/_hot.*")):
            self.py_limited_api = False
        return super().get_tag()


extensions = [
    Extension(
        "ghostswap.codecs._codecs",
        ["ghostswap/codecs/_codecs.c", "ghostswap/codecs/stack_distances.c"],
        define_macros=[("Py_LIMITED_API", "0x030b0000")],
        extra_compile_args=["-O3"],
        py_limited_api=True,
        optional=True,
    )
]
requires = []
if os.environ.get("GHOSTSWAP_BUILD") != "plain":
    extensions.append(Extension(HOT, hot.sources("ghostswap"), optional=True))
    requires = ["cython>=3.1,<4"]  # here, for it takes as long to install as all the rest

setup(
    setup_requires=requires,  # build backends ask for these before they build
    ext_modules=extensions,
    cmdclass={"build_ext": BuildExt, "bdist_wheel": BdistWheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
