"""The contents of a BPF map as events: a group of elements, each labelled by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import Decoder, Field
from btfdump._decode.layout import StructLayout
from btfdump._graph.entries import entry_of
from btfdump._graph.events import Close, GroupKind, Holds, MapKey, Open
from btfdump._graph.visits import notes_on
from btfdump._graph.window import CountingWindow
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.elements import Element
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value


def as_map(value: Value) -> MapValue | None:
    """Return `value` if it is a BPF map whose contents can be read, else None."""
    if value.type_.name != "bpf_map":
        return None
    from btfdump._bpf.maps.map_value import MapValue

    return value if isinstance(value, MapValue) else None


def value_of_map(value: Value) -> Value | None:
    """Return a map's value type as a Value at address 0; anything but a map is returned as it is.

    Returns None if the type is not known.
    """
    map_ = as_map(value)
    if map_ is None:
        return value
    try:
        type_ = map_.types_.value
    except FaultError:
        return None  # reported where the map is shown
    return value_at(value._context_, type_, 0) if type_ is not None else None


def elements_of(state: State, map_: MapValue, position: Position) -> Stream:
    """Show the elements of a map."""
    try:
        holds = _holds(map_)
    except (BtfdumpError, LookupError) as error:
        yield notes_on(None, map_, [f"unreadable: {error}"])
        return
    listing = _Listing(state, map_)
    position = position._replace(level=-1)  # a list inside an element counts as an outermost one
    window = CountingWindow(listing.items(), state.limits.elements)
    provenance = map_.types_.provenance
    yield Open(GroupKind.MAP, None, map_, None, window.count, provenance, holds)
    yield from map(Note, listing.remarks())
    for item in window:
        if isinstance(item, Anomaly):
            yield Note(item.message, item.address)
        else:
            label = listing.label(item, window.shown - 1)
            yield entry_of(state, item.value, label, position)
    yield Close(window.shown, window.total, listing.zero)


def _holds(map_: MapValue) -> Holds:
    types_ = map_.types_
    key, value = (str(t) if t is not None else "" for t in (types_.key, types_.value))
    kind = map_.kind_.lower()
    cpus = len(map_._context_.target.per_cpu_offsets) if "percpu" in kind else 0
    return Holds(int(map_.id), map_.name_, kind, key, value, _count(map_), cpus)


def _count(map_: MapValue) -> int | None:
    try:
        return map_.count_()
    except BtfdumpError:
        return None  # the problem is reported with the elements


class _Listing:
    """The elements of one map in the order listed, without the zero ones of an array map."""

    def __init__(self, state: State, map_: MapValue) -> None:
        from btfdump._bpf.maps.elements import Keys

        self.map = map_
        self.family = map_._family_
        self.summary = state.summary
        self.decoder = Decoder(map_._context_.layouts, zero=True)  # zeros belong to a key
        is_array = self.family is not None and self.family.keys is Keys.INDEX
        typed = self.family is not None and self.family.values_typed
        self.leaves_out_zero = is_array and typed and not state.zero
        self.zero = 0

    def items(self) -> Iterator[Element | Anomaly]:
        """Yield elements and anomalies; zero elements of an array map are only counted."""
        for item in self.map.elements_():
            if self.leaves_out_zero and not isinstance(item, Anomaly):
                try:
                    is_zero = not item.value.bytes_().strip(b"\0")
                except FaultError:
                    is_zero = False  # the problem is reported where it is shown
                if is_zero:
                    self.zero += 1
                    continue
            yield item

    def remarks(self) -> Iterator[str]:
        """Say why keys and values are shown as bytes, if they are."""
        from btfdump._bpf.maps.elements import Keys

        if self.family is None:
            return
        types_ = self.map.types_
        if types_.key is None and self.family.keys is Keys.TYPED:
            yield f"keys are bytes: {types_.no_key}"
        if types_.value is None and self.family.values_typed:
            yield f"values are bytes: {types_.no_value}"

    def label(self, element: Element, position: int) -> MapKey:
        """Return the label of an element: what it is found by."""
        key, cpu, remark = element.key, element.cpu, element.remark
        if element.owner is not None:
            owner = element.owner
            return MapKey(position, None, owner, self.summary(owner), cpu, remark)
        if key is None:
            return MapKey(position, cpu=cpu, remark=remark)
        try:
            fields = self.decoder.fields(key._layout_, key.bytes_())
        except BtfdumpError as error:
            return MapKey(position, cpu=cpu, remark=f"key at {key.address_:#x}: {error}")
        is_struct = isinstance(key._layout_, StructLayout)
        field = Field("", key._layout_, 0, fields) if is_struct else fields[0]
        return MapKey(position, field, cpu=cpu, remark=remark)
