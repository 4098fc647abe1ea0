"""Painter: what the text and tree formats have in common in turning an outline into lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.events import GroupKind
from btfdump._kernel.variables import length_at_most, typed_as_of
from btfdump._render.escape import printable
from btfdump._render.lines import (
    EndLine,
    FieldLine,
    GroupLine,
    Line,
    NoteLine,
    NumberLine,
    ObjectLine,
    SeenLine,
    StructLine,
    TotalsLine,
)
from btfdump._render.outline import Outline, by_whom
from btfdump._render.scalar import array, field_scalar, meaning_of, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._decode.fields import Field
    from btfdump._graph.events import Event, Open, Seen
    from btfdump._render import Interest, Options


class Painter(ABC):
    """Turns the outline of one root into lines.

    A struct that is written on one line calls `skip_inside()`, so that the lines of its fields are
    skipped. The line of a pointer is held back until its target is known.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._skipped = 0
        self._held: str | None = None

    def paint(self, events: Iterable[Event]) -> Iterator[str]:
        """Yield the lines of a root, without newlines."""
        outline = Outline(keep_empty=self.options.zero, title=self.title, interest=self.interest())
        whom = ""
        for item in outline.items(events):
            whom = whom or root_typed_by(item)
            for line in self.lines(item):
                yield line + self.told(whom) if whom else line
                whom = ""

    def interest(self) -> Interest | None:
        """Return what tells which members matter, None where all are shown in C's order."""
        return None

    def lines(self, item: Line) -> Iterable[str]:
        """Return the lines of one item of the outline; some items have none."""
        if self._skipped:
            if isinstance(item, StructLine):
                self._skipped += 1
            elif isinstance(item, EndLine) and isinstance(item.of, StructLine):
                self._skipped -= 1
            return self.note(item) if isinstance(item, NoteLine) else ()
        if self._held is None:
            return self._own_lines(item)
        if isinstance(item, ObjectLine):
            return (self._released(self.target(item)),)
        if isinstance(item, SeenLine):
            return (self._released(self.seen(item)),)
        return (self._released(""), *self._own_lines(item))  # no target to show

    def _own_lines(self, item: Line) -> Iterable[str]:
        if isinstance(item, FieldLine):
            return (self.leaf(item),)
        if isinstance(item, StructLine):
            return (self.branch(item),)
        if isinstance(item, EndLine):
            return self.end(item)
        if isinstance(item, GroupLine):
            if item.open.kind is not GroupKind.POINTER or item.open.field is None:
                return (self.group(item),)
            self._held = self.pointer(item)
            return ()
        if isinstance(item, ObjectLine):
            line = self.object(item)
            return (line,) if line is not None else ()
        if isinstance(item, SeenLine):
            return (self.reference(item),)
        if isinstance(item, NumberLine):
            return (self.figure(item),)
        return self.note(item) if isinstance(item, NoteLine) else self.totals(item)

    def skip_inside(self) -> None:
        """Skip what is inside the branch that was just painted."""
        self._skipped = 1

    def _released(self, rest: str) -> str:
        line, self._held = self._held or "", None
        return self.joined(line, rest)

    def value(self, field: Field) -> tuple[str, str, str]:
        """Return (value, remark, kind) for a field that takes one line.

        The kind is "enum", "string", or "value" for anything else.
        """
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            kind = "enum" if layout.category is Category.ENUM else "value"
            return *field_scalar(field, self.options), kind
        if isinstance(field.value, bytes):
            return text(field.value, self.options), "", "string"
        if isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
            words = meaning_of(field, self.options)
            if words:
                return array(field, layout.element, self.options), words, "value"
            whom = field.facts.provenance if field.facts is not None and field.facts.length else ""
            return array(field, layout.element, self.options), by_whom(whom).strip(), "value"
        return "{}", "", "value"

    @abstractmethod
    def told(self, whom: str) -> str:
        """Return who has typed a root, for the end of its first line."""

    @abstractmethod
    def title(self, item: ObjectLine) -> str:
        """Return the name for an object that is not a struct, "" if it has none."""

    @abstractmethod
    def leaf(self, item: FieldLine) -> str:
        """Return the line of a field that takes one line."""

    @abstractmethod
    def branch(self, item: StructLine) -> str:
        """Return the first line of a struct or array, or all of a small struct."""

    @abstractmethod
    def group(self, item: GroupLine) -> str:
        """Return the first line of a container, a map or an array of pointers."""

    @abstractmethod
    def pointer(self, item: GroupLine) -> str:
        """Return the start of a pointer's line, before its target is known."""

    @abstractmethod
    def joined(self, line: str, rest: str) -> str:
        """Join a pointer's line and its target's text, "" if there is no target to show."""

    @abstractmethod
    def target(self, item: ObjectLine) -> str:
        """Return how a pointer's line describes the object that it leads to."""

    @abstractmethod
    def seen(self, item: SeenLine) -> str:
        """Return how a pointer's line describes an object that was shown before."""

    @abstractmethod
    def object(self, item: ObjectLine) -> str | None:
        """Return the first line of an object not reached through a pointer, or None."""

    @abstractmethod
    def reference(self, item: SeenLine) -> str:
        """Return the line of an entry that was shown before."""

    @abstractmethod
    def figure(self, item: NumberLine) -> str:
        """Return the line of an entry that is not an object."""

    @abstractmethod
    def note(self, item: NoteLine) -> Iterator[str]:
        """Yield the line of a note."""

    @abstractmethod
    def end(self, item: EndLine) -> Iterator[str]:
        """Yield what was left out of a struct, array, container or object, and what closes it."""

    @abstractmethod
    def totals(self, totals: TotalsLine) -> Iterator[str]:
        """Yield the line that says what a root left out, if anything."""


def root_typed_by(item: Line) -> str:
    """Return on whose word alone the type of the root rests that a line begins.

    And how long it is at most, if it is an array and only the next symbol ends it.
    """
    value = None
    if isinstance(item, ObjectLine) and not item.depth:
        value = item.enter.value
    elif isinstance(item, GroupLine) and item.open.field is None:
        value = item.open.value
    if value is None:
        return ""
    whom, most = typed_as_of(value), length_at_most(value)
    return f"{whom}, up to {most}" if most else whom


def number_of(opened: Open) -> str:
    """Return the number of entries of a container, as `4 x ` or `many x `."""
    return f"{opened.count} x " if opened.count is not None else "many x "


def type_of(opened: Open) -> str:
    """Return the C type of a group's container: of its field, or of the root itself."""
    field = opened.field
    return printable(str(field.layout.type if field is not None else opened.value.type_))


def where_seen(seen: Seen) -> str:
    """Say where an object was shown before."""
    return "cycle: this is inside it" if seen.is_cycle else "seen above"
