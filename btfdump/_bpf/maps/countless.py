"""Maps whose elements cannot be listed: what can be said about them as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._walk import Anomaly


@map_family(keys=Keys.ORDER, values_typed=False, count=lambda map_: 0)
def walk_bloom_filter(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Count the bits of a bloom filter that are set (kernel/bpf/bloom_filter.c)."""
    outer = map_._inside_("bpf_bloom_filter").read_()
    bits = int(outer.bitset_mask) + 1
    if bits & (bits - 1):
        raise CorruptDataError(f"bitset_mask is {bits - 1:#x}", outer.address_)
    used = 0
    for _, data in map_._pieces_(outer.bitset.address_, (bits + 7) // 8, 1):
        used += int.from_bytes(data, "little").bit_count()
    hashes = int(outer.nr_hash_funcs)
    yield Element(outer, remark=f"{used} of {bits} bits set, {hashes} hash functions")


@map_family(keys=Keys.ORDER, values_typed=False, count=lambda map_: 0)
def walk_arena(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Say where an arena is: memory that programs share with a process (kernel/bpf/arena.c)."""
    outer = map_._inside_("bpf_arena").read_()
    size = int(outer.user_vm_end) - int(outer.user_vm_start)
    yield Element(outer, remark=f"{size} bytes shared with user space")
