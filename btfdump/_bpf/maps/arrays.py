"""Arrays: of values, of each CPU's values, of maps, programs, perf events and cgroups.

Mirrors kernel/bpf/arraymap.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._walk import Anomaly


def capacity(map_: MapObject) -> int:
    """Return the number of elements of an array, all of which always exist."""
    return int(map_.max_entries)


@map_family(keys=Keys.INDEX, count=capacity)
def walk_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk `bpf_array.value`: elements of `elem_size` bytes, that is the value and padding."""
    array = map_._inside_("bpf_array").read_()
    size, step = map_._size_of_("value"), int(array.elem_size)
    if not size <= step <= size + 7:
        raise CorruptDataError(f"elem_size is {step}, value_size {size}", map_.address_)
    start = array.member_("value").address_
    for first, data in map_._pieces_(start, capacity(map_), step):
        for at in range(0, len(data), step):
            index = first + at // step
            value = map_._value_at_(start + index * step, data[at : at + size])
            yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, count=capacity)
def walk_percpu_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk `bpf_array.pptrs`: a __percpu pointer for each element."""
    start = map_._inside_("bpf_array").pptrs.address_
    for index, pointer in map_._pointers_(start, capacity(map_)):
        yield from map_._copies_(pointer, map_._index_(index))


def objects(map_: MapObject, struct: str) -> Iterator[Element | Anomaly]:
    """Walk `bpf_array.ptrs`: pointers to objects of the kernel."""
    start = map_._inside_("bpf_array").ptrs.address_
    for index, value in map_._slots_(start, capacity(map_), struct):
        yield Element(value, map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_array_of_maps(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct bpf_map *`."""
    start = map_._inside_("bpf_array").ptrs.address_
    for index, pointer in map_._pointers_(start, capacity(map_)):
        yield Element(type(map_)(map_._context_, pointer), map_._index_(index))


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_prog_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct bpf_prog *`, for tail calls."""
    yield from objects(map_, "struct bpf_prog")


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_perf_event_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct bpf_event_entry *`, which lead to perf events."""
    yield from objects(map_, "struct bpf_event_entry")


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_cgroup_array(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk an array of `struct cgroup *`."""
    yield from objects(map_, "struct cgroup")
