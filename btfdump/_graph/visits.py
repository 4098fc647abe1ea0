"""What the generators of a traversal yield: events, objects to visit, other generators.

Code that wants an object shown here need not know how objects are shown: it yields a `Visit`, and
the traversal's only loop (btfdump/_graph/traverse.py) does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._graph.events import Close, GroupKind, Open
from btfdump._kernel.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._decode.fields import Field
    from btfdump._graph.events import Event, Label
    from btfdump._graph.position import Position
    from btfdump._kernel.value import Value


class Visit(NamedTuple):
    """An object to show here: in full, unless limits forbid it, or on one line (`is_brief`)."""

    value: Value
    position: Position
    label: Label = ""
    is_brief: bool = False


class ArrayVisit(NamedTuple):
    """An array to show here that is already decoded, as `field`, with notes about it."""

    value: Value
    field: Field
    position: Position
    notes: Sequence[str] = ()


Stream: TypeAlias = "Iterator[Event | Visit | ArrayVisit | Stream]"
"""What to show, in order; a stream inside another is run to its end first."""


class Settled(NamedTuple):
    """What a rule decided about a field: how it is shown, and the group that follows for it.

    `is_unfollowed` marks a pointer to a struct that is not shown anywhere.
    """

    field: Field
    group: Stream | None = None
    is_unfollowed: bool = False


def notes_on(field: Field | None, value: Value, texts: Iterable[str]) -> Stream:
    """Report what is wrong with a field, which is shown as it is."""
    yield Open(GroupKind.NOTE, field, value)
    for text in texts:
        yield Note(text, value.address_)
    yield Close()
