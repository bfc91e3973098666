# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of several rooms share: machines, recordings, real file systems, screens."""
