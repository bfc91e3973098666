# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap`` and ``python -m ghostswap``."""

from __future__ import annotations

import gc
import os
import sys

from ghostswap import __version__


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        return _main()
    except KeyboardInterrupt:  # before run() could catch it
        return 130
    except RuntimeError as error:  # as Python before 3.12 wraps it where a class is being made
        if isinstance(error.__cause__, KeyboardInterrupt):
            return 130
        raise
    finally:
        # All is done and undone. As Python ends it puts the default handlers back, so that a late
        # Ctrl-C would still count as killed; a SIGINT that is ignored stays so.
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.freeze()  # it would also look for cycles among all that goes with the process, in vain


def _main() -> int:
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before click is even imported
        print(f"ghostswap {__version__}")
        return 0
    gc.set_threshold(100_000)  # what imports make is there to stay: looking through it is in vain
    import signal

    from ghostswap.cli.spared import spare

    spare()
    from ghostswap.cli.app import run

    # A caller may have closed them (``>&-``); a target opened next must not become one of them.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for good
    # So that what is half made is undone first, as after Ctrl-C. nohup(1) ignores SIGHUP.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) == signal.SIG_DFL:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
