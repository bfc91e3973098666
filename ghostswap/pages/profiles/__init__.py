# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles: what pages measure as under several compressors, to take along, without the pages.

Lives here: the file (format), and a source of memory that is one (source). May come in: pages/,
study/.
"""

#: Not text, and hurt by whatever takes it for text, as PNG's is.
MAGIC = b"\x89GSP\r\n\x1a\n"
