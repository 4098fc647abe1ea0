"""Rule: a table of heads, such as a hash table, is limited by its occupied elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout
from btfdump._graph.arrays import decode_table
from btfdump._graph.buckets import is_table

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def table(edge: Edge, state: State) -> Edge | None:
    """Show the occupied elements of a long table."""
    field, owner = edge.field, edge.owner
    layout = field.layout
    if field.elided <= 0 or not isinstance(layout, ArrayLayout):
        return None
    if owner._slice_(0, field.offset + layout.size) is None:
        return None
    if not is_table(state.context.layouts, layout.element):
        return None
    cut = decode_table(state, layout, owner, field.offset)
    # Without a name it is what was asked for, and has to say so.
    remark = "all empty" if not cut.value and not field.name else field.remark
    return edge.refined(
        field.replace(value=cut.value, elided=cut.elided, remark=remark), edge.facts
    )
