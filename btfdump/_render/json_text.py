"""Values as JSON text, the building blocks of the `json` and `jsonl` formats."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from btfdump._btf import types
from btfdump._decode.fields import ALL_ZERO, EMPTY_LIST, Field, decode_text
from btfdump._decode.layout import ArrayLayout, Nameless
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._render.scalar import Reading, enum_flags, meaning_of, meant, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.layout import Layout
    from btfdump._graph.events import Holds, Label
    from btfdump._graph.summaries import Summary
    from btfdump._kernel.value import Value
    from btfdump._meaning import Meaning
    from btfdump._render import Options
    from btfdump._walk import Key

HOLE = "\0"
"""Marks where the target of a member goes in the text of members: JSON never contains it."""

MAX_SUMMARIES = 1 << 10
"""The most summaries whose texts are remembered."""

quote = json.JSONEncoder().encode
"""Return a string, or any plain value, as JSON: ASCII only, on one line."""


@lru_cache(maxsize=4096)
def name(text: str) -> str:
    """Return a type's or member's name as JSON, cached because there are few of them."""
    return quote(text)


def member_name(member: str) -> str:
    """Return the key of a member as JSON: of one without a name, where it lies in its struct."""
    return name(member.place if isinstance(member, Nameless) else member)


class Values:
    """Writes the values of one run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._remembered: list[dict[int, str]] = []
        # By identity, as 1 and True are equal but differ in JSON; entries keep their keys alive.
        self._summaries: dict[int, tuple[Summary, str]] = {}
        self._pointers: dict[tuple[ScalarLayout, Reading], PointerWriter] = {}
        self._plain: dict[ScalarLayout, PointerWriter] = {}

    def summary(self, pairs: Summary) -> str:
        """Return a summary as JSON; the text is remembered, as one summary may occur often."""
        known = self._summaries.get(id(pairs))
        if known is None:
            if len(self._summaries) >= MAX_SUMMARIES:
                self._summaries.clear()
            known = self._summaries[id(pairs)] = pairs, summary_of(pairs)
        return known[1]

    def remember(self, texts: dict[int, str]) -> None:
        """Register a table of texts for `forget()` to clear."""
        self._remembered.append(texts)

    def forget(self) -> None:
        """Forget the texts of pointers: symbols, strings and summaries may have changed."""
        for texts in self._remembered:
            texts.clear()
        self._summaries.clear()

    def members(self, fields: Iterable[Field]) -> str:
        """Return the inside of the braces of "members", with a HOLE for each that has a group."""
        return ", ".join(self._members(fields))

    def _members(self, fields: Iterable[Field]) -> list[str]:
        """Return the members; anonymous ones add theirs to the struct around, as in C."""
        found: list[str] = []
        for field in fields:
            if field.has_group:  # a container may be one without a name, too
                found.append(f"{member_name(field.name)}: {HOLE}")
            elif not field.name:
                if isinstance(field.layout, ScalarLayout | ArrayLayout):
                    found.append(f"{member_name(field.name)}: {self.value(field)}")
                else:
                    found += self._members(_inner(field))
            elif field.elided == EMPTY_LIST:
                found.append(f"{name(field.name)}: {empty_list(field.layout, field.facts)}")
            else:
                found.append(f"{name(field.name)}: {self.value(field)}")
        return found

    def found_by(self, label: Label) -> str:
        """Return the keys by which an element of a map is found, each followed by a comma."""
        if isinstance(label, str):
            return ""
        text = f'"index": {label.position}, '
        if label.key is not None:
            text = f'"key": {self.value(label.key)}, '
        elif label.owner is not None:
            words = f', "summary": {self.summary(label.summary)}' if label.summary else ""
            text = f'"owner": {{{identity(label.owner, "")}{words}}}, '
        if label.cpu is not None:
            text += f'"cpu": {label.cpu}, '
        return text + (f'"remark": {quote(label.remark)}, ' if label.remark else "")

    def value(self, field: Field) -> str:
        """Return a field's value; `has_group` is respected inside the field, not on itself."""
        if field.facts is None or not field.facts.is_typed:
            return self._value(field)
        told = f'"type": {name(str(field.layout.type))}, "provenance": '
        told += quote(field.facts.provenance)
        if isinstance(field.layout, ScalarLayout | ArrayLayout):
            return f'{{{told}, "value": {self._value(field)}}}'
        return f'{{{told}, "members": {{{self.members(_inner(field))}}}}}'

    def _value(self, field: Field) -> str:
        """Return a field's value by its layout, without the source of its type."""
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            return self.scalar(field)
        words = meaning_of(field, self.options)
        if not isinstance(layout, ArrayLayout):
            members = f'"members": {{{self.members(_inner(field))}}}'
            if words:
                members = f'"meaning": {quote(words)}, {members}'
            is_told = field.remark and field.remark is not ALL_ZERO  # having no members says that
            members += f', "remark": {quote(field.remark)}}}' if is_told else "}"
            if field.name.startswith("["):  # an element's type follows from the array around it
                return "{" + members
            return f'{{"type": {name(str(layout.type))}, {members}'
        if isinstance(field.value, bytes):
            return quote(text_of(field.value, self.options.string))
        assert isinstance(field.value, list)
        if isinstance(layout.element, ScalarLayout):
            items = self.array(layout.element, field.value, field.elided, layout.declared)
            return with_meaning(items, words) if words else items
        elements = ", ".join(
            f'"{inner.name.strip("[]")}": {HOLE if inner.has_group else self.value(inner)}'
            for inner in _inner(field)
        )
        return array_of_structs(layout.length, elements, field.elided, layout.declared)

    def scalar(self, field: Field) -> str:
        """Return a scalar, with the names of its bits if annotations give them."""
        assert isinstance(field.layout, ScalarLayout)
        if field.remark and field.layout.category is Category.POINTER:
            assert isinstance(field.value, int)
            write = self.pointers(field.layout, field.facts)
            return write.open(field.value, f', "remark": {quote(field.remark)}}}')
        return self.scalar_of(field.layout, field.facts, field.value)

    def scalar_of(self, layout: ScalarLayout, facts: MemberFacts | None, value: object) -> str:
        """Return the same for a value of which `facts` are known."""
        if not isinstance(value, int):
            return self.one(layout, value)
        meaning = meant(layout, facts, self.options)
        if meaning is not None and meaning.text is not None:
            return self.writer(layout, facts, meaning)(value)
        return self._whole(layout, facts, value)

    def _whole(self, layout: ScalarLayout, facts: MemberFacts | None, value: int) -> str:
        if facts is not None and layout.category is Category.POINTER:
            return self.pointers(layout, facts).whole(value)
        return self.one(layout, value)

    def writer(
        self, layout: ScalarLayout, facts: MemberFacts | None, meaning: Meaning
    ) -> Callable[[int], str]:
        """Return what writes an integer with what it means, and for flags the list of their names.

        `meaning` says what it means.
        """
        said, names = meaning.text, meaning.names
        assert said is not None
        is_pointer = layout.category is Category.POINTER
        is_plain = layout.category in (Category.INT, Category.CHAR)

        # A closure, as there are many of them in an object.
        def write(value: int) -> str:
            words = said(value)
            if not words and names is None:
                return self._whole(layout, facts, value)
            more = f', "meaning": {quote(words)}' if words else ""
            if names is not None:
                more += f', "flags": {quote(names(value))}'
            if is_plain:
                return f'{{"value": {value}{more}}}'
            if is_pointer:
                return f"{self.pointers(layout, facts).open(value)}{more}}}"
            text = self.one(layout, value)
            if not text.startswith("{"):
                text = f'{{"value": {text}}}'
            return f"{text[:-1]}{more}}}"

        return write

    def one(self, layout: ScalarLayout, value: object) -> str:
        """Return a scalar: a number, a bool, {"pointer"}, {"enum"}, {"hex"} or {"float"}."""
        if isinstance(value, bytes):
            return f'{{"hex": "{value.hex()}"}}'
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f'{{"float": "{value!r}"}}'
        if not isinstance(value, int):
            return "null"
        if layout.category is Category.BOOL and value in (0, 1):
            return "true" if value else "false"
        if layout.category is Category.ENUM and isinstance(layout.base, types.Enum | types.Enum64):
            known = layout.base.names.get(value)
            bits = enum_flags(layout.base, value) if known is None else []
            named = f', "flags": {quote(bits)}' if bits else ""
            return f'{{"enum": {quote(known)}, "value": {value}{named}}}'
        if layout.category is Category.POINTER:
            return self.pointers(layout).whole(value)
        return str(int(value))

    def array(
        self, element: ScalarLayout, values: Sequence[object], elided: int, declared: int
    ) -> str:
        """Return an array of scalars; `elided` counts the elements that are not in `values`.

        `declared` is `ArrayLayout.declared`.
        """
        items = f"[{', '.join([self.one(element, value) for value in values])}]"
        return cut_array(len(values) + elided, items, elided, declared)

    def pointers(self, layout: ScalarLayout, facts: MemberFacts | None = None) -> PointerWriter:
        """Return what writes pointers of a type, where `facts` are known about them."""
        known = self._plain.get(layout) if facts is None else None
        if known is not None:
            return known
        how = reading(layout, facts)
        known = self._pointers.get((layout, how))
        if known is None:
            known = self._pointers[layout, how] = PointerWriter(layout, how, self.options)
        if facts is None:
            self._plain[layout] = known
        return known


