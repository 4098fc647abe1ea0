"""Entries of containers and arrays: which are shown in full, and which on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import StructLayout
from btfdump._graph.events import Close, GroupKind, Open, Seen
from btfdump._graph.moved import has_moved
from btfdump._graph.visits import Visit
from btfdump._kernel.notes import Note
from btfdump._kernel.pointers import MOVED, told_by
from btfdump._kernel.value_at import value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._btf import types
    from btfdump._decode.fields import Field
    from btfdump._graph.events import Label
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value


def entry_of(state: State, value: Value, label: Label, position: Position) -> Visit | Seen:
    """Return how to show an entry: in full, or on one line where that would flood the screen.

    Objects with a summary of their own, such as tasks, and entries of a container inside another
    container's entry take one line. Both are shown in full as far as the depth limit reaches.
    """
    layout = value._layout_
    has_summary = isinstance(layout, StructLayout) and bool(state.context._summary_of(layout))
    depth = position.depth
    if (has_summary or position.level > 0) and not state.is_wanted(position):
        if depth >= state.limits.depth:
            key = state.key(value)
            seen = state.seen.get(key)
            if seen is None and key not in state.partial:
                return Visit(value, position, label, is_brief=True)
            return Seen(value, label, state.summary(value), bool(seen))
        depth += 1
    return Visit(value, position.of_entry(depth), label)


def pointed_entries(
    state: State,
    field: Field,
    value: Value,
    target: types.Composite,
    array: int,
    pointers: Sequence[tuple[int, int]],
    position: Position,
    notes: Iterable[str] = (),
) -> Stream:
    """Show what the pointers of an array point to.

    `array` is the array's virtual address, and `pointers` holds (index, address) for those that are
    not NULL. `field`, as a value `value`, is the array or the pointer to it; `target` is the type
    of the objects. `notes` are shown first.
    """
    yield Open(GroupKind.ARRAY, field, value, None, len(pointers), told_by(field))
    for text in notes:
        yield Note(text, value.address_)
    shown = pointers[: state.limits.elements]
    context = state.context
    for index, address in shown:
        entry = value_at(context, target, address)
        slot = context.wrap(array + index * context.layouts.pointer_size)
        if has_moved((*position.chain, (slot, address)), entry):
            yield Note(f"[{index}] {MOVED}", address)
        else:
            yield entry_of(state, entry, f"[{index}]", position)
    yield Close(len(shown), len(pointers))
