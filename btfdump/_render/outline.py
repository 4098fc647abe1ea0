"""Events -> outline: the stream of lines that the text and tree formats share.

It merges an object's fields with the groups of events that follow for some of them, and drops what
is empty. Each item knows its depth; nothing here knows what it will look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.fields import EMPTY_LIST, Field
from btfdump._decode.layout import StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.events import Close, Enter, Event, Exit, GroupKind, Number, Open, Seen
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
    is_branch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from btfdump._decode.layout import Layout
    from btfdump._render import Interest


@dataclass(slots=True, eq=False, repr=False)
class _Pending:
    """A field whose group of events is still to come."""

    name: str
    depth: int
    is_last: bool


@dataclass(slots=True, eq=False, repr=False)
class _Frame:
    """An object or group that is open.

    `fields` yields what remains of an object; `pending` is the field at which it stopped. `inner`
    is the depth of objects in a group, `left` the number of objects to come if it is known.
    """

    item: ObjectLine | GroupLine | None
    fields: Iterator[Line | _Pending]
    pending: _Pending | None = None
    inner: int = 0
    left: int = 0


class Outline:
    """Turns the events of one root into lines. `keep_empty` shows empty lists and containers.

    `title` returns the name for an object that is not a struct: that of its only field, which has
    none of its own. With `interest`, members come in the order of it: see `Options`.
    """

    def __init__(
        self,
        *,
        keep_empty: bool,
        title: Callable[[ObjectLine], str] = lambda _: "",
        interest: Interest | None = None,
    ) -> None:
        self.keep_empty = keep_empty
        self._title = title
        self._interest = interest
        self.totals = TotalsLine()
        self._frames: list[_Frame] = []

    def items(self, events: Iterable[Event]) -> Iterator[Line]:
        """Yield the lines of one root, its `TotalsLine` last."""
        yield from self._without_empty(self._all(events))

    def body(self, fields: Sequence[Field], depth: int) -> Iterator[Line]:
        """Yield the lines of fields alone, none of which leads anywhere."""
        items = (i for i in self._fields(fields, depth) if not isinstance(i, _Pending))
        yield from self._without_empty(items)

    def _without_empty(self, items: Iterable[Line]) -> Iterator[Line]:
        """Drop branches in which nothing is shown."""
        held: list[StructLine] = []
        for item in items:
            is_told = isinstance(item, StructLine) and (item.field.elided or item.field.remark)
            if isinstance(item, StructLine) and not is_told and not self.keep_empty:
                held.append(item)
            elif held and isinstance(item, EndLine) and item.of is held[-1]:
                held.pop()
            else:
                yield from held
                held.clear()
                yield item

    def _all(self, events: Iterable[Event]) -> Iterator[Line]:
        held: Open | None = None
        for event in events:
            if held is not None:
                opened, held = held, None
                if isinstance(event, Close):
                    self.totals.empty += 1
                    yield from self._resume()
                    continue
                yield from self._open(opened)
            if isinstance(event, Open) and self._is_empty(event):
                held = event
            else:
                yield from self._event(event)
        yield self.totals

    def _is_empty(self, event: Open) -> bool:
        return (
            not self.keep_empty
            and event.kind is GroupKind.CONTAINER
            and event.count == 0
            and event.field is not None
        )

    def _event(self, event: Event) -> Iterator[Line]:
        if isinstance(event, Enter):
            yield from self._enter(event)
        elif isinstance(event, Exit):
            frame = self._frames.pop()
            if frame.item is not None:
                yield EndLine(frame.item.depth, frame.item)
        elif isinstance(event, Open):
            yield from self._open(event)
        elif isinstance(event, Close):
            yield from self._close(event)
        elif isinstance(event, Seen):
            group, depth, last = self._place()
            yield SeenLine(event, group, depth, last)
        elif isinstance(event, Number):
            _, depth, last = self._place()
            yield NumberLine(event, depth, last)
        else:
            self.totals.notes += 1
            yield NoteLine(event, self._place_of_note())

    def _place(self) -> tuple[Open | None, int, bool]:
        """Return (group, depth, whether it is the last) for an object that starts here."""
        if not self._frames:
            return None, 0, True
        frame = self._frames[-1]
        frame.left -= 1
        group = frame.item.open if isinstance(frame.item, GroupLine) else None
        return group, frame.inner, frame.left == 0

    def _place_of_note(self) -> int:
        if not self._frames:
            return 0
        frame = self._frames[-1]
        if frame.item is None or isinstance(frame.item, GroupLine):
            return max(frame.inner, 1)
        return frame.item.depth + 1

    def _enter(self, event: Enter) -> Iterator[Line]:
        item = ObjectLine(event, *self._place())
        self.totals.zero += event.skipped
        self.totals.empty += event.empty_lists
        self.totals.unfollowed += event.unfollowed
        yield item
        # A root or a map's element that is not a struct is shown as its only field.
        if event.is_one_field or (event.is_bare and not self._frames):
            field, name = event.fields[0], self._title(item)
            frame = _Frame(item, self._one(field, name, item.depth, item.is_last))
        else:
            fields = event.fields
            if event.is_bare and is_branch(fields[0]):
                fields = children(fields[0])  # the elements of an array that a pointer leads to
            layout = event.value._layout_ if self._interest is not None else None
            frame = _Frame(item, self._fields(fields, item.depth + 1, layout))
        self._frames.append(frame)
        yield from self._resume()

    def _open(self, event: Open) -> Iterator[Line]:
        name, depth, last = "", 0, True
        if self._frames and self._frames[-1].pending is not None:
            pending = self._frames[-1].pending
            name, depth, last = pending.name, pending.depth, pending.is_last
        if event.kind is GroupKind.NOTE:
            if event.field is not None:
                yield from self._plain(event.field, name, depth, last)
            self._frames.append(_Frame(None, iter(()), inner=depth + 1))
            return
        item = GroupLine(event, name, depth, last)
        yield item
        is_pointer = event.kind is GroupKind.POINTER
        # The target of a pointer shares the pointer's line; entries have lines of their own.
        inner = depth if is_pointer else depth + 1
        left = 1 if is_pointer else event.count if event.count is not None else -1
        self._frames.append(_Frame(item, iter(()), inner=inner, left=left))

    def _close(self, event: Close) -> Iterator[Line]:
        frame = self._frames.pop()
        self.totals.slots += event.zero
        if event.total is None or event.total > event.shown:
            self.totals.elided += 1
        if frame.item is not None:
            yield EndLine(frame.item.depth, frame.item, event)
        yield from self._resume()

    def _plain(self, field: Field, name: str, depth: int, last: bool) -> Iterator[Line]:
        """Show a field as it is, without what it leads to."""
        for item in self._shown(field, name, depth, last):
            if not isinstance(item, _Pending):
                yield item

    def _resume(self) -> Iterator[Line]:
        """Continue with the fields of the innermost object, up to the next one with a group."""
        if not self._frames:
            return
        frame = self._frames[-1]
        frame.pending = None
        for item in frame.fields:
            if isinstance(item, _Pending):
                frame.pending = item
                return
            yield item

    def _fields(
        self, fields: Sequence[Field], depth: int, of: Layout | None = None
    ) -> Iterator[Line | _Pending]:
        shown = fields if self.keep_empty else [f for f in fields if not is_empty(f)]
        minor: Container[str] = ()
        if self._interest is not None:
            shown, minor = self._by_interest(shown, of, self._interest)
        last = len(shown) - 1
        is_union = isinstance(of, StructLayout) and isinstance(of.base, types.Union)
        is_union &= self._interest is not None
        views = 0
        for position, field in enumerate(shown):
            if field.has_group:
                yield _Pending(field.name, depth, position == last)
            elif is_branch(field):
                is_other = (is_union and views > 0) or field.name in minor
                views += 1
                yield from self._branch(field, field.name, depth, position == last, is_other)
            else:
                yield FieldLine(field, field.name, depth, position == last)

    def _by_interest(
        self, fields: Sequence[Field], of: Layout | None, interest: Interest
    ) -> tuple[Sequence[Field], Container[str]]:
        """Return the fields in the order of interest, and the names of those of interest to few.

        Links are left out, and members of interest to few that take one line anyway. Fields with a
        group of events keep their order: the groups come in that.
        """
        first: Sequence[str] = ()
        last: Container[str] = ()
        if isinstance(of, StructLayout):
            first, last = interest(of)
        kept = [field for field in fields if not is_link(field)]
        shown = [f for f in kept if f.name not in last or _has_more(f, interest)]
        self.totals.minor += len(fields) - len(shown)
        ranks = {name: i for i, name in enumerate(first)}
        if not ranks:
            return shown, last
        leading = [field for field in shown if field.name in ranks and not holds_group(field)]
        leading.sort(key=lambda field: ranks[field.name])
        return [*leading, *(field for field in shown if field not in leading)], last

    def _one(self, field: Field, name: str, depth: int, last: bool) -> Iterator[Line | _Pending]:
        if field.has_group:
            yield _Pending(name, depth, last)
        else:
            yield from self._shown(field, name, depth, last)

    def _shown(self, field: Field, name: str, depth: int, last: bool) -> Iterator[Line | _Pending]:
        """Show a field itself; groups may follow for fields inside it."""
        if is_branch(field):
            yield from self._branch(field, name, depth, last)
        else:
            yield FieldLine(field, name, depth, last)

    def _branch(
        self, field: Field, name: str, depth: int, last: bool, is_minor: bool = False
    ) -> Iterator[Line | _Pending]:
        branch = StructLine(field, name, depth, last, is_minor)
        yield branch
        yield from self._fields(children(field), depth + 1, field.layout)
        yield EndLine(depth, branch)


def by_whom(provenance: str) -> str:
    """Return a source for the end of a line, such as ` [library]`; "" if there is none."""
    return f" [{printable(provenance)}]" if provenance else ""


def typed_by(field: Field) -> str:
    """Return the source, ` [map NAME]`, of the type of bytes that C does not type; else ""."""
    is_typed = field.facts is not None and field.facts.is_typed
    return by_whom(field.facts.provenance) if is_typed else ""


def holds_group(field: Field) -> bool:
    """Whether a field, or one inside it, leads to a group of events."""
    return field.has_group or any(holds_group(inner) for inner in children(field))


def _has_more(field: Field, interest: Interest) -> bool:
    """Whether a member of interest to few has a line: it leads on, or something in it matters."""
    if holds_group(field):
        return True
    layout = field.layout
    return isinstance(layout, StructLayout) and bool(interest(layout)[0])


def is_link(field: Field) -> bool:
    """Whether a field is a link of some container, which leads to nothing of its own."""
    return field.facts is not None and field.facts.is_link and not holds_group(field)


def is_empty(field: Field) -> bool:
    """Whether a field is an empty list, or contains nothing but empty lists."""
    if field.has_group:
        return False
    if field.elided == EMPTY_LIST:
        return True
    if field.elided or isinstance(field.layout, ScalarLayout):  # as most are
        return False
    inner = children(field)
    return bool(inner) and all(is_empty(f) for f in inner)


def inline_leaves(field: Field, most: int = 8) -> list[tuple[str, Field]] | None:
    """Return the scalars of a struct that may fit on one line, by C designator (`.refs.counter`).

    Returns None if there are more than `most`, or if one of them needs lines of its own.
    """
    leaves: list[tuple[str, Field]] = []
    pending = [("", f) for f in reversed(children(field))]
    while pending:
        prefix, inner = pending.pop()
        if inner.has_group or (inner.elided and not is_branch(inner)) or typed_by(inner):
            return None
        name = inner.name if inner.name.startswith("[") else f".{inner.name}" if inner.name else ""
        if is_branch(inner):
            if isinstance(inner.layout.base, types.Union) or inner.elided:
                return None
            pending += [(prefix + name, f) for f in reversed(children(inner))]
            continue
        leaves.append((prefix + name, inner))
        if len(leaves) > most:
            return None
    return leaves


def children(field: Field) -> list[Field]:
    """Return the fields inside a struct, union or array of such; [] for any other field."""
    if isinstance(field.value, list):
        return [inner for inner in field.value if isinstance(inner, Field)]
    return []


def totals_text(totals: TotalsLine) -> str:
    """Describe what a root left out, with the options that show it."""
    parts = []
    if totals.zero or totals.slots or totals.empty:
        what = [_count(totals.zero, "zero member")] if totals.zero else []
        what += [_count(totals.slots, "zero element")] if totals.slots else []
        what += [_count(totals.empty, "empty list")] if totals.empty else []
        parts.append(f"{' and '.join(what)} not shown (--zero)")
    if totals.minor:
        named = "link or minor member" if totals.minor == 1 else "links and minor members"
        parts.append(f"{totals.minor} {named} left out (--unfold)")
    if totals.unfollowed:
        parts.append(f"{_count(totals.unfollowed, 'pointer')} not followed (--depth, --follow)")
    if totals.notes:
        parts.append(_count(totals.notes, "note"))
    return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
