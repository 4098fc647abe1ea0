"""`json` and `jsonl`: one schema, described in docs/formats.md and docs/json-schema.json.

`json` is one document that contains every root, `jsonl` one line for each. Addresses are strings
(they do not fit a JavaScript number); integers are JSON integers of any size. Output is ASCII:
control characters, invalid UTF-8 and everything else that could act on a terminal are escaped.

The text of a root is written in the order of its events: an object's members up to the first one
that leads somewhere, what it leads to, the members up to the next such one, and so on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from btfdump._decode.fields import EMPTY_LIST
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.events import Close, Enter, Exit, GroupKind, Number, Open, Seen
from btfdump._graph.readers import Decoded, Reader
from btfdump._kernel.notes import Note
from btfdump._kernel.variables import length_at_most, typed_as_of
from btfdump._render import Options, Root, renderer
from btfdump._render.json_text import (
    HOLE,
    Values,
    empty_list,
    expansion_of,
    holds_of,
    identity,
    key_of,
    quote,
)
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from btfdump._decode.fields import Field, Selection
    from btfdump._decode.layout import StructLayout
    from btfdump._graph.events import Event
    from btfdump._graph.leads import Known
    from btfdump._graph.limits import Limits
    from btfdump._graph.readers import Read
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._render.compiled_json import Write


class JsonReader(Reader):
    """A reader that, for frequent types, reads as fields only what may lead somewhere."""

    def __init__(self, context: Context, limits: Limits, options: Options) -> None:
        super().__init__(context, limits)
        self._values = Values(options)

    def forget(self) -> None:
        """Forget what was read, but not what was compiled: for memory that has changed since."""
        super().forget()
        self._values.forget()

    def compile(self, layout: StructLayout, selection: Selection | None) -> Read:
        """Return a function that reads objects of this type; raises `BtfFormatError`."""
        from btfdump._decode.compiled.plan import plan_of
        from btfdump._graph.leads import Leads, compile_leads
        from btfdump._render.compiled_json import compile_members

        context = self.context
        plan = plan_of(
            context.layouts, context.facts, layout, selection, elements=self.limits.elements
        )
        leads = Leads(context, plan, is_following=self.limits.depth > 0)
        read_leads = compile_leads(leads)
        write = compile_members(leads, self._values, self.summaries)

        def read(value: Value, known: Known) -> Decoded:
            fields, skipped, around, keys = read_leads(value.bytes_(), value.address_, known)
            return Decoded(fields, skipped, around, _Rest(write, keys))

        return read


class _Rest(NamedTuple):
    """The members not read as fields: the function that writes them, and keys that lead on."""

    write: Write
    keys: Container[int]

    def members(self, value: Value) -> tuple[str, int]:
        """Return the members as text, with a HOLE for each that leads on, and how many are zero."""
        return self.write(value.bytes_(), value.address_, self.keys)


@renderer(reader=JsonReader)
def render_json(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """One JSON document: {"kernel", "source", "roots": [...]}."""
    head = json.dumps({"kernel": options.release, "source": options.source}, indent=2)
    yield head.removesuffix("\n}") + ',\n  "roots": ['
    separator = "\n"
    values = Values(options)
    for root in roots:
        text = _laid_out(_document(root, values))
        yield separator + "    " + text.replace("\n", "\n    ")
        separator = ",\n"
    yield ("]" if separator == "\n" else "\n  ]") + "\n}\n"


@renderer(reader=JsonReader)
def render_jsonl(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """JSON, one line for each root."""
    values = Values(options)
    for root in roots:
        yield _document(root, values) + "\n"


def _laid_out(line: str) -> str:
    try:
        return json.dumps(json.loads(line), indent=2)
    except RecursionError:  # only with Limits.nesting far beyond its default
        raise ExpressionError(
            "objects are nested too deep for JSON: lower Limits.nesting"
        ) from None


def _document(root: Root, values: Values) -> str:
    builder = _Builder(values, root.name)
    for event in root.events:
        builder.add(event)
    return builder.text()


class _OpenText:
    """An object or group that is still being written.

    `rest` holds the remaining pieces of an object's members; each is written after what the member
    before it leads to. `end`, the notes and `after` close the object. `lead` precedes each item of
    a group.
    """

    __slots__ = ("after", "end", "lead", "notes", "rest")

    def __init__(self, end: str, rest: Iterator[str] | None = None, lead: str = "") -> None:
        self.end = end
        self.after = ""
        self.rest = rest if rest is not None else iter(())
        self.lead = lead
        self.notes: list[str] = []


class _Builder:
    """Writes one root. `open` is the stack of open objects; the root stays on it to the end."""

    def __init__(self, values: Values, name: str) -> None:
        self.values = values
        self.begin = f'{{"name": {quote(name)}, ' if name else "{"
        self.out: list[str] = []
        self.open: list[_OpenText] = []

    def text(self) -> str:
        """Return the text of the root; call this after its last event."""
        if not self.open:
            return self.begin.rstrip(", ") + "}"
        self.finish(self.open[0])
        return "".join(self.out)

    def add(self, event: Event) -> None:
        """Write one event."""
        self.by_kind[type(event)](self, event)

    def exit(self, event: Exit) -> None:
        del event
        if len(self.open) > 1:  # the root stays open for notes
            self.finish(self.open.pop())

    def number(self, event: Number) -> None:
        entry = event.entry
        value = f'"value": {quote(entry.value)}, "entry": {quote(entry.meaning)}'
        self.out.append(f"{self.lead()}{value}, {key_of(entry.key)}}}")

    def lead(self) -> str:
        """Return the text before an item: below a pointer, among elements, or at the root."""
        if not self.open:
            return self.begin
        holder = self.open[-1]
        lead = holder.lead
        if lead == "{":
            holder.lead = ", {"
        return lead

    def finish(self, thing: _OpenText) -> None:
        notes = f', "notes": [{", ".join(thing.notes)}]' if thing.notes else ""
        self.out.append(f"{thing.end}{notes}{thing.after}}}")

    # Objects

    def enter(self, event: Enter) -> None:
        found_by = self.values.found_by(event.label)
        is_root = not self.open
        text = self.lead() + found_by + identity(event.value, event.label)
        if is_root:
            text += self.typed_by(event.value)
        if event.summary:
            text = f'{text}, "summary": {self.values.summary(event.summary)}'
        if event.brief:
            self.out.append(f'{text}, "brief": true')
            self.open.append(_OpenText(""))
            return
        if event.is_bare:
            field = event.fields[0]
            value = HOLE if field.has_group else self.values.value(field)
            pieces, end = value.split(HOLE), ""
            text = f'{text}, "value": '
        else:
            pieces, skipped = self.pieces(event)
            end = f'}}, "zero_members": {skipped}'
            text = f'{text}, "members": {{'
        self.out.append(text + pieces[0])
        self.open.append(_OpenText(end, iter(pieces[1:])))

    def pieces(self, event: Enter) -> tuple[list[str], int]:
        """Return an object's members, cut at those that lead on, and the number of zero ones."""
        if not isinstance(event.rest, _Rest):
            return self.values.members(event.fields).split(HOLE), event.skipped
        text, skipped = event.rest.members(event.value)
        pieces = text.split(HOLE)
        if not all(field.has_group for field in event.fields):
            pieces = self.filled(event.fields, pieces)
        return pieces, event.skipped + skipped

    def filled(self, fields: Sequence[Field], pieces: list[str]) -> list[str]:
        """Insert the text of those `fields` that turned out to lead nowhere between the pieces."""
        first, *rest = pieces
        text = [first]
        for field, piece in zip(fields, rest, strict=True):
            if field.has_group:
                text += HOLE, piece
            elif field.elided == EMPTY_LIST:
                text += empty_list(field.layout, field.facts), piece
            else:
                text += self.values.value(field), piece
        return "".join(text).split(HOLE)

    @staticmethod
    def typed_by(root: Value) -> str:
        """Return the keys that say on whose word alone a root's type and length rest, if so."""
        whom = typed_as_of(root)
        if not whom:
            return ""
        by_room = ', "length_by": "room"' if length_at_most(root) else ""
        return f', "typed_by": {quote(whom)}{by_room}'

    def seen(self, event: Seen) -> None:
        text = self.lead() + self.values.found_by(event.label) + identity(event.value, event.label)
        if event.summary:
            text = f'{text}, "summary": {self.values.summary(event.summary)}'
        self.out.append(f'{text}, "seen": true, "cycle": {"true" if event.is_cycle else "false"}}}')

    def note(self, event: Note) -> None:
        address = "" if event.address is None else f', "address": "{event.address:#x}"'
        self.open[-1].notes.append(f'{{"text": {quote(event.text)}{address}}}')

    # Groups

    def enter_group(self, event: Open) -> None:
        field = event.field
        if field is None:  # the root is a container
            typed = self.typed_by(event.value)
            self.out.append(f'{self.begin}{self.group(event)}{typed}, "elements": [')
            self.open.append(_OpenText("]", lead="{"))
        elif event.kind is GroupKind.NOTE:
            self.out.append(f'{{"value": {self.values.value(field)}')
            self.open.append(_OpenText(""))
        elif event.kind is GroupKind.POINTER:
            told = f', "provenance": {quote(event.provenance)}' if event.provenance else ""
            self.out.append(self.values.scalar(field)[:-1] + told)
            self.open.append(_OpenText("", lead=', "target": {'))
        else:
            group = f"{{{self.group(event)}"
            if isinstance(field.layout, ScalarLayout):  # an array behind a pointer
                told = quote(event.provenance)
                group = f'{self.values.scalar(field)[:-1]}, "provenance": {told}'
            self.out.append(f'{group}, "elements": [')
            self.open.append(_OpenText("]", lead="{"))

    def group(self, event: Open) -> str:
        """Return the keys that describe a container."""
        text = identity(event.value, "")
        if event.expansion is not None:
            text = f"{text}, {expansion_of(event.expansion)}"
        if event.holds is not None:
            text = f"{text}, {holds_of(event.holds)}"
            text = f'{text}, "provenance": {quote(event.provenance)}'
        return text

    def close(self, event: Close) -> None:
        group = self.open[-1]
        if group.end:  # it has elements
            count = "null" if event.total is None else event.total
            group.after = f', "shown": {event.shown}, "count": {count}'
            if event.zero:
                group.after += f', "zero_elements": {event.zero}'
        if len(self.open) > 1:
            self.finish(self.open.pop())
            self.out.append(next(self.open[-1].rest))

    by_kind: ClassVar[dict[type[Event], Callable[[_Builder, Any], None]]] = {
        Enter: enter,
        Exit: exit,
        Open: enter_group,
        Close: close,
        Seen: seen,
        Number: number,
        Note: note,
    }
