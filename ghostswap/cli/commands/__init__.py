# SPDX-License-Identifier: GPL-2.0-or-later
"""One module a command, loaded when it runs. May come in: app."""
