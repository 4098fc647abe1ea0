"""End a stream of events that was interrupted: close everything that is open in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._decode.fields import Field
from btfdump._graph.events import EXIT, TARGET_SHOWN, Close, Enter, Exit, GroupKind, Open
from btfdump._kernel.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump._graph.events import Event
    from btfdump._kernel.value import Value


@dataclass(slots=True, eq=False, repr=False)
class _OpenObject:
    """An object that is open, and its fields whose groups are still to follow."""

    slots: list[Field]


@dataclass(slots=True, eq=False, repr=False)
class _OpenGroup:
    """A group that is open, and how much of it has been yielded."""

    open: Open
    shown: int = 0


class InterruptedEvents:
    """Follows the events of one root, `value`, and can end them at any point."""

    def __init__(self, value: Value) -> None:
        self._value = value
        self._open: list[_OpenObject | _OpenGroup] = []
        self._is_empty = True

    def follow(self, event: Event) -> None:
        """Record the next event."""
        self._is_empty = False
        around = self._open[-1] if self._open else None
        if isinstance(event, Exit | Close):
            self._open.pop()
        elif isinstance(event, Open):
            if isinstance(around, _OpenObject):
                around.slots.pop(0)
            self._open.append(_OpenGroup(event))
        elif not isinstance(event, Note):
            if isinstance(around, _OpenGroup):
                around.shown += 1
            if isinstance(event, Enter):
                self._open.append(_OpenObject(list(_slots(event.fields))))

    def ends(self, why: str) -> Iterator[Event]:
        """Yield the events that close everything open, with a note that says why."""
        if self._is_empty:
            yield Enter(self._value, brief=True)
            self._open.append(_OpenObject([]))
        if self._open:
            yield Note(why)
        while self._open:
            around = self._open.pop()
            if isinstance(around, _OpenGroup):
                yield from _end_of_group(around)
            else:
                for field in around.slots:  # shown as they are, without what they lead to
                    yield Open(GroupKind.NOTE, field, self._value)
                    yield Close()
                yield EXIT


def _end_of_group(group: _OpenGroup) -> Iterator[Event]:
    is_pointer = group.open.kind is GroupKind.POINTER
    if is_pointer and not group.shown:  # its line waits for the target
        yield Enter(group.open.value, brief=True)
        yield EXIT
    yield TARGET_SHOWN if is_pointer else Close(group.shown, group.open.count)


def _slots(fields: Sequence[Field]) -> Iterator[Field]:
    """Yield the fields whose groups will follow, in that order."""
    pending = list(reversed(fields))
    while pending:
        field = pending.pop()
        if field.has_group:
            yield field
        elif isinstance(field.value, list):
            pending += [inner for inner in reversed(field.value) if isinstance(inner, Field)]
