"""Rule: bytes whose type is given by the BPF map that they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._decode.layout import StructLayout
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State


def typed_bytes(edge: Edge, state: State) -> Edge | None:
    """Decode bytes as the type that they hold.

    If the type is not known they stay bytes, and the reason becomes a problem at their place.
    """
    field, facts = edge.field, edge.facts
    if facts is None or facts.typed_by is None:
        return None
    context = state.context
    address = context.wrap(edge.owner.address_ + field.offset)
    outer = edge.holder(), field.name
    here = value_at(context, field.layout.type, address, facts=facts, outer=outer)
    try:
        value = here.typed_()
        layout = value._layout_
        data = bytes(field.offset) + value.bytes_()
        selection = edge.inside().selection
        found = state.decoder.fields(layout, data, selection, at=field.offset)
    except (BtfdumpError, LookupError) as error:
        known = replace(facts, typed_by=None, problems=[*facts.problems, str(error)])
        return edge.refined(field.replace(facts=known), known)
    known = value.facts_ or facts
    is_struct = isinstance(layout, StructLayout)
    field = field.replace(
        layout=layout,
        value=found if is_struct else found[0].value,
        elided=0 if is_struct else found[0].elided,
        facts=known,
    )
    return edge.refined(field, known, state.decoder.skipped)
