# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes of a swap area: header, label, UUID, hibernation tails, and what else lies in them.

Lives here: struct layouts (construct), parsing, building, explaining, the signatures that
libblkid knows. May come in: target, judge, make, disk, and whoever stands above area/.
"""
