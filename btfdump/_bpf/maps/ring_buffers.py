"""Ring buffers: the records that nobody has consumed yet (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly, unreadable
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject

BUSY, DISCARDED = 1 << 31, 1 << 30
"""BPF_RINGBUF_BUSY_BIT and BPF_RINGBUF_DISCARD_BIT of a record's length."""


@map_family(keys=Keys.ORDER, values_typed=False)
def walk_ring_buffer(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield the records between the consumer's and the producer's position, as bytes.

    Positions only ever grow; `mask` maps them into the data pages, which are mapped twice in a row
    so that no record is torn.
    """
    context = map_._context_
    buffer = map_._inside_("bpf_ringbuf_map").rb.deref_()
    mask = int(buffer.mask)
    consumer, producer = int(buffer.consumer_pos), int(buffer.producer_pos)
    start = buffer.member_("data").address_
    if not consumer <= producer <= consumer + mask + 1:
        text = f"consumer at {consumer}, producer at {producer}, {mask + 1} bytes between them"
        yield Anomaly(text, buffer.address_, ends=True)
        return
    header_type = context.own_type("struct bpf_ringbuf_hdr")
    header_size = context.layouts.of(header_type).size
    at = consumer
    while at < producer:
        address = context.wrap(start + (at & mask))
        try:
            word = int(value_at(context, header_type, address).member_("len"))
        except FaultError as error:
            yield unreadable(f"record of position {at}", address, error)
            return
        size = word & ~(BUSY | DISCARDED)
        step = (size + header_size + 7) // 8 * 8
        if step > producer - at:
            yield Anomaly(f"record at {at}: {size} bytes reach beyond the producer", address, True)
            return
        state = "busy" if word & BUSY else "discarded" if word & DISCARDED else "committed"
        value = value_at(context, map_._bytes_of_(size), address + header_size)
        yield Element(value, remark=f"position {at}, {size} bytes, {state}")
        at += step
