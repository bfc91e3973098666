# SPDX-License-Identifier: GPL-2.0-or-later
"""A file or device that is, or shall be, a swap area: opened, locked, mapped to its extents.

Lives here: what the system tells of a target; nothing of what a header means or a kernel allows.
May come in: judge, make, disk, and whoever stands above area/.
"""
