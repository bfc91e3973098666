# SPDX-License-Identifier: GPL-2.0-or-later
"""Many hosts, each known by a profile of its memory: kept, sorted into kinds, given a size of swap.

Lives here: the store, what is run for each host, and what that says of all of them. May come in:
the command line. The numbers of a host are those that 'ghostswap simulate' prints of its profile.
"""
