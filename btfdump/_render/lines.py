"""The lines that an outline consists of: each knows its depth, none what it will look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.events import GroupKind

if TYPE_CHECKING:
    from btfdump._decode.fields import Field
    from btfdump._graph.events import Close, Enter, Number, Open, Seen
    from btfdump._kernel.notes import Note


@dataclass(slots=True, eq=False, repr=False)
class FieldLine:
    """A field that takes one line: a scalar, a char array or an array of scalars."""

    field: Field
    name: str
    depth: int
    is_last: bool = False


@dataclass(slots=True, eq=False, repr=False)
class StructLine:
    """The start of a struct, union or array of such inside an object; its fields are one deeper.

    `is_minor` says that it is of interest to few, as another view of a union that was shown is.
    """

    field: Field
    name: str
    depth: int
    is_last: bool = False
    is_minor: bool = False


@dataclass(slots=True, eq=False, repr=False)
class GroupLine:
    """The start of what a field leads to; `name` is the field's, "" for the root itself."""

    open: Open
    name: str
    depth: int
    is_last: bool = False


@dataclass(slots=True, eq=False, repr=False)
class ObjectLine:
    """The start of an object; `group` is what it was reached through, None for a root."""

    enter: Enter
    group: Open | None
    depth: int
    is_last: bool = False


@dataclass(slots=True, eq=False, repr=False)
class SeenLine:
    """An object that was shown before."""

    seen: Seen
    group: Open | None
    depth: int
    is_last: bool = False


@dataclass(slots=True, eq=False, repr=False)
class NumberLine:
    """An entry of a container that is not an object."""

    number: Number
    depth: int
    is_last: bool = False


@dataclass(slots=True, eq=False, repr=False)
class NoteLine:
    """A note, at the place that it concerns."""

    note: Note
    depth: int


@dataclass(slots=True, eq=False, repr=False)
class EndLine:
    """The end of the innermost StructLine, GroupLine or ObjectLine; `close` is set for a group."""

    depth: int
    of: StructLine | GroupLine | ObjectLine
    close: Close | None = None

    def left_out(self) -> str:
        """Say how many elements or entries were not shown, or are there; "" if that is known."""
        if isinstance(self.of, StructLine):
            more = self.of.field.elided
        elif isinstance(self.of, ObjectLine):
            enter = self.of.enter
            is_array = enter.is_bare and self.of.group is not None and not enter.is_one_field
            more = enter.fields[0].elided if is_array and is_cut(enter.fields[0]) else 0
        elif self.close is None or self.of.open.kind is GroupKind.POINTER:
            more = 0
        elif self.close.total is None:
            return f"more than the {self.close.shown} shown (--elements)"
        else:
            total = self.close.total
            more = total - self.close.shown
            if self.of.open.kind is GroupKind.CONTAINER and self.of.open.count is None:
                # The heading could not tell.
                return f"{more} more of {total} (--elements)" if more > 0 else f"{total} in all"
        return f"{more} more (--elements)" if more > 0 else ""


@dataclass(slots=True, eq=False, repr=False)
class TotalsLine:
    """The totals of what a root left out, after its last line."""

    zero: int = 0
    slots: int = 0
    empty: int = 0
    unfollowed: int = 0
    elided: int = 0
    notes: int = 0
    minor: int = 0
    depth: int = 0


Line: TypeAlias = (
    "FieldLine | StructLine | GroupLine | ObjectLine | SeenLine | NumberLine"
    " | NoteLine | EndLine | TotalsLine"
)


def is_cut(field: Field) -> bool:
    """Whether an array of structs has more elements than are shown."""
    return is_branch(field) and field.elided > 0


def is_branch(field: Field) -> bool:
    """Whether a field contains fields that need lines of their own."""
    layout = field.layout
    if isinstance(layout, ScalarLayout):
        return False
    if isinstance(layout, ArrayLayout):
        return not layout.is_text and not isinstance(layout.element, ScalarLayout)
    return True
