"""What generators of a traversal yield: events, objects to be visited, other generators.

Whoever knows that an object is to be shown here need not know how objects are shown: it yields a
`Visit`, and the traversal's one loop (btfdump/_graph/traverse.py) does the rest.
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
    """An object to be shown here: in full, unless limits forbid it, or in one line (`is_brief`)."""

    value: Value
    position: Position
    label: Label = ""
    is_brief: bool = False


class ArrayVisit(NamedTuple):
    """An array to be shown here that has been decoded already, as `field`, with notes on it."""

    value: Value
    field: Field
    position: Position
    notes: Sequence[str] = ()


Stream: TypeAlias = "Iterator[Event | Visit | ArrayVisit | Stream]"
"""What is to be shown, in order; a stream inside another is run to its end first."""


class Settled(NamedTuple):
    """What a rule has settled of a field: how it is shown, and the group that follows for it.

    `is_unfollowed`: it is a pointer to a struct that is shown nowhere.
    """

    field: Field
    group: Stream | None = None
    is_unfollowed: bool = False


def notes_on(field: Field | None, value: Value, texts: Iterable[str]) -> Stream:
    """Say what is wrong with a field, which is shown as it is."""
    yield Open(GroupKind.NOTE, field, value)
    for text in texts:
        yield Note(text, value.address_)
    yield Close()
