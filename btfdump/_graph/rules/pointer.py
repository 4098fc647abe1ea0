"""Rule: a pointer to one struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from btfdump._btf import types
from btfdump._decode.scope import stated_by
from btfdump._graph.events import TARGET_SHOWN, GroupKind, Open
from btfdump._graph.limits import selection_of
from btfdump._graph.moved import has_moved
from btfdump._graph.rules.problems import struct_not_followed
from btfdump._graph.visits import Settled, Visit, notes_on
from btfdump._kernel.pointers import MOVED, address_of, told_by
from btfdump._kernel.value_at import value_at
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from btfdump._graph.edge import Edge
    from btfdump._graph.state import State
    from btfdump._kernel.value import Value


def pointer(edge: Edge, state: State) -> Settled | None:
    """Show the struct, as far as the depth limit reaches; else its summary, if it has one."""
    target = state.pointee(edge.field.layout, edge.facts)
    if not isinstance(target, types.Composite):
        return None
    if _is_out_of_reach(edge, state, target):
        return struct_not_followed(edge, state)
    try:
        value = pointee(edge, target)
    except CorruptDataError as error:  # the annotation does not apply to this pointer
        if state.is_wanted(edge.via_pointer()):
            return Settled(edge.field, notes_on(edge.field, edge.value(), [str(error)]))
        return struct_not_followed(edge, state)
    return _shown(edge, state, value) or struct_not_followed(edge, state)


def _is_out_of_reach(edge: Edge, state: State, target: types.Composite) -> bool:
    """Whether the struct is clearly not to be shown, the usual case; no memory is read."""
    position, field = edge.position, edge.field
    return (
        edge.facts is None
        and position.selection is None
        and position.depth >= state.limits.depth
        and not state.has_summary(target)
        and not state.is_followed(edge.path)
        and not _is_known(edge, state, (cast("int", field.value), target))
    )


def pointee(edge: Edge, target: types.Composite) -> Value:
    """Return the struct that a pointer leads to; `CorruptDataError` if it cannot be located."""
    field, facts, context = edge.field, edge.facts, edge.owner._context_
    assert isinstance(field.value, int)
    if facts is None:
        return value_at(context, target, field.value)
    address = address_of(edge.holder(), field.value, facts)
    return value_at(context, target, address, stated=stated_by(facts.of_target))


def _shown(edge: Edge, state: State, value: Value) -> Settled | None:
    """Settle how the struct is shown: in full or on one line; None if it is not shown."""
    inner = edge.via_pointer()
    facts, depth = edge.facts, edge.position.depth
    # A field shown here has been selected; without a selection of its own, all of it is shown.
    if not state.is_wanted(inner):
        if facts is not None and facts.follow is not None:
            selection = selection_of(facts.follow) or None
            inner = inner._replace(selection=selection, guided=selection is not None)
        elif depth < state.limits.depth:
            inner = inner.deeper()
        elif not _is_known(edge, state, state.key(value)):
            if not state.summary(value):
                return None
            return _target(edge, Visit(value, inner, is_brief=True))
    return _target(edge, Visit(value, inner))


def _is_known(edge: Edge, state: State, key: tuple[int, types.Type]) -> bool:
    """Whether an object is the one that holds the pointer, or was shown in full before."""
    owner = edge.owner
    return key in state.seen or (key[0] == owner.address_ and key == state.key(owner))


def _target(edge: Edge, visit: Visit) -> Settled:
    """Settle that a pointer's target is shown, or a note if the pointer has since changed."""
    field = edge.field
    if has_moved(visit.position.chain, visit.value):
        return Settled(field, notes_on(field, edge.value(), [MOVED]))
    opened = Open(GroupKind.POINTER, field, visit.value, provenance=told_by(field))
    return Settled(field, iter((opened, visit, TARGET_SHOWN)))
