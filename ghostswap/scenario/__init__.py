# SPDX-License-Identifier: GPL-2.0-or-later
"""A host as its user writes it: keys and values, in a TOML file or as options, areas by paths.

Lives here: the one table of keys, kinds of values, and who reads them into a study.host.Host.
May come in: the command line.
"""