class PointerWriter:
    """Writes pointers of one type that are read in one way.

    `open(value)` returns a pointer without its closing brace, so that its target can follow.
    """

    def __init__(self, layout: ScalarLayout, how: Reading, options: Options) -> None:
        tags = _tags(layout)
        if how.space is not None:
            tags += f', "space": {quote(how.space)}'
        is_elsewhere, is_string, is_void = how.space is not None, how.is_string, how.is_void
        symbolize, locate, string_at = options.symbolize, options.locate, options.string_at

        # A closure, as there are tens of pointers in an object.
        def write(value: int, end: str = "") -> str:
            text = f'{{"pointer": "{value:#x}"{tags}'
            if not value or is_elsewhere:
                return text + end
            symbol = symbolize(value)
            if symbol is not None:
                text += f', "symbol": {quote(symbol)}'
            elif is_void and (place := locate(value)) is not None:
                text += f', "slab": {quote(place)}'
            if is_string and (string := string_at(value)) is not None:
                text += f', "string": {quote(string)}'
            return text + end

        self.open = write

    def whole(self, value: int) -> str:
        """Return a pointer with nothing but its address, tags, symbol, slab object and string."""
        return self.open(value, "}")


def _tags(layout: ScalarLayout) -> str:
    base = layout.base
    tags = base.btf.type_tags(base.type_id) if isinstance(base, types.Ptr) else ()
    return f', "tags": {quote(list(tags))}' if tags else ""


