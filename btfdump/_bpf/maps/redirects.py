"""Maps that packets and connections are redirected through: to devices, CPUs, sockets.

Mirrors kernel/bpf/devmap.c, cpumap.c, reuseport_array.c, net/xdp/xskmap.c, net/core/sock_map.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import offset_of, value_at
from btfdump._walk import Anomaly
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import Expansion
    from btfdump._bpf.maps.map_object import MapObject

MAX_BUCKETS = 1 << 31


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_devmap(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct bpf_dtab_netdev *`."""
    array = map_._inside_("bpf_dtab").netdev_map
    for index, value in map_._slots_(array, int(map_.max_entries), "struct bpf_dtab_netdev"):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_devmap_hash(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk buckets of `struct bpf_dtab_netdev`, by their index."""
    table = map_._inside_("bpf_dtab").read_()
    for value in _chained(
        map_, int(table.dev_index_head), int(table.n_buckets), "bpf_dtab_netdev", "index_hlist"
    ):
        if isinstance(value, Anomaly):
            yield value
        else:
            yield Element(value, map_._index_(int(value.idx)))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_cpumap(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct bpf_cpu_map_entry *`, by CPU."""
    array = map_._inside_("bpf_cpu_map").cpu_map
    for index, value in map_._slots_(array, int(map_.max_entries), "struct bpf_cpu_map_entry"):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_xskmap(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct xdp_sock *`."""
    array = map_._inside_("xsk_map").xsk_map.address_
    for index, value in map_._slots_(array, int(map_.max_entries), "struct xdp_sock"):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_sockmap(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct sock *`."""
    array = map_._inside_("bpf_stab").sks
    for index, value in map_._slots_(array, int(map_.max_entries), "struct sock"):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_reuseport_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct sock *` of one reuseport group."""
    array = map_._inside_("reuseport_array").ptrs.address_
    for index, value in map_._slots_(array, int(map_.max_entries), "struct sock"):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.TYPED, values_typed=False)
def walk_sockhash(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk buckets of `struct bpf_shtab_elem`: a key and a `struct sock *`."""
    table = map_._inside_("bpf_shtab").read_()
    size = table.buckets.deref_().size_
    sock = map_._context_.own_type("struct sock")
    for value in _chained(
        map_, int(table.buckets), int(table.buckets_num), "bpf_shtab_elem", "node", size
    ):
        if isinstance(value, Anomaly):
            yield value
        else:
            key = map_._key_at_(value.key.address_)
            yield Element(value_at(map_._context_, sock, int(value.sk)), key)


def _chained(
    map_: MapObject, heads: int, count: int, struct: str, link: str, step: int = 0
) -> Iterator[Value | Anomaly]:
    """Walk `count` buckets, each of which begins with a `struct hlist_head`."""
    context = map_._context_
    if not 0 < count <= MAX_BUCKETS:
        raise CorruptDataError(f"{count} buckets", map_.address_)
    type_ = context.own_type("struct hlist_head")
    step = step or context.layouts.of(type_).size
    expansion = _expansion(map_, struct, link)
    empty = bytes(context.layouts.pointer_size)
    for first, data in map_._pieces_(heads, count, step):
        for at in range(0, len(data), step):
            head = data[at : at + len(empty)]
            if head != empty:
                address = context.wrap(heads + first * step + at)
                for item in value_at(context, type_, address, head).entries_(expansion):
                    if isinstance(item, Value | Anomaly):
                        yield item


def _expansion(map_: MapObject, struct: str, link: str) -> Expansion:
    from btfdump._annotate.facts import Expansion
    from btfdump._btf import types

    element = map_._context_.own_type(f"struct {struct}")
    assert isinstance(element, types.Composite)
    offset = offset_of(map_._context_, element, link)
    return Expansion("hlist_head", element, link, offset, 0, "map")
