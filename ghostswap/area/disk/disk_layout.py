# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes of MBR and GPT partition tables, as Construct definitions; nothing else.

References: ``struct msdos_partition`` in include/linux/msdos_partition.h, ``gpt_header`` and
``gpt_entry`` in block/partitions/efi.h, Linux 6.18. Field names are the kernel's.
"""

from __future__ import annotations

from construct import Array, Bytes, Int8ul, Int32ul, Int64ul, Struct

msdos_partition = Struct(
    "boot_ind" / Int8ul,
    "start_chs" / Bytes(3),
    "sys_ind" / Int8ul,
    "end_chs" / Bytes(3),
    "start_sect" / Int32ul,
    "nr_sects" / Int32ul,
)

#: The first sector of a disk, and of each extended partition in its chain.
boot_sector = Struct(
    "code" / Bytes(440),
    "disk_id" / Int32ul,
    "zero" / Bytes(2),
    "partitions" / Array(4, msdos_partition),
    "signature" / Bytes(2),
)

gpt_header = Struct(
    "signature" / Bytes(8),
    "revision" / Int32ul,
    "header_size" / Int32ul,
    "header_crc32" / Int32ul,
    "reserved1" / Int32ul,
    "my_lba" / Int64ul,
    "alternate_lba" / Int64ul,
    "first_usable_lba" / Int64ul,
    "last_usable_lba" / Int64ul,
    "disk_guid" / Bytes(16),
    "partition_entry_lba" / Int64ul,
    "num_partition_entries" / Int32ul,
    "sizeof_partition_entry" / Int32ul,
    "partition_entry_array_crc32" / Int32ul,
)

gpt_entry = Struct(
    "partition_type_guid" / Bytes(16),
    "unique_partition_guid" / Bytes(16),
    "starting_lba" / Int64ul,
    "ending_lba" / Int64ul,
    "attributes" / Bytes(8),
    "partition_name" / Bytes(72),
)
