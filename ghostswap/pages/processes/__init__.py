# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of live processes: of one, of all that may be read, of a whole host, of a cgroup.

Lives here: which pages they have (pagemap, smaps, tmpfs) and how to read them without bringing any
in. May come in: pages/.
"""
