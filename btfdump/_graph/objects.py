"""Objects of a traversal: each is read, decoded, and shown in full or on one line.

An object is shown in full only once; later occurrences refer to the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import Field
from btfdump._decode.holes import before_padding, describe, read_around_holes, without_holes
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._graph.events import EXIT, Enter, Seen
from btfdump._graph.fields import Resolver
from btfdump._graph.limits import MAX_OBJECT
from btfdump._graph.readers import Decoded
from btfdump._graph.summaries import in_a_word
from btfdump._kernel.notes import Note
from btfdump.errors import BtfFormatError, FaultError, UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._decode.fields import Selection
    from btfdump._decode.layout import Layout
    from btfdump._graph.events import Exit, Label
    from btfdump._graph.position import Position
    from btfdump._graph.state import State
    from btfdump._graph.summaries import Summary
    from btfdump._graph.visits import ArrayVisit, Stream, Visit
    from btfdump._kernel.bounds import Bounded
    from btfdump._kernel.value import Value


class _Everything:
    """Contains every object: used when all pointers are followed, so that all may lead on."""

    def __contains__(self, thing: object) -> bool:
        return True


_EVERYTHING = _Everything()


def show(state: State, visit: Visit) -> Stream:
    """Show an object: on one line, or with its fields and what they lead to."""
    return _brief(state, visit) if visit.is_brief else _in_full(state, visit)


def _in_full(state: State, visit: Visit) -> Stream:
    value, position, label = visit.value, visit.position, visit.label
    key = state.key(value)
    is_around = key in state.partial
    # Members that the user selects are shown, even if their path leads back to an open object.
    if (position.selection is None and key in state.seen) or (is_around and position.is_open):
        yield Seen(value, label, state.summary(value), is_around)
        return
    refusal = _refusal(state, position)
    if refusal is not None:
        yield from _brief(state, visit)
        yield from map(Note, refusal)
        return
    state.objects += 1
    bounded = _bounded(state, value, position)
    if bounded is not None:
        value = bounded.value
    resolver = Resolver(state, value, position)
    enter, trouble = _decode(state, value, visit, resolver, bounded)
    if position.selection is None:
        state.seen[key] = True
    state.partial.add(key)
    yield enter
    if trouble:
        yield Note(trouble, value.address_)
    else:
        yield from _problems(state, value, position)
    yield from resolver.groups
    if not is_around:
        state.partial.discard(key)
    if position.selection is None:
        state.seen[key] = False
    yield EXIT


def show_array(state: State, visit: ArrayVisit) -> Stream:
    """Show an array that is already decoded, and what its elements lead to."""
    value, field, position, notes = visit
    resolver = Resolver(state, value, position)
    yield _enter(value, Decoded([field]), resolver)
    for text in notes:
        yield Note(text, value.address_)
    yield from resolver.groups
    yield EXIT


def _brief(state: State, visit: Visit) -> Iterator[Enter | Note | Exit]:
    """Show an object on one line."""
    value = visit.value
    summary = state.summary(value) or in_a_word(value)
    enter = Enter(value, (), visit.label, summary, True)
    if not summary and value.size_:
        try:
            state.context.target.read(value.address_, 1)
        except FaultError as error:
            enter = Enter(value, (), visit.label, summary, True, is_missing=True)
            return iter((enter, Note(f"unreadable: {error.reason}", value.address_), EXIT))
    return iter((enter, EXIT))


def _refusal(state: State, position: Position) -> list[str] | None:
    """Return notes on why no more objects are shown here, reported once; None if they are."""
    limits = state.limits
    if state.objects >= limits.objects:
        if state.is_limit_told:
            return []
        state.is_limit_told = True
        return [f"limit of {limits.objects} objects reached (--objects)"]
    if position.nesting > limits.nesting:
        return [f"nested {limits.nesting} levels deep: not entered"]
    return None


def _problems(state: State, value: Value, position: Position) -> Iterator[Note]:
    """Note the annotations of the object's type, or of the root itself, that do not fit."""
    layout = value._layout_
    if isinstance(layout, StructLayout):
        for problem in state.context.facts(layout).problems:
            yield Note(problem)
        if position.nesting == 0 and value.facts_ is not None:
            for problem in value.facts_.problems:
                yield Note(problem, value.address_)


def _bounded(state: State, value: Value, position: Position) -> Bounded | None:
    """Return what the slab object has of an object; None if that is all, or not known.

    A root may be anything that the user says it is. Of all other objects, only those are looked at
    whose type may have been allocated in part.
    """
    bounds = state.context._bounds
    if bounds is None:
        return None
    try:
        found: Bounded | None = (bounds.of if position.nesting else bounds.of_any)(value)
    except BtfFormatError:  # reported when it is decoded
        return None
    return found


