# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands do, once their options are read: one module each, loaded when it is called.

May come in: commands.
"""
