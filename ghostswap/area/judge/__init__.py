# SPDX-License-Identifier: GPL-2.0-or-later
"""What swapon(2) would say: checks in the kernel's order, each refusal with errno, log and cure.

Lives here: rules, what file systems refuse, and dangers that the kernel does not see.
May come in: make, disk, and whoever stands above area/.
"""
