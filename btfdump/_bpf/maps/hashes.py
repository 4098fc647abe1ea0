"""Hash tables: of values, of per-CPU values, of least recently used ones, and of maps.

Mirrors kernel/bpf/hashtab.c: buckets of hlist_nulls chains, whether or not elements were allocated
in advance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly, Entry, Head, walker_of
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._kernel.value import Value

MAX_BUCKETS = 1 << 31
MAX_BROKEN = 64
"""Broken chains after which a table is taken for garbage."""
NO_PREALLOC = 1
"""BPF_F_NO_PREALLOC of `map_flags`."""


def elements_in_use(map_: MapObject) -> int | None:
    """Return how many elements the kernel has counted, None if it has not.

    `bpf_map.elem_count` exists since Linux 6.6; before, tables that allocate in advance are not
    counted.
    """
    context = map_._context_
    if map_.has_member_("elem_count") and map_.elem_count:
        each, pointer = context.own_type("s64"), int(map_.elem_count)
        offsets = context.target.per_cpu_offsets
        copies = (value_at(context, each, context.wrap(pointer + offset)) for offset in offsets)
        return max(0, sum(int(copy) for copy in copies))
    if not int(map_.map_flags) & NO_PREALLOC:
        return None
    table = map_._inside_("bpf_htab").read_()
    if table.has_member_("use_percpu_counter") and table.use_percpu_counter:
        return None
    return max(0, int(table.member_("count").counter))


def nodes(map_: MapObject) -> Iterator[tuple[Value, int, bytes] | Anomaly]:
    """Yield (key, address of what follows it, its bytes) for each `struct htab_elem` of a table."""
    context = map_._context_
    table = map_._inside_("bpf_htab").read_()
    count = int(table.n_buckets)
    if not 0 < count <= MAX_BUCKETS or count & (count - 1):
        raise CorruptDataError(f"n_buckets is {count}, no power of two", table.address_)
    element = value_at(context, "struct htab_elem", 0)
    key_offset, key_size = element.key.address_, map_._size_of_("key")
    value_offset = key_offset + (key_size + 7) // 8 * 8
    size = max(int(table.elem_size), value_offset + context.layouts.pointer_size)
    broken = 0
    for bucket, head in _heads(map_, table, size):
        if broken > MAX_BROKEN:
            text = f"{broken} chains are broken: buckets from {bucket} on are left out"
            yield Anomaly(text, table.address_, ends=True)
            return
        for item in _chain(head, bucket, count, element.hash.address_):
            if isinstance(item, Anomaly):
                broken += 1
                yield item._replace(message=f"bucket {bucket}: {item.message}")
            else:
                data = item.data or b""
                key = data[key_offset : key_offset + key_size]
                place = item.address + value_offset
                yield map_._key_at_(item.address + key_offset, key), place, data[value_offset:]


def _heads(map_: MapObject, table: Value, size: int) -> Iterator[tuple[int, Head]]:
    """Yield (number, head) for each bucket that is in use; its elements have `size` bytes."""
    context = map_._context_
    start, step = int(table.buckets), table.buckets.deref_().size_
    pointer_size, order = context.layouts.pointer_size, context.layouts.byteorder
    target, platform = context.target, context.target.platform
    for first, data in map_._pieces_(start, int(table.n_buckets), step):
        for at in range(0, len(data), step):
            pointer = data[at : at + pointer_size]
            if not int.from_bytes(pointer, order) & 1:  # an empty chain is its mark alone
                address = context.wrap(start + first * step + at)
                head = Head(target, platform, address, 0, size, pointer, is_live=target.is_live)
                yield first + at // step, head


def _chain(head: Head, bucket: int, count: int, hash_at: int) -> Iterator[Entry | Anomaly]:
    """Walk one chain, up to an element whose hash says that it belongs to another bucket."""
    walker = walker_of("hlist_nulls_head")
    assert walker is not None
    for item in walker.items(head):
        if isinstance(item, Anomaly):
            yield item
        elif isinstance(item, Entry) and item.data is None:
            yield Anomaly(f"element at {item.address:#x} is unreadable in part", item.address, True)
        elif isinstance(item, Entry):
            word = (item.data or b"")[hash_at : hash_at + 4]
            own = int.from_bytes(word, head.platform.byteorder) & (count - 1)
            if own != bucket:
                text = f"{item.address:#x} is of bucket {own} by its hash: chain not followed"
                yield Anomaly(text, item.address, ends=True)
                return
            yield item


@map_family(keys=Keys.TYPED, count=elements_in_use)
def walk_hash(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk a hash table whose values follow their keys, at a multiple of 8 bytes."""
    size = map_._size_of_("value")
    for node in nodes(map_):
        if isinstance(node, Anomaly):
            yield node
            continue
        key, address, data = node
        yield Element(map_._value_at_(address, data[:size] if len(data) >= size else None), key)


@map_family(keys=Keys.TYPED, count=elements_in_use)
def walk_percpu_hash(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk a hash table with a __percpu pointer after each key."""
    for node in pointers(map_):
        if isinstance(node, Anomaly):
            yield node
        else:
            yield from map_._copies_(node[1], node[0])


@map_family(keys=Keys.TYPED, values_typed=False, count=elements_in_use)
def walk_hash_of_maps(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk a hash table with a `struct bpf_map *` after each key."""
    for node in pointers(map_):
        if isinstance(node, Anomaly):
            yield node
        else:
            yield Element(type(map_)(map_._context_, node[1]), node[0])


def pointers(map_: MapObject) -> Iterator[tuple[Value, int] | Anomaly]:
    """Yield (key, the pointer after it) for each element of a table."""
    size, order = map_._context_.layouts.pointer_size, map_._context_.layouts.byteorder
    for node in nodes(map_):
        if isinstance(node, Anomaly):
            yield node
            continue
        key, address, data = node
        pointer = int.from_bytes(data[:size], order)
        if pointer:
            yield key, pointer
        else:
            yield Anomaly(f"pointer at {address:#x} is NULL", address)
