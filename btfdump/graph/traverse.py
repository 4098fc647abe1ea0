"""traverse(): from a value to events, within limits.

The walk is iterative: every object and container is a small generator, kept on an explicit stack,
so that no chain of data in the kernel can exhaust Python's. An object is shown in full once; the
second sight of it is a reference to the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump.btf import types
from btfdump.decode.fields import Decoder, Field
from btfdump.decode.holes import describe, read_around_holes, without_holes
from btfdump.decode.layout import ArrayLayout, ScalarLayout, StructLayout
from btfdump.errors import BtfdumpError, BtfFormatError, FaultError
from btfdump.graph.events import Close, Enter, Event, Exit, Number, Open, Seen
from btfdump.graph.fields import Behind
from btfdump.graph.limits import MAX_OBJECT, Place, paths_of
from btfdump.graph.limits import Limits as Limits
from btfdump.graph.maps import as_map, contents, value_of_map
from btfdump.graph.readers import Decoded
from btfdump.graph.summaries import Summaries
from btfdump.kernel.notes import Note
from btfdump.kernel.paths import check_path
from btfdump.kernel.pointers import target_of
from btfdump.kernel.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump.decode.fields import Selection
    from btfdump.decode.layout import Layout
    from btfdump.graph.events import Label
    from btfdump.graph.limits import Step
    from btfdump.graph.readers import Reader
    from btfdump.graph.summaries import Summary
    from btfdump.kernel.context import Context


_EVENTS = frozenset({Enter, Exit, Open, Close, Seen, Number, Note})


class _Everything:
    """Where every pointer is followed, all of them lead somewhere."""

    def __contains__(self, thing: object) -> bool:
        return True


_EVERYTHING = _Everything()


class Traversal:
    """One walk over the graph of objects, from one root."""

    def __init__(
        self,
        context: Context,
        limits: Limits,
        zero: bool,
        members: Selection | None,
        follow: frozenset[tuple[str, ...]],
        reader: Reader | None,
    ) -> None:
        self.context = context
        self.limits = limits
        self.zero = zero
        self.members = members
        self.follow = follow
        self.decoder = Decoder(context.layouts, context.facts, zero=zero, elements=limits.elements)
        # Objects shown in full (True: still open around this place), and open ones of any kind.
        self.seen: dict[tuple[int, types.Type], bool] = {}
        self.partial: set[tuple[int, types.Type]] = set()
        # (struct, offset) of the links that containers shown so far are held together by.
        self.links: set[tuple[types.Type, int]] = set()
        self.objects = 0
        self.is_limit_told = False
        self.summaries = reader.summaries if reader else Summaries(context, limits.string)
        self.reader = reader
        self.behind = Behind(self)

    def run(self, value: Value, *, brief: bool) -> Iterator[Event]:
        """Run the generators, the innermost first, and yield their events."""
        stack: list[Iterator[Step]] = [self.root(value, brief)]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
            elif type(step) in _EVENTS:
                yield step  # type: ignore[misc]
            else:
                stack.append(step)  # type: ignore[arg-type]

    def root(self, value: Value, brief: bool) -> Iterator[Step]:
        """Show what the user asked for: an object, a container, or one line."""
        place = Place(selection=self.members)
        value = typed(pointed_to(value))
        if brief:
            yield self.brief(value, "")
            return
        map_ = as_map(value)
        if map_ is not None:
            yield contents(self.behind.contents, map_, place)
            return
        facts = value.facts_
        is_head = isinstance(value.layout_, StructLayout) or value.is_pointer_
        if facts is not None and facts.length is not None and value.is_pointer_:
            yield self.behind.arrays.root(value, facts, place)
        elif facts is not None and facts.is_container and is_head:
            yield self.behind.contents.container(None, value, place)
        else:
            yield self.object(value, place)

    def is_followed(self, path: tuple[str, ...]) -> bool:
        """Whether --follow names this path, or one further in."""
        return any(path == wanted[: len(path)] for wanted in self.follow)

    # Objects

    def key(self, value: Value) -> tuple[int, types.Type]:
        """Return what makes an object the same one: its address and its type."""
        return value.address_, value.type_.btf.skip_modifiers(value.type_)

    def object(self, value: Value, place: Place) -> Iterator[Step]:
        """Show an object in full, and what lies behind its fields."""
        key = self.key(value)
        is_around = key in self.partial
        # What the user selects by path is shown, even where the path leads back into what is open.
        if (place.selection is None and key in self.seen) or (is_around and place.is_open):
            yield Seen(value, place.label, self.summary(value), is_around)
            return
        refusal = self.refusal(place)
        if refusal is not None:
            yield self.brief(value, place.label)
            yield from map(Note, refusal)
            return
        self.objects += 1
        enter, trouble = self.decode(value, place)
        slots = list(self.behind.slots(value, enter, place))
        if place.selection is None:
            self.seen[key] = True
        self.partial.add(key)
        yield enter
        if trouble:
            yield Note(trouble, value.address_)
        else:
            yield from self.problems(value, place)
        yield from slots
        if not is_around:
            self.partial.discard(key)
        if place.selection is None:
            self.seen[key] = False
        yield Exit()

    def refusal(self, place: Place) -> list[str] | None:
        """Say why no more objects are shown here, once; None if they are."""
        if self.objects >= self.limits.objects:
            if self.is_limit_told:
                return []
            self.is_limit_told = True
            return [f"limit of {self.limits.objects} objects reached (--objects)"]
        if place.nesting > self.limits.nesting:
            return [f"nested {self.limits.nesting} levels deep: not entered"]
        return None

    def problems(self, value: Value, place: Place) -> Iterator[Note]:
        """Say what annotations of the object's type, or of the root itself, do not fit."""
        layout = value.layout_
        if isinstance(layout, StructLayout):
            for problem in self.context.facts(layout).problems:
                yield Note(problem)
            if place.nesting == 0 and value.facts_ is not None:
                for problem in value.facts_.problems:
                    yield Note(problem, value.address_)

    def decode(self, value: Value, place: Place) -> tuple[Enter, str]:
        """Read and decode; where bytes are missing, decode the rest and say what is missing."""
        try:
            decoded, trouble = self.decoded(value, place.selection, place.depth)
        except BtfFormatError as error:
            return Enter(value, label=place.label), f"{value.type_} cannot be decoded: {error}"
        except FaultError as error:
            missing = Enter(value, label=place.label, is_missing=True)
            return missing, f"unreadable: {error.reason}"
        if decoded is None:
            return Enter(value, label=place.label), trouble
        summary = () if value.bit_size_ else self.summary(value)
        enter = Enter(
            value,
            decoded.fields,
            place.label,
            summary,
            skipped=decoded.skipped,
            written=decoded.written,
            around=decoded.around,
        )
        return enter, trouble

    def decoded(
        self, value: Value, selection: Selection | None, depth: int
    ) -> tuple[Decoded | None, str]:
        """Return what can be decoded of an object, and what is wrong with the rest, "" if nothing.

        Raises `BtfFormatError`, and `FaultError` where nothing of it can be read.
        """
        layout = value.layout_
        if layout.size > MAX_OBJECT:
            return None, f"{value.type_} has {layout.size} bytes: too large to be real"
        if value.bit_size_:
            field = Field("", layout, 0, value.value_(), value.facts_, value.bit_size_)
            return Decoded([field]), ""
        try:
            read = self.read(value, layout, selection, depth)
            if read is not None:
                return read, ""
            fields = self.fields(value, value.bytes_(), selection)
            return Decoded(fields, self.decoder.skipped), ""
        except FaultError as error:
            target = self.context.target
            data, holes = read_around_holes(target, value.address_, layout.size, error)
            fields = self.fields(value, data, selection)
            kept = without_holes(fields, holes)
            return Decoded(kept, self.decoder.skipped), describe(error, holes)

    def fields(self, value: Value, data: bytes, selection: Selection | None) -> list[Field]:
        """Decode an object; one that is no struct is a field, with what is known of it."""
        facts, stated = value.facts_, value.stated_
        fields = self.decoder.fields(value.layout_, data, selection, facts=facts, stated=stated)
        if isinstance(value.layout_, ArrayLayout) and is_void(fields[0]):
            fields[0].remark = "all zero"
        return fields

    def read(
        self, value: Value, layout: Layout, selection: Selection | None, depth: int
    ) -> Decoded | None:
        """Return what the run's reader has read of an object: see btfdump/graph/readers.py."""
        if self.reader is None or self.zero or not isinstance(layout, StructLayout):
            return None
        if value.stated_:
            return None
        is_followed = bool(self.follow) or depth < self.limits.depth
        known = _EVERYTHING if is_followed else self.seen
        return self.reader.read(value, layout, selection, known)

    def brief(self, value: Value, label: Label) -> Iterator[Step]:
        """Show an object as one line."""
        summary = self.summary(value)
        events: list[Step] = [Enter(value, label=label, summary=summary, brief=True), Exit()]
        if not summary and value.size_:
            try:
                self.context.target.read(value.address_, 1)
            except FaultError as error:
                events.insert(1, Note(f"unreadable: {error.reason}", value.address_))
        return iter(events)

    def summary(self, value: Value) -> Summary:
        """Return the members that stand for the object, as its annotations list them."""
        return self.summaries.of(value)


