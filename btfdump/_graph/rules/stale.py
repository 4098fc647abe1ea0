"""Rule: what a pointer that outlives its target leads to is checked before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._graph.events import Close
from btfdump._graph.rules.pointer import pointee, pointer
from btfdump._graph.visits import Settled
from btfdump._kernel.notes import Note
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream


def stale(edge: Edge, state: State) -> Settled | None:
    """Say of a freed target that it is one; show it, with a note, only if it is asked for."""
    if edge.facts is None or not edge.facts.is_stale:
        return None
    target = state.pointee(edge.field.layout, edge.facts)
    if not isinstance(target, types.Composite):
        return None
    try:
        value = pointee(edge, target)
    except CorruptDataError:
        return None
    from btfdump._kernel.freed import freed  # few pointers are of this kind

    reason = freed(value)
    if not reason:
        return None
    if state.is_wanted(edge.inside()):
        shown = pointer(edge, state)
        if shown is not None and shown.group is not None:
            return Settled(
                shown.field,
                _noted(shown.group, Note(f"{edge.field.name}: {reason}", value.address_)),
            )
    return Settled(edge.field.replace(remark=reason))


def _noted(group: Stream, note: Note) -> Stream:
    """Show a pointer's group with a note at its end."""
    for event in group:
        if isinstance(event, Close):
            yield note
        yield event
