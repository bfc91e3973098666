# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kernels in QEMU, asked what ghostswap predicts: ``make vmtest``.

images gets Debian's kernels, guest boots one with a script for it, and the rooms of questions
(areas, fills, replays) each make their part of the script and read its answers. table sums up.
The files here that pytest runs (test_*.py) boot nothing.
"""
