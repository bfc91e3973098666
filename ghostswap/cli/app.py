# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of commands, loaded one at a time, and the one place that decides the exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from ghostswap import __version__
from ghostswap.cli.terminal.degrade import degrade_output
from ghostswap.cli.terminal.group import Group
from ghostswap.cli.terminal.talk import complain
from ghostswap.errors import GhostswapError
from ghostswap.units import printable

#: name -> what it does. The command is ``command`` in the module of that name in commands/.
COMMANDS = {
    "mkswap": "Make a swap area: a ghost swapfile, a full file, or in place.",
    "label": "Print or change the label and UUID of a swap area.",
    "inspect": "Explain every field of a swap area's header.",
    "validate": "Say which kernels would take a swap area, and why not.",
    "status": "Show swap on this host as it is now, and what is wrong with it.",
    "advise": "Say what to set here, with figures from the memory in use.",
    "simulate": "Store memory once, in zswap, zram or another design.",
    "profile": "Write down what memory compresses to, to take along.",
    "replay": "Touch memory under a limit, so that pages go and come back.",
    "capture": "Watch which memory a process touches, over time.",
    "compare": "Set designs side by side, for one memory and one workload.",
    "measure": "Ask the running kernel, and set the model beside it (root).",
    "verify": "Bring every page back and compare it.",
    "fleet": "Choose swap for many hosts, by profiles of their memory.",
    "examples": "Put a claim about ghost swapfiles and virtual swap to the test.",
    "overhead": "Print what swap takes in memory for itself, by design and use.",
    "completion": "Print the completion script of a shell.",
}

#: Those of them that are in rooms of their own.
_ROOMS = {
    "capture": "live.",
    "measure": "live.",
    "status": "host.",
    "advise": "host.",
    "fleet": "fleet.",
}

INTERRUPTED = 130  # 128 + SIGINT, as shells count


class _Commands(Group):
    """All commands, and the version."""

    def read_rest(self, ctx: click.Context) -> None:
        verbose = ctx.params.pop("verbose")
        if ctx.params.pop("version"):
            _print_version(verbose=verbose)
            ctx.exit()
        if verbose:
            raise click.UsageError("--verbose goes with --version, or after a command", ctx)


@click.command(
    "ghostswap",
    cls=_Commands,
    commands_of=COMMANDS,
    rooms=_ROOMS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 refused or failed, 2 wrong usage. "
    "'ghostswap COMMAND --help' tells the rest; so does 'man ghostswap'.",
)
@click.option("-V", "--version", is_flag=True, help="Show the version.")
@click.option("-v", "--verbose", is_flag=True, help="With --version: what it runs on as well.")
def cli() -> None:
    """A workbench for Linux swap.

    Makes, explains and judges swap areas byte for byte, and predicts what zswap
    and ghost swapfiles would do with your own memory.
    """


def run(args: Sequence[str]) -> int:
    """Run one command line.

    :return: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    degrade_output()
    try:
        status = cli.main(list(args), prog_name="ghostswap", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except GhostswapError as error:
        complain(error.message, error.hint)
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "ghostswap"
        message = " ".join(error.format_message().split())  # choices come one to a line
        complain(message, f"'{path} --help' tells what it takes")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except MemoryError:
        return _no_memory()
    except OSError as error:
        if error.errno == errno.ENOMEM:
            return _no_memory()
        # Only printing fails like this. Keep Python from flushing into the void at exit; and say
        # nothing where the reader went away, as head(1) does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            complain(f"cannot print the result: {os.strerror(error.errno or 0)}")
        return 1


#: Distributions that ghostswap uses, the last two where they are there.
LIBRARIES = ("click", "construct", "rich", "lz4", "backports.zstd", "zstandard", "matplotlib")


def _print_version(*, verbose: bool) -> None:
    """The version; if *verbose*, also what is compiled and the versions of Python and libraries."""
    print(f"ghostswap {__version__}")
    if not verbose:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from ghostswap import hot
    from ghostswap.compiled import MODULES, obstacle

    rows = {
        name.rpartition(".")[2]: obstacle(name) or f"compiled: {has}"
        for name, has in MODULES.items()
    }
    rows["hot modules"] = hot.obstacle() or f"compiled: {len(hot.MODULES)}, for long replays"
    rows["Python"] = f"{platform.python_version()}, {sys.executable}"
    for name in LIBRARIES:
        try:
            rows[name] = version(name)
        except PackageNotFoundError:
            rows[name] = "not installed"
    for name, value in rows.items():
        print(f"{name:16}{printable(value)}")


def _no_memory() -> int:
    complain(
        "there is not enough memory for this",
        "give it fewer pages, a smaller --size or fewer --jobs, or more memory (ulimit -v)",
    )
    return GhostswapError.exit_code
