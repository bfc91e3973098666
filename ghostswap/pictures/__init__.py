# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures: plain data made of outcomes, and apart from it what draws them. May come in: cli.

matplotlib lives here, is imported by what draws only, and need not be installed.
"""