def pointed_to(value: Value) -> Value:
    """Return what a pointer that was asked for by name points to, if that is a kernel's struct."""
    layout, facts = value.layout_, value.facts_
    if not value.is_pointer_ or not isinstance(layout, ScalarLayout):
        return value
    if facts is not None and (facts.length is not None or facts.is_container):
        return value
    try:
        target = target_of(value.context_, layout, facts)
        if isinstance(target, types.Composite) and int(value):
            return value.deref_()
    except FaultError:
        pass
    return value


def is_void(field: Field) -> bool:
    """Whether an array has elements of which none is shown, because all are zero."""
    layout = field.layout
    return isinstance(layout, ArrayLayout) and layout.size > 0 and field.value == []


def typed(value: Value) -> Value:
    """Return bytes that were asked for by name as what the map they belong to says they are."""
    facts = value.facts_
    if facts is None or facts.typed_by is None:
        return value
    try:
        return value.typed_()
    except BtfdumpError as error:
        known = replace(facts, typed_by=None, problems=[*facts.problems, str(error)])
        outer = value.outer_
        return Value(value.context_, value.type_, value.address_, facts=known, outer=outer)


def traverse(
    value: Value,
    limits: Limits | None = None,
    *,
    zero: bool = False,
    members: Selection | None = None,
    follow: frozenset[tuple[str, ...]] = frozenset(),
    brief: bool = False,
    reader: Reader | None = None,
) -> Iterator[Event]:
    """Yield the events of `value` and of what it leads to, within `limits`.

    `zero` keeps members that are zero. `members` selects what is shown of the root. `follow` holds
    member paths (from the root, through pointers and containers) whose pointers are followed
    whatever the depth. `brief` shows the root as one line. `reader` is for roots of which there are
    many: the same one for all of them, made for these limits.

    Raises `MemberNotFoundError` for a path that names what is not there.
    """
    for path in [*paths_of(members or {}), *follow]:
        holder = value_of_map(value)
        if holder is not None:
            check_path(holder, path)
    traversal = Traversal(value.context_, limits or Limits(), zero, members, follow, reader)
    return traversal.run(value, brief=brief)
