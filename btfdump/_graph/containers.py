"""The entries of a container, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._graph.entries import entry_of
from btfdump._graph.events import Close, GroupKind, Number, Open
from btfdump._graph.visits import notes_on
from btfdump._graph.window import Window
from btfdump._kernel.notes import Note
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._decode.fields import Field
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value
    from btfdump._walk import Key


def entries_of(state: State, field: Field | None, value: Value, position: Position) -> Stream:
    """Walk the container `value` and show its entries; `field` is None if it is the root."""
    try:
        expansion = value.expansion_()
    except CorruptDataError as error:
        yield notes_on(field, value, [str(error)])
        return
    state.links.add((expansion.element, expansion.link_offset))
    window: Window[Value | ValueEntry] = Window(
        value.entries_(expansion),
        state.limits.elements,
        value._links_(expansion) if state.context.target.is_live else None,
    )
    yield Open(GroupKind.CONTAINER, field, value, expansion, window.count, expansion.provenance)
    for problem in value.facts_.problems if value.facts_ is not None else ():
        yield Note(problem, value.address_)
    for item in window:
        if isinstance(item, Anomaly):
            yield Note(item.message, item.address)
        elif isinstance(item, ValueEntry):
            yield Number(item, label_of(item.key, window.shown - 1))
        else:
            yield entry_of(state, item, label_of(item.key_, window.shown - 1), position)
    yield Close(window.shown, window.total)


def label_of(key: Key, position: int) -> str:
    """Return the label of an entry: `[position]`, or its key, as in `[7]` or `[0x1000-0x1fff]`."""
    if key is None:
        return f"[{position}]"
    if isinstance(key, tuple):
        return f"[{key[0]:#x}-{key[1]:#x}]"
    return f"[{key}]"
