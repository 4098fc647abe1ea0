"""Maps: BPF maps that the kernel has, what they hold and who uses them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.holders import Holders

MAX_COUNTED = 100_000
"""Elements, or copies of them, that are walked to count those of one map."""
_COLUMNS = (
    "id",
    "type",
    "name",
    "key",
    "value",
    "entries",
    "max",
    "memory",
    "owner",
    "programs",
)


@table_root(argument="ID or NAME")
def list_maps(kernel: Context, query: Query) -> Table:
    """BPF maps: type, name, types of key and value, entries, memory, who holds and uses them."""
    from btfdump._bpf.maps.find import maps
    from btfdump._roots.holders import find_holders

    found = maps(kernel)
    kernel.own_symbol("map_idr")  # raises before the first map is asked for

    def rows() -> Iterator[dict[str, Any] | Note]:
        users: dict[int, list[str]] = {}
        yield from _users(kernel, users)
        holders = find_holders(kernel)
        yield from holders.notes
        try:
            for map_ in found:
                yield from _row(map_, query, users, holders)
        except BtfdumpError as error:
            yield Note(str(error))

    return Table("maps", _COLUMNS, rows())


def _row(
    map_: MapValue, query: Query, users: dict[int, list[str]], holders: Holders
) -> Iterator[dict[str, Any] | Note]:
    """Yield the row of a map if it is wanted, after notes on what cannot be told of it."""
    try:
        number = int(map_.read_().id)
        if not query.wants(str(number), map_.member_("name").string_()):
            return
        row = _described(map_, number) | {
            "owner": holders.of(map_.address_),
            "programs": users.get(number, []),
        }
    except (BtfdumpError, LookupError) as error:
        yield Note(f"map at {map_.address_:#x}: {error}", map_.address_)
        return
    trouble = row.pop("trouble")
    if trouble:
        yield Note(f"map {row['name'] or number}: {trouble}", map_.address_)
    yield row


def _described(map_: MapValue, number: int) -> dict[str, Any]:
    from btfdump._bpf.maps.memory import memory_of

    types_ = map_.types_
    entries, trouble = _entries(map_)
    return {
        "id": number,
        "type": map_.kind_.lower(),
        "name": map_.member_("name").string_(),
        "key": _spelled(types_.key, int(map_.key_size)),
        "value": _spelled(types_.value, int(map_.value_size)),
        "entries": entries,
        "max": int(map_.max_entries) or None,
        "memory": memory_of(map_),
        "key_size": int(map_.key_size),
        "value_size": int(map_.value_size),
        "flags": int(map_.map_flags),
        "btf_id": _btf_id(map_),
        "address": f"{map_.address_:#x}",
        "trouble": trouble,
    }


def _btf_id(map_: MapValue) -> int | None:
    try:
        return int(map_.btf.id) if map_.btf else None
    except FaultError:
        return None  # the types, which are not known then, tell as much


def _spelled(type_: object, size: int) -> str | None:
    """Return a type in C, the number of bytes where none is known, None for no bytes."""
    if type_ is not None:
        return str(type_)
    return f"{size} bytes" if size else None


def _entries(map_: MapValue) -> tuple[int | None, str]:
    """Return the number of elements, by the kernel's count or else by a walk, and what is wrong."""
    from btfdump._bpf.maps.elements import Element

    count = map_.count_()
    if count is not None:
        return count, ""
    found, trouble = 0, ""
    items = map_.elements_()
    for item in islice(items, MAX_COUNTED):
        if isinstance(item, Element):
            found += not item.cpu  # of a per-CPU element, the copy of CPU 0
        elif item.ends:
            trouble = trouble or item.message
    if next(items, None) is not None:
        return None, f"more than {found} elements: not counted"
    return found, trouble


def _users(kernel: Context, users: dict[int, list[str]]) -> Iterator[Note]:
    """Enter by id of a map the programs that use it."""
    from btfdump._bpf.progs import find_progs

    try:
        for prog in find_progs(kernel):
            if isinstance(prog, Note):
                yield prog
                continue
            for number in dict.fromkeys(prog.map_ids):
                users.setdefault(number, []).append(prog.label)
    except BtfdumpError as error:
        yield Note(f"programs: {error}")
