# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of a fleet as Parquet, for tools that know nothing of ghostswap: a row a compressor.

https://parquet.apache.org, written by pyarrow, which is imported here only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ghostswap.errors import UsageError
from ghostswap.files import write_whole
from ghostswap.fleet.store import Store
from ghostswap.mm.zpool.size_class import size_classes

if TYPE_CHECKING:
    import pyarrow

#: What a file begins with.
MAGIC = b"PAR1"
#: Hosts of one row group, so that few are in memory at once.
_TOGETHER = 500


def parquet(store: Store, path: str) -> int:
    """Write what ``ghostswap fleet list`` shows, and the size classes, to *path*; the rows.

    The file is there whole or not at all; one of Parquet that is there is replaced.

    :raises UsageError: where pyarrow is not installed.
    :raises TargetError: where *path* cannot be written.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed",
            "pip install 'ghostswap[parquet]'",
        ) from None
    schema = _schema()
    written = 0
    with BytesIO() as file:
        with ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in _rows(store):
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                written += len(rows)
        write_whole(path, file.getvalue(), MAGIC, "Parquet file")
    return written


def _schema() -> pyarrow.Schema:
    import pyarrow

    number, text = pyarrow.uint64(), pyarrow.string()
    columns: dict[str, pyarrow.DataType] = {
        "name": pyarrow.binary(),  # as the file is called, which need not be UTF-8
        "id": text,
        "kernel": text,
        "machine": text,
        "mem_total": number,
        "pages": number,
        "measured_pages": number,
        "compressor": text,
        "error": text,
        "zero_pages": number,
        "same_filled_pages": number,
        "incompressible_pages": number,
        "compressed_bytes": number,
        "ratio": pyarrow.float64(),
        "class_pages": pyarrow.list_(number),
    }
    sizes = json.dumps([one.size for one in size_classes()])
    return pyarrow.schema(columns, {"class_sizes": sizes})


def _rows(store: Store) -> Iterator[list[dict[str, Any]]]:
    """Rows of some hosts at a time."""
    rows: list[dict[str, Any]] = []
    for number, host in enumerate(store.hosts(), 1):
        for one in store.columns(host):
            figures = one.figures
            rows.append(
                {
                    "name": host.raw_name,
                    "id": host.id,
                    "kernel": host.kernel,
                    "machine": host.machine,
                    "mem_total": host.mem_total,
                    "pages": host.pages,
                    "measured_pages": host.measured,
                    "compressor": one.compressor,
                    "error": one.error or None,
                    "zero_pages": figures.zero,
                    "same_filled_pages": figures.same,
                    "incompressible_pages": figures.incompressible,
                    "compressed_bytes": figures.compressed,
                    "ratio": figures.ratio,
                    "class_pages": figures.classes,
                }
            )
        if number % _TOGETHER == 0:
            yield rows
            rows = []
    if rows:
        yield rows
