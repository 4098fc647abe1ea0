"""A `__percpu` pointer leads to one object for every possible CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import StructLayout
from btfdump._graph.entries import entry_of
from btfdump._graph.events import EXIT, TARGET_SHOWN, Close, Enter, GroupKind, Open
from btfdump._graph.limits import MAX_OBJECT
from btfdump._graph.rules.problems import not_followed
from btfdump._graph.visits import Settled, notes_on
from btfdump._kernel.notes import Note
from btfdump._kernel.pointers import told_by
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from btfdump._btf import types
    from btfdump._graph.edge import Edge
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream


def per_cpu(edge: Edge, state: State) -> Settled:
    """Show the object of every CPU, if any other pointer would be followed here."""
    inner = edge.inside()
    if not state.is_wanted(inner):
        if edge.position.depth >= state.limits.depth:
            return not_followed(edge, state)
        inner = inner.deeper()
    target = state.pointee(edge.field.layout, edge.facts)
    if target is None or not state.context.layouts.of(target).size:
        return not_followed(edge, state)
    return Settled(edge.field, _of_every_cpu(edge, state, target, inner))


def _of_every_cpu(edge: Edge, state: State, target: types.Type, inner: Position) -> Stream:
    context, field, here = state.context, edge.field, edge.value()
    assert isinstance(field.value, int)
    try:
        addresses = [context.wrap(field.value + o) for o in context.target.per_cpu_offsets]
    except BtfdumpError as error:
        yield notes_on(field, here, [str(error)])
        return
    layout = context.layouts.of(target)
    if not isinstance(layout, StructLayout):
        if layout.size * len(addresses) > MAX_OBJECT:
            told = f"{target} has {layout.size} bytes for each of {len(addresses)} CPUs"
            yield notes_on(field, here, [f"{told}: too large to be real"])
            return
        yield _scalars(edge, state, target, addresses)
        return
    shown = addresses[: state.limits.elements]
    yield Open(GroupKind.ARRAY, field, here, None, len(addresses), told_by(field))
    for cpu, address in enumerate(shown):
        value = value_at(context, target, address, key=f"cpu {cpu}")
        yield entry_of(state, value, f"[cpu {cpu}]", inner)
    yield Close(len(shown), len(addresses))


def _scalars(edge: Edge, state: State, target: types.Type, addresses: list[int]) -> Stream:
    """Show one scalar, or array of scalars, per CPU as an array indexed by CPU."""
    context, size = state.context, state.context.layouts.of(target).size
    pieces, missing = [], []
    for cpu, address in enumerate(addresses):
        try:
            pieces.append(context.target.read(address, size))
        except FaultError as error:
            pieces.append(bytes(size))
            missing.append(f"CPU {cpu} is unreadable: {error.reason}")
    array = context.array(target, len(addresses))
    value = value_at(context, array, addresses[0], b"".join(pieces))
    yield Open(GroupKind.POINTER, edge.field, value, provenance=told_by(edge.field))
    yield Enter(value, state.decoder.fields(value._layout_, value.bytes_()))
    for text in missing:
        yield Note(text, edge.value().address_)
    yield EXIT
    yield TARGET_SHOWN
