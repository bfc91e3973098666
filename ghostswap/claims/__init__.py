# SPDX-License-Identifier: GPL-2.0-or-later
"""The discussion's claims as experiments: which are true, by what margin, from which source.

May come in: the command line.
"""