def _inner(field: Field) -> list[Field]:
    assert isinstance(field.value, list)
    return [inner for inner in field.value if isinstance(inner, Field)]


def cut_array(length: int, items: object, elided: int, declared: int = 0) -> str:
    """Return an array of `length` scalars, of which `items` are shown and `elided` are not.

    `declared` is `ArrayLayout.declared`.
    """
    if elided > 0 or declared:
        more = f', "declared": {declared}' if declared else ""
        return f'{{"length": {length}{more}, "first": {items}, "elided": {elided}}}'
    return str(items)


def array_of_structs(length: int, elements: str, elided: int, declared: int = 0) -> str:
    """Return an array of `length` structs or arrays, given the text of the elements shown.

    `declared` is `ArrayLayout.declared`.
    """
    more = f', "declared": {declared}' if declared else ""
    cut = f', "elided": {elided}' if elided > 0 else ""
    return f'{{"length": {length}{more}, "at": {{{elements}}}{cut}}}'


def empty_list(layout: Layout, facts: Any) -> str:
    """Return a list_head that points to itself: as an empty container if its type is known."""
    text = f'{{"type": {name(str(layout.type))}, "empty": true'
    if facts is not None and facts.expansion is not None:
        text += f', {expansion_of(facts.expansion)}, "elements": []'
    return text + "}"


def expansion_of(expansion: Any) -> str:
    """Return the keys that state what a container holds, and the source of that statement."""
    node = f'"node": {name(expansion.node)}, ' if expansion.node else ""
    return (
        f'"container": {name(expansion.head)}, "element": {name(str(expansion.element))}, '
        f'{node}"provenance": {name(expansion.provenance)}'
    )


def identity(value: Value, label: Label) -> str:
    """Return the keys that identify an object: its type, address, and index or key if any."""
    text = f'"type": {name(str(value.type_))}, "address": "{value.address_:#x}"'
    if value.key_ is not None:
        return f"{text}, {key_of(value.key_)}"
    is_entry = isinstance(label, str) and label.startswith("[")
    return f'{text}, "index": {label[1:-1]}' if is_entry else text


def key_of(key: Key) -> str:
    """Return the key that places an entry in its container: an index, an address range, or text."""
    if isinstance(key, tuple):
        return f'"range": ["{key[0]:#x}", "{key[1]:#x}"]'
    return f'"index": {key}' if isinstance(key, int) else f'"place": {quote(key)}'


def holds_of(holds: Holds) -> str:
    """Return the key that describes a map."""
    types_ = {"key": holds.key or None, "value": holds.value or None}
    return f'"map": {quote({"id": holds.id, "name": holds.name, "type": holds.kind} | types_)}'


def summary_of(pairs: Iterable[tuple[str, str | int]]) -> str:
    """Return a summary; a string that is not UTF-8 comes with its bytes, as a char array does."""
    return f"{{{', '.join([f'{name(label)}: {_summary_value(value)}' for label, value in pairs])}}}"


def _summary_value(value: str | int) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or value.isascii():
        return quote(value)
    return quote(text_of(value.encode("utf-8", "surrogateescape"), len(value) * 4))


def with_meaning(value: str, words: str) -> str:
    """Return a value that is not a struct, with what it means as a whole."""
    return f'{{"value": {value}, "meaning": {quote(words)}}}'


def text_of(data: bytes, limit: int) -> str | dict[str, str]:
    """Return a char array up to its NUL as a string, or with all its bytes as hex.

    The latter is used if the text is not UTF-8 or is longer than `limit` bytes.
    """
    text = data.split(b"\0", 1)[0]
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return {"string": decode_text(text[:limit]), "hex": text.hex()}
    if len(text) > limit:
        return {"string": text[:limit].decode("utf-8", "ignore"), "hex": text.hex()}
    return decoded
