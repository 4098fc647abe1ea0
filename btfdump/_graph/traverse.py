"""traverse(): from a value to events, within limits.

The traversal is iterative: every object and container is a generator on an explicit stack, so that
no chain of data in the kernel can exhaust Python's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.arrays import decode_counted, pointee_of, read_counted
from btfdump._graph.containers import entries_of
from btfdump._graph.events import Close, Enter, Event, Exit, Number, Open, Seen
from btfdump._graph.limits import Limits, paths_of
from btfdump._graph.maps import as_map, elements_of, value_of_map
from btfdump._graph.objects import show, show_array
from btfdump._graph.position import Position
from btfdump._graph.state import State
from btfdump._graph.visits import ArrayVisit, Visit
from btfdump._kernel.notes import Note
from btfdump._kernel.paths import check_path
from btfdump._kernel.pointers import target_of
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.fields import Selection
    from btfdump._graph.readers import Reader
    from btfdump._graph.visits import Stream
    from btfdump._kernel.value import Value


_EVENTS = frozenset({Enter, Exit, Open, Close, Seen, Number, Note})


def pointed_to(value: Value) -> Value:
    """Return the struct that a pointer asked for by name points to; any other value as it is."""
    layout, facts = value._layout_, value.facts_
    if not value.is_pointer_ or not isinstance(layout, ScalarLayout):
        return value
    if facts is not None and (facts.length is not None or facts.is_container):
        return value
    try:
        target = target_of(value._context_, layout, facts, is_followed=True)
        if isinstance(target, types.Composite) and int(value):
            return value.deref_()
    except (FaultError, CorruptDataError):  # the target is not there, or an annotation is wrong
        pass
    return value


def typed(value: Value) -> Value:
    """Return bytes asked for by name as the type that their BPF map gives.

    Any other value is returned as it is; so are bytes of unknown type, with the reason among their
    problems.
    """
    facts = value.facts_
    if facts is None or facts.typed_by is None:
        return value
    try:
        return value.typed_()
    except BtfdumpError as error:
        known = replace(facts, typed_by=None, problems=[*facts.problems, str(error)])
        outer = value._outer_
        return value_at(value._context_, value.type_, value.address_, facts=known, outer=outer)


def traverse(
    value: Value,
    limits: Limits | None = None,
    *,
    zero: bool = False,
    members: Selection | None = None,
    follow: frozenset[tuple[str, ...]] = frozenset(),
    brief: bool = False,
    reader: Reader | None = None,
    doubt: str = "",
) -> Iterator[Event]:
    """Yield the events of `value` and of what it leads to, within `limits`.

    `zero` keeps members that are zero. `members` selects what to show of the root. `follow` holds
    member paths (from the root, through pointers and containers) whose pointers are followed at any
    depth. `brief` shows the root on one line. `reader` speeds up runs of many roots: pass the same
    one, made for these limits, for all of them. `doubt` says why the root is hardly what it is
    taken for, and becomes a note in it.

    Raises `MemberNotFoundError` if a path names a member that does not exist.
    """
    if members or follow:
        _check(value, members, follow, reader)
    limits = limits or Limits()
    if reader is not None and value._context_.target.is_live:
        reader.forget()  # what summaries and paths were made of may have changed since
    state = State(
        value._context_,
        limits,
        zero=zero,
        follow=follow,
        reader=reader,
        is_selecting=bool(members),
    )
    events = _run(state, _root(state, value, Position(selection=members), is_brief=brief))
    doubt = doubt or _outlived(value)
    return _doubted(events, Note(doubt, value.address_)) if doubt else events


def _outlived(value: Value) -> str:
    """Return why the target of a pointer asked for by name is not there any more, "" if it is."""
    if value.facts_ is None or not value.facts_.is_stale:
        return ""
    from btfdump._kernel.freed import freed  # few pointers are of this kind

    target = pointed_to(value)
    return freed(target) if target is not value else ""


def _doubted(events: Iterator[Event], note: Note) -> Iterator[Event]:
    """Pass events on, with a note inside the first object or container."""
    for first in events:
        yield first
        yield note
        break
    yield from events


def _check(
    value: Value,
    members: Selection | None,
    follow: frozenset[tuple[str, ...]],
    reader: Reader | None,
) -> None:
    """Check the paths of a run, once for all plain roots of one type."""
    holder = value_of_map(value)
    if holder is None:
        return
    checked = reader.checked if reader is not None else {}
    key = holder._layout_, id(members), follow
    is_plain = holder is value and value.facts_ is None and not value._stated_
    if is_plain and key in checked:
        return
    for path in [*paths_of(members or {}), *follow]:
        check_path(holder, path)
    if is_plain:
        checked[key] = members


def _run(state: State, root: Stream) -> Iterator[Event]:
    """Run the streams, innermost first, and yield their events."""
    stack: list[Stream] = [root]
    while stack:
        for step in stack[-1]:
            kind = type(step)
            if kind in _EVENTS:
                yield step  # type: ignore[misc]
                continue
            if kind is Visit:
                step = show(state, step)  # type: ignore[arg-type]
            elif kind is ArrayVisit:
                step = show_array(state, step)  # type: ignore[arg-type]
            stack.append(step)  # type: ignore[arg-type]
            break
        else:
            stack.pop()


def _root(state: State, value: Value, position: Position, *, is_brief: bool) -> Stream:
    """Show what the user asked for: an object, a container, or one line."""
    value = typed(pointed_to(value))
    if is_brief:
        yield Visit(value, position, is_brief=True)
        return
    map_ = as_map(value)
    if map_ is not None:
        yield elements_of(state, map_, position)
        return
    facts = value.facts_
    is_head = isinstance(value._layout_, StructLayout) or value.is_pointer_
    if facts is not None and facts.length is not None and value.is_pointer_:
        yield _array(state, value, facts, position)
    elif facts is not None and facts.is_container and is_head:
        yield entries_of(state, None, value, position)
    else:
        yield Visit(value, position)


def _array(state: State, pointer: Value, facts: MemberFacts, position: Position) -> Stream:
    """Show the array that a pointer asked for by name leads to.

    Nothing else is shown, unless its elements are pointers too, or it cannot be read.
    """
    try:
        array = read_counted(state, pointer, facts, pointer._around_())
    except BtfdumpError:
        yield Visit(pointer, position)
        return
    if not array.value.address_ or isinstance(pointee_of(array.value), types.Composite):
        yield Visit(pointer, position)
        return
    field, notes = decode_counted(state, array, facts)
    if field.value == []:
        field = field.replace(remark="all empty" if array.length else "no elements")
    yield ArrayVisit(array.value, field, position, notes)
