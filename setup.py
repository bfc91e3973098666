# SPDX-License-Identifier: GPL-2.0-or-later
"""The one thing that pyproject.toml cannot say: a C module that may fail to build."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "ghostswap.codecs._codecs",
            ["ghostswap/codecs/_codecs.c", "ghostswap/codecs/stack_distances.c"],
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            extra_compile_args=["-O3"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
