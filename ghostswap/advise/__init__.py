# SPDX-License-Identifier: GPL-2.0-or-later
"""From what was seen of a host to what is wrong with it and what to do: findings, and advice.

Findings are of the host alone (findings, of_*); advice is of its memory too (advice, needs and the
rest); check sets what advice predicted beside the host of a later day.
Nothing here reads or changes the host. May come in: the command line.
"""
