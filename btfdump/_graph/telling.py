"""Objects told in one line by a template: `TCP 127.0.0.1:4242 LISTEN`.

What a slot says is what annotations say that a member means, or else its value; of a pointer the
string, the symbol, or the summary of the struct that it leads to. Nothing here raises: what cannot
be read says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.template import HEAD, HEX, LEFT, PATH, SUM, Around, Index, Slot
from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.fitted import UNTOLD, FittedTemplates
from btfdump._graph.ways import Pointers, SlotPlace, SlotPlaces
from btfdump._kernel.claims import doubt
from btfdump._kernel.d_path import Paths
from btfdump._kernel.expression import evaluate, evaluate_length
from btfdump._kernel.pointers import ELSEWHERE, space_of, target_of
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._meaning.amounts import duration, size
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._annotate.template import Step, Template
    from btfdump._decode.compiled.projection import Located
    from btfdump._graph.fitted import Fitted, FittedChoice, FittedCondition, FittedTemplate
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._meaning import Meaning

    Nested: TypeAlias = Callable[[Value], str]

MOST_ELEMENTS = 8
"""The most elements of an array that a slot says."""
_MAX_SOCKADDR = 128  # _K_SS_MAXSIZE, include/uapi/linux/socket.h
_MAX_FOLIO = 1 << 29
"""The most bytes of struct pages of one folio; with 64 bits, none are so near the top."""
_EACH = (Index(None),)


Told: TypeAlias = "tuple[str, dict[str, str | int]]"
"""What a template makes of an object, and the members in it, by path, as they are."""


class Surroundings:
    """What all templates of a run share. Strings are cut at `limit` bytes."""

    def __init__(self, context: Context, limit: int) -> None:
        self.context = context
        self.paths = Paths(context)
        self.clock = KernelSurroundings(context)
        self.pointers = Pointers(context)
        self.limit = limit

    def forget(self) -> None:
        """Forget what was read: memory may have changed since."""
        self.paths.forget()
        self.pointers.forget()


class Telling:
    """Tells the objects of one type by the first of its templates that applies."""

    def __init__(
        self, around: Surroundings, struct: types.Composite, templates: Sequence[Template]
    ) -> None:
        self._around = around
        self._fitted = FittedTemplates(around.context, struct, templates)

    def tell(self, value: Value, room: int | None, nested: Nested) -> Told | None:
        """Return what an object is, None if nothing of it can be read.

        With `room`, only so many bytes from its start on belong to it. `nested` tells another.
        """
        data = _read(value, room)
        for number, condition in enumerate(self._fitted.conditions):
            one = _One(self._around, self._fitted.places, value, room, nested, data)
            if condition is not None and not one.holds(condition):
                continue
            template = self._fitted.template(number)
            if template is not None and all(
                one.slot(place) in texts for place, texts in template.texts
            ):
                return one.told(template, is_readable=data is not None)
        return None


def _read(value: Value, room: int | None) -> bytes | None:
    """Read an object for all of its members at once; None if that cannot be done."""
    try:
        if room is None:
            return value.bytes_()
        return value._span_(0, min(value.size_, room))
    except UNTOLD:
        return None


class _Operand:
    """A member in a condition, by its path from the object."""

    __slots__ = ("one", "path")

    def __init__(self, one: _One, path: str = "") -> None:
        self.one = one
        self.path = path

    def member_(self, name: str) -> _Operand:
        """Return a member of this one."""
        return _Operand(self.one, f"{self.path}.{name}" if self.path else name)

    def value_(self) -> object:
        """Return the value; raises `MemberNotFoundError` or `FaultError`."""
        return self.one.plain(self.path)


class _One:
    """The telling of one object; `data` holds its bytes if they can be read."""

    def __init__(
        self,
        around: Surroundings,
        places: SlotPlaces,
        value: Value,
        room: int | None,
        nested: Nested,
        data: bytes | None,
    ) -> None:
        self._around = around
        self._places = places
        self._value = value
        self._room = room
        self._nested = nested
        self._data = data
        # What the structs around an object state of its members is known to values alone.
        self._has_ways = room is None and not value._stated_
        self._members: dict[str, str | int] = {}
        self._has_said = False

    def told(self, template: FittedTemplate, *, is_readable: bool) -> Told | None:
        """Return the text, None if no slot said anything though there are some.

        A text without slots is about an object that can be read.
        """
        text = self._joined(template.parts, is_whole=False)
        if not text or not (self._has_said if template.has_slots else is_readable):
            return None
        return text.strip(), self._members

    def _joined(self, parts: Sequence[Fitted], *, is_whole: bool) -> str | None:
        """Return parts as one text; with `is_whole`, None if a slot says nothing."""
        text = ""
        for part in parts:
            if isinstance(part, str):
                is_doubled = text.endswith(" ") and part.startswith(" ")
                text += part[1:] if is_doubled else part
            elif isinstance(part, SlotPlace):
                said = self.slot(part)
                if not said and is_whole:
                    return None
                self._has_said |= bool(said)
                text += said
            else:
                text += self._optional(part)
        return text

    def _optional(self, part: FittedChoice) -> str:
        if part.condition.text:
            is_held = self.holds(part.condition)
            if is_held is None:
                return ""
            self._has_said = True
            if not is_held:
                return self._joined(part.otherwise, is_whole=True) or ""
        return self._joined(part.parts, is_whole=True) or ""

    def holds(self, condition: FittedCondition) -> bool | None:
        """Whether a condition holds; None if what it names is not there or cannot be read."""
        if condition.quick is not None and self._room is None and self._data is not None:
            return bool(condition.quick(self._data, 0))
        try:
            return bool(evaluate([_Operand(self)], condition.text))
        except UNTOLD:
            return None

    def plain(self, path: str) -> object:
        """Return the value of a member as declared; raises what is in `UNTOLD`."""
        located = self._places.member(path)
        if located is not None:
            return self._located(located)
        (value,) = self._follow(tuple(path.split(".")), has_facts=False)
        return value.value_()

    def _located(self, located: Located) -> object:
        """Return the value of a member in the object itself."""
        if self._room is None and self._data is not None:
            return located.read(self._data, 0)
        if self._room is not None and located.end > self._room:
            raise LookupError
        start = located.offset
        return located.read(self._value._span_(start, located.end - start), -start)

    def slot(self, place: SlotPlace) -> str:
        """Return what a slot says, "" if that is nothing or cannot be read."""
        slot = place.slot
        try:
            if not place.is_found:
                self._places.find(place)
            if place.located is not None and place.meaning is not None:
                plain = self._located(place.located)
                if isinstance(plain, int):
                    self._note(slot, plain)
                    return self._number(slot, plain, place.meaning)
            values = self._values(place)
            if slot.how == SUM:
                return size(sum(map(int, values)))
            said = [one for value in values if (one := self._said(value, slot))]
        except UNTOLD:
            return ""
        text = ",".join(_without(slot.prefix, one) for one in said)
        limit = self._around.limit
        return f"{text[:limit]}..." if len(text) > limit else text

    @staticmethod
    def _number(slot: Slot, number: int, meaning: Meaning) -> str:
        number = number & slot.mask if slot.mask else number
        said = meaning.text(number) if meaning.text is not None else ""
        return _without(slot.prefix, said or meaning.number(number))

    def _values(self, place: SlotPlace) -> list[Value]:
        """Return what a slot is about; raises what is in `UNTOLD`."""
        if place.way is not None and self._has_ways:
            return [place.way.lead(self._value, self._around.pointers)]
        slot = place.slot
        return self._follow(slot.steps, has_facts=slot.how == "" and slot.means is None)

    # The way to a value

    def _follow(self, steps: tuple[Step, ...], *, has_facts: bool) -> list[Value]:
        """Return what steps lead to: several values if they pass through an array.

        With `has_facts`, what annotations state about that is asked for.
        """
        values = [self._value]
        is_inside = self._room is not None
        last = len(steps) - 1
        for at, step in enumerate(steps):
            is_told = (at == last and has_facts) or steps[at + 1 : at + 2] == _EACH
            is_inside = is_inside and not any(value.is_pointer_ for value in values)
            found: list[Value] = []
            for value in values:
                if isinstance(step, Around):
                    found.append(self._enclosing(value, step))
                elif isinstance(step, Index):
                    found += _elements(value, step)
                elif isinstance(step, str):
                    found.append(value.member_(step) if is_told else self._declared(value, step))
            if is_inside and not all(map(self._is_within, found)):
                raise LookupError
            values = found[:MOST_ELEMENTS]
        return values

    @staticmethod
    def _declared(value: Value, name: str) -> Value:
        """Return a member on the way to another; annotations are asked only if they must be."""
        try:
            return value._declared_(name)
        except MemberNotFoundError:  # of what a `void *` leads to
            return value.member_(name)

    def _is_within(self, value: Value) -> bool:
        """Whether a part of the object is not beyond the room that it has."""
        assert self._room is not None
        bits = value.bit_offset_ + (value.bit_size_ or value.size_ * 8)
        start = value.address_ - self._value.address_
        return start >= 0 and start * 8 + bits <= self._room * 8

    def _enclosing(self, value: Value, step: Around) -> Value:
        """Return the struct that a pointer leads to, or into, or that an object is a part of.

        Raises `LookupError` for NULL, and where something else is.
        """
        address = int(value) if value.is_pointer_ else value.address_
        if not address:
            raise LookupError
        start = value._context_.wrap(address - step.offset)
        enclosing = value_at(value._context_, step.struct, start)
        if value.is_pointer_ and doubt(enclosing):
            raise LookupError
        return enclosing

    # What a value says

    def _said(self, value: Value, slot: Slot) -> str:
        if slot.how == PATH:
            if value.is_pointer_ and not int(value):
                return ""
            return self._around.paths.of(value)
        if slot.length:
            return self._address(value, slot)
        if slot.means is not None:
            return self._meant(value, slot)
        layout = value._layout_
        if slot.how == HEX:
            return hex(int(value))
        if slot.how == LEFT:
            return self._left(int(value))
        if slot.how == HEAD:
            return hex(self._head(int(value), value.size_))
        if isinstance(layout, ScalarLayout):
            return self._scalar(value, layout, slot)
        return self._compound(value, slot)

    def _scalar(self, value: Value, layout: ScalarLayout, slot: Slot) -> str:
        meaning = _meaning_of(value)
        if layout.category is Category.POINTER:
            number = int(value)
            text = meaning.text(number) if meaning is not None and meaning.text is not None else ""
            return text or (self._pointer(value, layout, number, slot) if number else "")
        plain = value.value_()
        if not isinstance(plain, int):
            return str(plain)
        self._note(slot, plain)
        if meaning is not None and meaning.text is not None and (said := meaning.text(plain)):
            return said
        if isinstance(layout.base, types.Enum | types.Enum64):
            return layout.base.names.get(plain, str(plain))
        return meaning.number(plain) if meaning is not None else str(int(plain))

    def _pointer(self, value: Value, layout: ScalarLayout, address: int, slot: Slot) -> str:
        context, facts = value._context_, value.facts_
        if space_of(layout, facts) in ELSEWHERE:
            return hex(address)
        target = target_of(context, layout, facts, is_followed=True)
        is_char = isinstance(target, types.Int) and (target.is_char or target.name == "char")
        if is_char or (facts is not None and facts.is_string):
            text = self._cut(value.string_(self._around.limit + 1))
            self._note(slot, text)
            return text
        if isinstance(target, types.Composite):
            return self._nested(value.deref_()) or context.symbolize(address) or ""
        return context.symbolize(address) or hex(address)

    def _compound(self, value: Value, slot: Slot) -> str:
        """Return what a struct or an array says: its text, its meaning, or its summary."""
        layout = value._layout_
        meaning = _meaning_of(value)
        if meaning is not None and meaning.of_bytes is not None:
            return meaning.of_bytes(value.bytes_())
        if isinstance(layout, ArrayLayout) and layout.is_text:
            data = value.bytes_().split(b"\0", 1)[0]
            text = self._cut(data.decode("utf-8", "surrogateescape"))
            self._note(slot, text)
            return text
        return self._nested(value) if isinstance(layout, StructLayout) else ""

    def _meant(self, value: Value, slot: Slot) -> str:
        """Return what the template itself says that a value means."""
        assert slot.means is not None
        meanings = value._context_.annotations.meanings
        meaning = meanings.of(slot.means, value.type_, value.type_.btf)
        if not isinstance(value._layout_, ScalarLayout):
            return meaning.of_bytes(value.bytes_()) if meaning.of_bytes is not None else ""
        number = int(value)
        if not value.is_pointer_:
            self._note(slot, number)
        number = number & slot.mask if slot.mask else number
        text = meaning.text(number) if meaning.text is not None else ""
        return text or ("" if value.is_pointer_ else meaning.number(number))

    def _address(self, value: Value, slot: Slot) -> str:
        """Return the address in as many bytes as the struct around them says."""
        from btfdump._meaning.addresses import sockaddr

        length = evaluate_length(value._around_(), slot.length)
        context = value._context_
        data = context.target.read(value.address_, min(length, _MAX_SOCKADDR))
        return sockaddr(data, context.layouts.byteorder) if data else ""

    def _left(self, moment: int) -> str:
        """Return how long it is until a moment on the monotonic clock, in nanoseconds."""
        now = self._around.clock.monotonic()
        if now is None:
            return ""
        return f"in {duration(moment - now)}" if moment >= now else f"{duration(now - moment)} ago"

    def _head(self, told: int, size: int) -> int:
        """Return the address of the head of the tail page that the object is.

        Bit 0 says that it is a tail. The rest is the address, or where that could be no page's
        (since 7.1) the mask that makes one of the tail's (page-flags.h, compound_head()).
        """
        is_mask = size == 8 and (1 << 64) - told < _MAX_FOLIO
        return self._value.address_ & told if is_mask else told - 1

    def _note(self, slot: Slot, plain: str | int) -> None:
        """Keep a member as it is, for formats that are read by programs."""
        path = slot.member
        if path:
            self._members.setdefault(path, int(plain) if isinstance(plain, int) else plain)

    def _cut(self, text: str) -> str:
        limit = self._around.limit
        return f"{text[:limit]}..." if len(text) > limit else text


def _without(prefix: str, said: str) -> str:
    """Return names without their prefix: one of them, or those of several flags."""
    return "|".join(name.removeprefix(prefix) for name in said.split("|")) if prefix else said


def _elements(value: Value, step: Index) -> Iterator[Value]:
    """Yield one element of an array or behind a pointer, or all that it has."""
    if step.number is not None:
        yield value[step.number]
    elif value.facts_ is not None and value.facts_.length is not None:
        yield from value.walk_()
    else:
        yield from value


def _meaning_of(value: Value) -> Meaning | None:
    """Return what annotations say that a value means, or all of its type."""
    facts = value.facts_
    stated = facts.meaning if facts is not None else None
    return stated if stated is not None else value._layout_.meaning
