# SPDX-License-Identifier: GPL-2.0-or-later
"""Many tasks done by whoever is there: this process, processes beside it, or a Dask cluster.

Lives here: the engines, each of which names the tasks that fail and goes on with the rest. May
come in: study, fleet and the command line, which choose one.
"""
