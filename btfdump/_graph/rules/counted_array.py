"""Rule: a pointer to an array whose length an annotation gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._graph.arrays import decode_counted, pointee_of, read_counted
from btfdump._graph.entries import pointed_entries
from btfdump._graph.events import TARGET_SHOWN, GroupKind, Open
from btfdump._graph.visits import ArrayVisit, Settled, notes_on
from btfdump._kernel.pointers import told_by
from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream


def counted_array(edge: Edge, state: State) -> Settled | None:
    """Show the array; for an array of pointers to structs, show the structs."""
    facts = edge.facts
    if facts is None or facts.length is None:
        return None
    return Settled(edge.field, _elements(edge, state, facts))


def _elements(edge: Edge, state: State, facts: MemberFacts) -> Stream:
    field, here, inner = edge.field, edge.value(), edge.via_pointer()
    assert isinstance(field.value, int)
    try:
        array = read_counted(state, here, facts, edge.scopes())
    except (CorruptDataError, FaultError) as error:
        yield notes_on(field, here, [str(error)])
        return
    value, length, notes = array
    target = pointee_of(value)
    if isinstance(target, types.Composite):
        pointers = [(i, int(v)) for i, v in enumerate(value.value_()) if v]
        if length > len(value):
            left = length - len(value)
            notes = [*notes, f"{left} of {length} pointers were not looked at"]
        yield pointed_entries(state, field, here, target, field.value, pointers, inner, notes)
        return
    yield Open(GroupKind.POINTER, field, value, provenance=told_by(field))
    decoded, notes = decode_counted(state, array, facts)
    yield ArrayVisit(value, decoded, inner, notes)
    yield TARGET_SHOWN