def _decode(
    state: State, value: Value, visit: Visit, resolver: Resolver, bounded: Bounded | None
) -> tuple[Enter, str]:
    """Read and decode an object; if bytes are missing, decode the rest and say what is missing."""
    position, label = visit.position, visit.label
    try:
        if bounded is not None and bounded.text:
            decoded: Decoded | None = _first_bytes(state, bounded, position)
            trouble = bounded.text
        else:
            decoded, trouble = _decoded(state, value, position)
    except BtfFormatError as error:
        trouble = f"{value.type_} cannot be decoded: {error}"
        return Enter(value, label=label, is_missing=True), trouble
    except FaultError as error:
        return Enter(value, label=label, is_missing=True), f"unreadable: {error.reason}"
    if decoded is None or (bounded is not None and not bounded.room):
        return Enter(value, label=label, is_missing=True), trouble
    room = bounded.room if bounded is not None and bounded.text else None
    summary = () if value.bit_size_ else state.summary(value, room)
    if not summary and not trouble and not value.bit_size_:
        summary = in_a_word(value)
    return _enter(value, decoded, resolver, label, summary), trouble


def _enter(
    value: Value,
    decoded: Decoded,
    resolver: Resolver,
    label: Label = "",
    summary: Summary = (),
) -> Enter:
    """Return the event for an object, with the fields to show."""
    fields = resolver.resolve(decoded.fields, decoded.around)
    return Enter(
        value,
        fields,
        label,
        summary,
        skipped=decoded.skipped + resolver.skipped,
        empty_lists=resolver.empty_lists,
        unfollowed=resolver.unfollowed,
        rest=decoded.rest,
    )


def _decoded(state: State, value: Value, position: Position) -> tuple[Decoded | None, str]:
    """Return what can be decoded of an object, and what is wrong with the rest ("" if nothing).

    Raises `BtfFormatError`, and `FaultError` if nothing of it can be read.
    """
    layout = value._layout_
    if layout.size > MAX_OBJECT:
        return None, f"{value.type_} has {layout.size} bytes: too large to be real"
    if value.bit_size_:
        return Decoded([Field("", layout, 0, value.value_(), value.facts_, value.bit_size_)]), ""
    try:
        read = _read(state, value, layout, position)
        if read is not None:
            return read, ""
        fields = _fields(state, value, value.bytes_(), position.selection)
        return Decoded(fields, state.decoder.skipped), ""
    except FaultError as error:
        target = state.context.target
        data, holes = read_around_holes(target, value.address_, layout.size, error)
        fields = _fields(state, value, data, position.selection)
        lost = before_padding(state.context.layouts, layout, holes)
        if not lost:
            return Decoded(fields, state.decoder.skipped), ""
        kept = without_holes(fields, holes)
        return Decoded(kept, state.decoder.skipped), describe(error, lost)


def _first_bytes(state: State, bounded: Bounded, position: Position) -> Decoded:
    """Decode what there is of an object that does not fit; raises the same as `_decoded()`."""
    value, room = bounded.value, bounded.room
    size = value._layout_.size
    if size > MAX_OBJECT:
        raise UnusableBtfError(0, f"{size} bytes are too large to be real")
    data = state.context.target.read(value.address_, room).ljust(size, b"\0")
    kept = without_holes(_fields(state, value, data, position.selection), [(room, size)])
    return Decoded(kept, state.decoder.skipped)


def _fields(state: State, value: Value, data: bytes, selection: Selection | None) -> list[Field]:
    """Decode an object; one that is not a struct gives one field, with its facts."""
    layout, facts, stated = value._layout_, value.facts_, value._stated_
    fields = state.decoder.fields(layout, data, selection, facts=facts, stated=stated)
    if isinstance(layout, ArrayLayout) and not layout.size and fields[0].value == []:
        return [fields[0].replace(remark="no elements")]
    return fields


def _read(state: State, value: Value, layout: Layout, position: Position) -> Decoded | None:
    """Return what the run's reader makes of an object: see btfdump/_graph/readers.py."""
    if state.reader is None or state.zero or not isinstance(layout, StructLayout):
        return None
    if value._stated_:
        return None
    is_followed = bool(state.follow) or position.depth < state.limits.depth
    known = _EVERYTHING if is_followed else state.seen
    return state.reader.read(value, layout, position.selection, known)
