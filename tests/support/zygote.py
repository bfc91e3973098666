# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that start at once: each is a process, forked from one that has ghostswap loaded.

What a test starts so is all that ``python -m ghostswap`` is but the loading, of which most of the
time of a short command goes. What depends on how Python itself starts must not come here.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module

import ghostswap
from ghostswap.__main__ import main

_PR_SET_PDEATHSIG = 1
_MOST = 100_000  # bytes of a message
#: What Python looks at as it starts, by the beginning of the name.
_PYTHONS = ("PYTHON", "LC_", "LANG", "LD_", "GHOSTSWAP_")


class Zygote:
    """The process to fork from."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            path = os.pathsep.join(filter(None, sys.path))
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "support.zygote", str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @staticmethod
    def takes(args: list[str], environment: Mapping[str, str]) -> bool:
        """Whether a command is as good from here."""
        return not any(name.startswith(_PYTHONS) for name in environment) and (
            sum(map(len, args)) < _MOST // 6
        )

    def run(
        self, args: list[str], cwd: str, environment: Mapping[str, str], timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run ``ghostswap`` with *args* and nothing to read.

        :raises TimeoutError: where it takes longer; all is killed then.
        """
        message = json.dumps([args, cwd, {**os.environ, **environment}]).encode()
        with open(os.memfd_create("out"), "w+b") as out, open(os.memfd_create("err"), "w+b") as err:
            self._socket.settimeout(timeout)
            socket.send_fds(self._socket, [message], [out.fileno(), err.fileno()])
            try:
                status = int(self._socket.recv(16))
            except TimeoutError:
                self.close()
                raise
            texts = [_text(file.fileno()) for file in (out, err)]
        return subprocess.CompletedProcess(["ghostswap", *args], status, *texts)

    def close(self) -> None:
        """End it, and the command that it runs."""
        self._socket.close()
        self._server.kill()
        self._server.wait()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _text(fd: int) -> str:
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    return data.decode(errors="surrogateescape").replace("\r\n", "\n")


def _serve(connection: socket.socket) -> bool:
    """Fork for each command; true in the child that is to run it."""
    while True:
        message, fds, *_ = socket.recv_fds(connection, 1 << 20, 2)
        if not message:
            return False
        pid = os.fork()
        if not pid:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            connection.close()
            args, cwd, environment = json.loads(message)
            for fd, standard in zip(fds, (1, 2), strict=True):
                os.dup2(fd, standard)
                os.close(fd)
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv = ["ghostswap", *args]
            return True
        for fd in fds:
            os.close(fd)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.send(str(status).encode())


if __name__ == "__main__":
    for found in pkgutil.walk_packages(ghostswap.__path__, "ghostswap."):
        if not found.name.endswith(("__main__", "_codecs")):
            import_module(found.name)
    for name in ("rich.console", "rich.table", "rich.text"):
        import_module(name)
    gc.freeze()  # so that looking through it copies no page of it
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))) and main())
