# SPDX-License-Identifier: GPL-2.0-or-later
"""A directory of files that comes into being whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping

from ghostswap.errors import TargetError


def write_all(directory: str, files: Mapping[str, str]) -> None:
    """Make *directory* with *files* in it, by their paths in it; scripts can be run.

    :raises TargetError: where it is there already and not empty, or cannot be made.
    """
    goal = os.path.abspath(directory)
    try:
        made = tempfile.mkdtemp(prefix=".ghostswap-", dir=os.path.dirname(goal))
    except OSError as error:
        raise TargetError.from_os(directory, error, "cannot make it") from error
    try:
        for name, text in files.items():
            path = os.path.join(made, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(path, 0o755 if name.endswith(".sh") else 0o644)
        os.chmod(made, 0o755)
        os.rename(made, goal)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if os.path.lexists(goal):
            raise TargetError(
                directory, "it is there already, and not an empty directory", "name another"
            ) from error
        raise TargetError.from_os(directory, error, "cannot make it") from error
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
