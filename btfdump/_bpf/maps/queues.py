"""Queues and stacks (kernel/bpf/queue_stack_maps.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._walk import Anomaly


def ring(map_: MapObject) -> tuple[int, int, int, int]:
    """Return (address of the elements, head, tail, size) of a `struct bpf_queue_stack`.

    `head` is the slot that will be filled next, `tail` that of the oldest element. Raises
    `CorruptDataError`.
    """
    queue = map_._inside_("bpf_queue_stack").read_()
    head, tail, size = int(queue.head), int(queue.tail), int(queue.member_("size"))
    if not (head < size and tail < size):
        text = f"head {head} and tail {tail} of {size} slots"
        raise CorruptDataError(text, queue.address_)
    return queue.elements.address_, head, tail, size


def length(map_: MapObject) -> int:
    """Return the number of elements in the queue or stack."""
    _, head, tail, size = ring(map_)
    return (head - tail) % size


@map_family(keys=Keys.ORDER, count=length)
def walk_queue(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield the elements in the order in which they will be taken out, the oldest first."""
    start, head, tail, size = ring(map_)
    for number in range((head - tail) % size):
        yield Element(map_._value_at_(start + (tail + number) % size * map_._size_of_("value")))


@map_family(keys=Keys.ORDER, count=length)
def walk_stack(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield the elements in the order in which they will be taken out, the newest first."""
    start, head, tail, size = ring(map_)
    for number in range((head - tail) % size):
        yield Element(map_._value_at_(start + (head - 1 - number) % size * map_._size_of_("value")))
