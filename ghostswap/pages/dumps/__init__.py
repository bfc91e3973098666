# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that lies in a file or comes from a pipe: raw, as a core or crash dump, as a swap area.

Lives here: what such files look like (construct), and one reader of pages for all of them.
May come in: pages/.
"""
