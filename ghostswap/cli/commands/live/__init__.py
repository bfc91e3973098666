# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that change what runs, and say so in the first line of their help."""
