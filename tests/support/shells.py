# SPDX-License-Identifier: GPL-2.0-or-later
"""Real shells in pseudo-terminals, in which TAB is pressed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

from conftest import ROOT

#: How each is started without anybody's settings, with our completion, and with Ctrl-G to tell
#: what stands on its line.
RC = {
    "bash": """
        PS1='READY> '
        bind 'set bell-style none'
        bind 'set show-all-if-ambiguous on'
        bind 'set completion-query-items 0'
        bind 'set page-completions off'
        source {script}
        tell() {{ printf '%s\\n' "$READLINE_LINE" >> {told}; }}
        bind -x '"\\C-g": tell'
    """,
    "zsh": """
        PS1='READY> '
        unsetopt beep
        fpath=({folder} $fpath)
        autoload -Uz compinit
        compinit -u -D
        LISTMAX=10000
        tell() {{ print -r -- "$BUFFER" >> {told} }}
        zle -N tell
        bindkey '^G' tell
        bindkey '^U' kill-whole-line
    """,
    "fish": """
        function fish_prompt; echo 'READY> '; end
        function fish_greeting; end
        set -U fish_features no-query-term
        source {script}
        bind \\cg 'commandline >> {told}'
        bind \\cu 'commandline ""'
    """,
}
FILES = {"bash": "bash/ghostswap", "zsh": "zsh/_ghostswap", "fish": "fish/ghostswap.fish"}
PATIENCE = 20.0
MOST_SHOWN = 1 << 18


class Shell:
    """An interactive shell in *directory*, which is its working directory and its home."""

    def __init__(self, name: str, directory: Path) -> None:
        script = ROOT / "completions" / FILES[name]
        self._told = directory / ".told"
        self._told.touch()
        self._lines = 0
        rc = RC[name].format(script=script, folder=script.parent, told=self._told)
        calls = {
            "bash": ["bash", "--noprofile", "--rcfile", directory / ".rc", "-i"],
            "zsh": ["zsh", "-d", "-i"],
            "fish": ["fish", "--no-config", "--init-command", f"source {directory}/.rc", "-i"],
        }
        (directory / (".zshrc" if name == "zsh" else ".rc")).write_text(rc)
        self._terminal, its_end = pty.openpty()
        termios.tcsetwinsize(self._terminal, (50, 200))
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *calls[name]],
            cwd=directory,
            env={
                **os.environ,
                "HOME": str(directory),
                "ZDOTDIR": str(directory),
                "TERM": "dumb" if name == "bash" else "xterm",
            },
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
        )
        os.close(its_end)
        self.shown = ""
        self._wait(lambda: "READY> " in self.shown)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *exc: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._terminal)

    def tab(self, line: str) -> str:
        """What one TAB makes of *line*; all that is shown meanwhile is in ``shown``."""
        self.shown = ""
        os.write(self._terminal, b"\x15" + line.encode() + b"\t")
        self._read(0.02)
        os.write(self._terminal, b"\x07")
        self._lines += 1
        self._wait(lambda: len(self._told.read_text().splitlines()) >= self._lines)
        return self._told.read_text().splitlines()[-1]

    def _wait(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_there():
            assert time.monotonic() < deadline, self.shown
            self._read(0.02)

    def _read(self, seconds: float) -> None:
        while select.select([self._terminal], [], [], seconds)[0]:
            self.shown += os.read(self._terminal, 4096).decode(errors="replace")
            assert len(self.shown) < MOST_SHOWN, self.shown[:1000]
