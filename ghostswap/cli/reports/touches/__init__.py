# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of touches: how many were seen, and what they ask of memory."""
