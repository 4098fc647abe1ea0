"""What the generators of a traversal yield: events, objects to visit, other generators.

Code that wants an object shown here need not know how objects are shown: it yields a `Visit`, and
the traversal's only loop (btfdump/_graph/traverse.py) does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from btfdump._graph.events import Close, GroupKind, Open
from btfdump._kernel.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._decode.fields import Field
    from btfdump._graph.events import Event, Label
    from btfdump._graph.position import Position
    from btfdump._kernel.value import Value


# As in events: `Final` in place of frozen classes and named tuples, which take longer to make.


@dataclass(slots=True, eq=False, repr=False)
class Visit:
    """An object to show here: in full, unless limits forbid it, or on one line (`is_brief`)."""

    value: Final[Value]
    position: Final[Position]
    label: Final[Label] = ""
    is_brief: Final[bool] = False


class ArrayVisit(NamedTuple):
    """An array to show here that is already decoded, as `field`, with notes about it."""

    value: Value
    field: Field
    position: Position
    notes: Sequence[str] = ()


Stream: TypeAlias = "Iterator[Event | Visit | ArrayVisit | Stream]"
"""What to show, in order; a stream inside another is run to its end first."""


@dataclass(slots=True, eq=False, repr=False)
class Settled:
    """What a rule decided about a field: how it is shown, and the group that follows for it.

    `is_unfollowed` marks a pointer to a struct that is not shown anywhere.
    """

    field: Final[Field]
    group: Final[Stream | None] = None
    is_unfollowed: Final[bool] = False


def notes_on(field: Field | None, value: Value, texts: Iterable[str]) -> Stream:
    """Report what is wrong with a field, which is shown as it is."""
    yield Open(GroupKind.NOTE, field, value)
    for text in texts:
        yield Note(text, value.address_)
    yield Close()
