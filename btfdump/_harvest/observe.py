"""From idioms in functions to observations: this head holds that element, this member is a link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types
from btfdump._harvest.containers import leads_to_container
from btfdump._harvest.idioms import IDIOMS, Idiom
from btfdump._harvest.lengths import Lengths
from btfdump._harvest.resolve import ExpressionResolver, Frame, SeenMember, Spot, pointee
from btfdump._harvest.syntax import Call, Expression, Var, type_of_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._harvest.scan import Function

MAX_CALLS = 3
"""How many calls deep a wrapper is read with its caller's arguments."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One place in the source that says what `head` holds.

    `elements` are the ways to name element and link ((struct, path); the path is "" in containers
    of pointers), the outermost struct first. `is_reading` distinguishes a loop or container_of(),
    which states the type, from an insertion, where what is added may be a part of the element.
    """

    head: SeenMember
    elements: tuple[Spot, ...]
    see: str
    is_reading: bool


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """One place in the source that uses a member as a link, next to the head or the type.

    That a member is removed from a list (`list_del()`) does not say so, because heads are removed
    too at times.
    """

    link: SeenMember
    see: str


@dataclass(frozen=True, slots=True)
class Spliced:
    """Two heads that hold the same elements."""

    one: SeenMember
    other: SeenMember
    see: str


@dataclass(frozen=True, slots=True)
class AdderSeen:
    """A function, which other files can call, adds to `head` a link that it is passed."""

    head: SeenMember
    file: str
    function: str


@dataclass(frozen=True, slots=True)
class LengthSeen:
    """One place in the source that tells how many elements the table that `spot` points to has."""

    spot: Spot
    text: str
    see: str


Seen: TypeAlias = Observation | LinkSeen | Spliced | AdderSeen | LengthSeen


class Observer:
    """Reads functions one by one."""

    def __init__(self, resolver: ExpressionResolver) -> None:
        self._resolver = resolver
        self._program = resolver.program
        self._lengths = Lengths(resolver)

    def observe(self, function: Function) -> Iterator[Seen]:
        """Yield what a function says, including calls of wrappers."""
        if function.macro_params is None:
            frame = Frame(function)
            for call in function.calls:
                yield from self._call(call, frame)
            yield from self._results(frame)
            yield from self._tables(frame)

    def _tables(self, frame: Frame) -> Iterator[LengthSeen]:
        see = self._see(frame)
        for table in frame.function.tables:
            for spot, text in self._lengths.of(table, frame):
                yield LengthSeen(spot, text, see)

    def _call(self, call: Call, frame: Frame) -> Iterator[Seen]:
        idiom = IDIOMS.get(call.name)
        if idiom is not None:
            yield from self._idiom(idiom, call, frame)
            return
        callee = self._resolver.callee(call, frame) if frame.depth < MAX_CALLS else None
        if callee is not None and callee.function.name != frame.function.name:
            if callee.function.macro_params is None and not self._takes_place(callee):
                return
            for inner in callee.function.calls:
                yield from self._call(inner, callee)
            if callee.function.macro_params is not None:
                yield from self._tables(callee)

    def _takes_place(self, callee: Frame) -> bool:
        """Whether a parameter of the function is a pointer to a container or link."""
        return any(map(leads_to_container, callee.function.types[: callee.function.params]))

    def _idiom(self, idiom: Idiom, call: Call, frame: Frame) -> Iterator[Seen]:
        positions = (idiom.head, idiom.pos, idiom.node, idiom.type, idiom.member, idiom.item)
        if any(p is not None and p >= len(call.args) for p in (*positions, idiom.other_head)):
            return
        see = self._see(frame)
        heads: list[SeenMember] = []
        if idiom.head is not None:
            heads = self._resolver.places(call.args[idiom.head], frame)
        if idiom.other_head is not None:
            others = self._resolver.places(call.args[idiom.other_head], frame)
            yield from (Spliced(one, other, see) for one in heads for other in others)
            return
        if idiom.node is not None:
            yield from self._open(call.args[idiom.node], heads, frame)
        is_reading = idiom.node is None
        for link in self._links(idiom, call, frame):
            yield LinkSeen(link, see)
            for head in heads:
                if link.length in (0, head.length):
                    index = "[]" if link.length else ""  # that of the head
                    elements = tuple((s, path + index) for s, path in reversed(link.spots))
                    yield Observation(head, elements, see, is_reading)
        if idiom.item is not None:
            for element in self._items(call.args[idiom.item], frame):
                for head in heads:
                    yield Observation(head, (element,), see, True)

    def _open(self, node: Expression, heads: list[SeenMember], frame: Frame) -> Iterator[AdderSeen]:
        """Yield the heads that a link is added to which the outermost function is passed."""
        while (given := frame.argument(node)) is not None:
            node, frame = given
        function = frame.function
        if isinstance(node, Var) and node.number < function.params and not function.is_static:
            yield from (AdderSeen(head, function.file, function.name) for head in heads)

    def _links(self, idiom: Idiom, call: Call, frame: Frame) -> list[SeenMember]:
        if idiom.node is not None:
            found = self._resolver.places(call.args[idiom.node], frame)
            return [p for p in found if not p.is_step and not p.is_pointer and p.spots[0][0]]
        if idiom.member is None:
            return []
        struct: types.Type | None = None
        if idiom.pos is not None:
            typed = pointee(self._resolver.type_of(call.args[idiom.pos], frame))
            struct = typed.type if typed is not None and not typed.stars else None
        elif idiom.type is not None:
            named = type_of_text(frame.text(call.texts[idiom.type]))
            declared = self._resolver.declared(named) if named is not None else None
            struct = declared.type if declared is not None and not declared.stars else None
        if not isinstance(struct, types.Composite):
            return []
        link = self._resolver.link_of(struct, frame.text(call.texts[idiom.member]))
        return [link] if link is not None and link.spots else []

    def _items(self, item: Expression, frame: Frame) -> list[Spot]:
        typed = self._resolver.type_of(item, frame)
        target = pointee(typed)
        if target is None or target.stars or not isinstance(target.type, types.Composite):
            return []
        return [(target.type.name, "")] if target.type.name else []

    def _results(self, frame: Frame) -> Iterator[Observation]:
        """Yield what look-ups return: `item = xa_load(...)`, `return idr_find(...)`."""
        function = frame.function
        for left, right in function.assigns:
            yield from self._looked_up(right, self._items(left, frame), frame)
        if function.returns is not None:
            typed = self._resolver.declared(function.returns)
            target = pointee(typed)
            if target is not None and isinstance(target.type, types.Composite) and target.type.name:
                for result in function.results:
                    yield from self._looked_up(result, [(target.type.name, "")], frame)

    def _looked_up(
        self, call: Expression, items: list[Spot], frame: Frame
    ) -> Iterator[Observation]:
        if not isinstance(call, Call) or not items or not call.args:
            return
        idiom = IDIOMS.get(call.name)
        if idiom is not None and idiom.is_result:
            for head in self._resolver.places(call.args[0], frame):
                yield Observation(head, (items[0],), self._see(frame), True)

    def _see(self, frame: Frame) -> str:
        """Name the function that an observation was made in."""
        while frame.caller is not None:
            frame = frame.caller
        name = frame.function.name
        return f"{frame.function.file}: {name}()" if name else frame.function.file
