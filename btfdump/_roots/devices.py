"""Devices: the numbers of character and block devices, as /proc/devices has them, and drivers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._tables.functions.blocks import block_devices
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_MINOR_BITS = 20
"""The bits of a `dev_t` that are the minor number (include/linux/kdev_t.h: MINORBITS)."""
_MOST = 1 << 12
"""Entries of one bucket of a hash table; there are 4096 major numbers at most."""
_MOST_SHOWN = 8
"""Operations of one row that are told."""
_OF_CDEV = "exact_match"
"""The function by which a `struct probe` leads to a `struct cdev` (fs/char_dev.c: cdev_add())."""


class _Numbered(NamedTuple):
    """Device numbers [first, last] that a driver serves by the operations at an address."""

    first: int
    last: int
    operations: int
    device: int


@table_root()
def list_devices(kernel: Context, query: Query) -> Table:
    """Device numbers: character and block devices, their names, drivers' operations."""
    columns = ("kind", "major", "minors", "name", "operations", "device")
    return Table("devices", columns, _rows(kernel, query))


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    for kind, symbol, numbered in (
        ("char", "chrdevs", _character_devices),
        ("block", "major_names", _block_devices),
    ):
        try:
            served = sorted(numbered(kernel))
        except BtfdumpError as error:
            served = []
            yield note_of(error, f"operations of {kind} devices")
        try:
            for entry in _chained(find_global(kernel, symbol)):
                row = _row(kernel, kind, entry, served)
                if query.wants(str(row["name"]), str(row["major"])):
                    yield row
        except BtfdumpError as error:
            yield note_of(error, symbol)


def _row(kernel: Context, kind: str, entry: Value, served: list[_Numbered]) -> Row:
    """Return the row of a `struct char_device_struct`, or of a `struct blk_major_name`."""
    major = int(entry.major)
    minors = None
    first, last = 0, (1 << _MINOR_BITS) - 1
    if kind == "char":
        first = int(entry.baseminor)
        last = first + max(int(entry.minorct), 1) - 1
        minors = f"{first}-{last}" if last > first else str(first)
    start, end = (major << _MINOR_BITS | minor for minor in (first, last))
    inside = [one for one in served if one.first <= end and start <= one.last]
    pointers = dict.fromkeys(one.operations for one in inside)
    return {
        "kind": kind,
        "major": major,
        "minors": minors,
        "name": entry.member_("name").value_(),
        "operations": [kernel.symbolize(at) or hex(at) for at in islice(pointers, _MOST_SHOWN)],
        "device": hex(inside[0].device) if inside else None,
    }


def _character_devices(kernel: Context) -> Iterator[_Numbered]:
    """Yield what `cdev_map` has, in which cdev_add() enters devices (drivers/base/map.c)."""
    for probe in _chained(find_global(kernel, "cdev_map").probes):
        if not probe.data or kernel.symbolize(int(probe.get)) != _OF_CDEV:
            continue
        device, first = int(probe.data), int(probe.dev)
        operations = int(value_at(kernel, "struct cdev", device).ops)
        yield _Numbered(first, first + max(int(probe.range), 1) - 1, operations, device)


def _block_devices(kernel: Context) -> Iterator[_Numbered]:
    """Yield the disks and partitions that there are."""
    for device in block_devices(kernel)():
        if device.bd_disk:
            number = int(device.bd_dev)
            yield _Numbered(number, number, int(device.bd_disk.fops), device.address_)


def _chained(table: Value) -> Iterator[Value]:
    """Yield what the buckets of a hash table hold, each chained by `next`.

    The last entry of `cdev_map`'s buckets is in all of them.
    """
    given: set[int] = set()
    for bucket in table:
        link, seen = bucket, set[int]()
        while link:
            if int(link) in seen or len(seen) == _MOST:
                raise CorruptDataError("the list of a hash bucket leads back to itself", int(link))
            seen.add(int(link))
            entry = link.deref_()
            if int(link) not in given:
                given.add(int(link))
                yield entry
            link = entry.next
