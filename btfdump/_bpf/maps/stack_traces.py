"""Stack traces (kernel/bpf/stackmap.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._btf import types
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._kernel.value import Value

BY_BUILD_ID = 1 << 5
"""BPF_F_STACK_BUILD_ID: frames are build ids and offsets into files."""
MAX_FRAMES = 4096


@map_family(keys=Keys.INDEX, values_typed=False)
def walk_stack_traces(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield each stack that is kept, by its id: its return addresses, the innermost first."""
    context = map_._context_
    outer = map_._inside_("bpf_stack_map").read_()
    frame = _frame_type(map_)
    size = context.layouts.of(frame).size
    buckets = outer.buckets.address_
    count = int(outer.n_buckets)
    if count > 1 << 31:
        raise CorruptDataError(f"n_buckets is {count}", outer.address_)
    for index, bucket in map_._slots_(buckets, count, "struct stack_map_bucket"):
        number = int(bucket.nr)
        if number > MAX_FRAMES or number * size > map_._size_of_("value"):
            yield Anomaly(f"stack {index} has {number} frames", bucket.address_)
            continue
        data = context.target.read(bucket.member_("data").address_, number * size)
        yield Element(
            _frames(map_, frame, number, bucket.member_("data").address_, data), map_._index_(index)
        )


def _frame_type(map_: MapObject) -> types.Type:
    """Return the type of a frame: a build id and offset, or a void *, shown with its symbol."""
    if int(map_.map_flags) & BY_BUILD_ID:
        return map_._context_.own_type("struct bpf_stack_build_id")
    pointers = map_._inside_("bpf_array").ptrs.type_  # void *[]
    array = pointers.btf.skip_modifiers(pointers)
    assert isinstance(array, types.Array)
    return array.element


def _frames(map_: MapObject, frame: types.Type, count: int, address: int, data: bytes) -> Value:
    array = types.Array(frame.btf, 0, "", frame.id, 0, count)
    return value_at(map_._context_, array, address, data)
