"""Rule: an array at the end of a struct whose length an annotation gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout
from btfdump._graph.arrays import decode_counted, read_counted, shifted
from btfdump._graph.visits import Settled, notes_on
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def flexible_array(edge: Edge, state: State) -> Edge | Settled | None:
    """Give the array the elements that its annotation counts; note any that are missing."""
    field, facts = edge.field, edge.facts
    layout = field.layout
    if facts is None or facts.length is None:
        return None
    if not isinstance(layout, ArrayLayout) or layout.length:
        return None
    here = edge.value()
    try:
        array = read_counted(state, here, facts, edge.scopes())
        decoded, notes = decode_counted(state, array, facts)
    except BtfdumpError as error:
        return Settled(field, notes_on(field, here, [str(error)]))
    moved = shifted(decoded, field.offset)
    field = field.replace(layout=moved.layout, value=moved.value, elided=moved.elided)
    if notes:
        return Settled(field, notes_on(field, here, ["; ".join(notes)]))
    return edge.refined(field, edge.facts)
