"""Values as JSON text: what the `json` and `jsonl` formats, plain and compiled, are made of."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from btfdump.btf import types
from btfdump.interp import EMPTY_LIST, Field, decode_text
from btfdump.layout import ArrayLayout, Category, ScalarLayout
from btfdump.render.scalar import flags, is_string_pointer, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump.layout import Layout
    from btfdump.render import Options
    from btfdump.value import Value
    from btfdump.walk import Key

HOLE = "\0"
"""Stands in the text of members where what lies behind one of them goes: JSON has no such byte."""

quote = json.JSONEncoder().encode
"""Return a string, or any plain value, as JSON: ASCII alone, on one line."""


class Values:
    """Writes the values of one run."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def members(self, fields: Iterable[Field]) -> str:
        """Return what stands inside the braces of "members", a HOLE for each that has a slot."""
        return ", ".join(self._members(fields))

    def _members(self, fields: Iterable[Field]) -> list[str]:
        """Return members; anonymous ones give theirs to the struct around, as in C."""
        found: list[str] = []
        for field in fields:
            if not field.name and not isinstance(field.layout, ScalarLayout | ArrayLayout):
                found += self._members(_inner(field))
            elif field.slot is not None:
                found.append(f"{quote(field.name)}: {HOLE}")
            elif field.elided == EMPTY_LIST:
                found.append(f"{quote(field.name)}: {empty_list(field.layout, field.facts)}")
            else:
                found.append(f"{quote(field.name)}: {self.value(field)}")
        return found

    def value(self, field: Field) -> str:
        """Return a field's value; its own slot is not looked at, those inside it are."""
        if field.facts is None or not field.facts.is_typed:
            return self._value(field)
        told = f'"type": {quote(str(field.layout.type))}, "provenance": '
        told += quote(field.facts.provenance)
        if isinstance(field.layout, ScalarLayout | ArrayLayout):
            return f'{{{told}, "value": {self._value(field)}}}'
        return f'{{{told}, "members": {{{self.members(_inner(field))}}}}}'

    def _value(self, field: Field) -> str:
        """Return a field's value by its layout, whoever told it."""
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            return self.scalar(field)
        if not isinstance(layout, ArrayLayout):
            members = f'"members": {{{self.members(_inner(field))}}}}}'
            if field.name.startswith("["):  # an element's type is that of the array around it
                return "{" + members
            return f'{{"type": {quote(str(layout.type))}, {members}'
        if isinstance(field.value, bytes):
            return quote(text_of(field.value, self.options.string))
        assert isinstance(field.value, list)
        if isinstance(layout.element, ScalarLayout):
            return self.array(layout.element, field.value, field.elided)
        elements = ", ".join(
            f'"{inner.name.strip("[]")}": {HOLE if inner.slot is not None else self.value(inner)}'
            for inner in _inner(field)
        )
        return array_of_structs(layout.length, elements, field.elided)

    def scalar(self, field: Field) -> str:
        """Return a scalar, with the names of its bits if annotations know them."""
        assert isinstance(field.layout, ScalarLayout)
        facts, value = field.facts, field.value
        if facts is not None and facts.flags and isinstance(value, int):
            return f'{{"value": {value}, "flags": {quote(flags(value, facts.flags))}}}'
        return self.one(field.layout, value)

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
            name = layout.base.names.get(value)
            bits = scalar(layout, value, self.options)[1] if name is None else ""
            named = f', "flags": {quote(bits)}' if bits else ""
            return f'{{"enum": {quote(name)}, "value": {value}{named}}}'
        if layout.category is Category.POINTER:
            return self.pointer(layout, value) + "}"
        return str(int(value))

    def array(self, element: ScalarLayout, values: Sequence[object], elided: int) -> str:
        """Return an array of scalars."""
        items = f"[{', '.join([self.one(element, value) for value in values])}]"
        if elided > 0:
            return f'{{"length": {len(values) + elided}, "first": {items}, "elided": {elided}}}'
        return items

    def pointer(self, layout: ScalarLayout, value: int) -> str:
        """Return a pointer without its closing brace: what it leads to may follow."""
        text = f'{{"pointer": "{value:#x}"'
        base = layout.base
        if isinstance(base, types.Ptr):
            tags = base.btf.type_tags(base.type_id)
            if tags:
                text += f', "tags": {quote(list(tags))}'
        if not value:
            return text
        symbol = self.options.symbolize(value)
        if symbol is not None:
            text += f', "symbol": {quote(symbol)}'
        if is_string_pointer(layout):
            string = self.options.string_at(value)
            if string is not None:
                text += f', "string": {quote(string)}'
        return text


def _inner(field: Field) -> list[Field]:
    assert isinstance(field.value, list)
    return [inner for inner in field.value if isinstance(inner, Field)]


def array_of_structs(length: int, elements: str, elided: int) -> str:
    """Return an array of structs or of arrays, whose elements that are not zero are given."""
    cut = f', "elided": {elided}' if elided > 0 else ""
    return f'{{"length": {length}, "at": {{{elements}}}{cut}}}'


def empty_list(layout: Layout, facts: Any) -> str:
    """Return a list that leads to itself; an empty container, if its element type is known."""
    text = f'{{"type": {quote(str(layout.type))}, "empty": true'
    if facts is not None and facts.expansion is not None:
        text += f', {expansion_of(facts.expansion)}, "elements": []'
    return text + "}"


def expansion_of(expansion: Any) -> str:
    """Return the keys that say what a container holds, and who told."""
    node = f'"node": {quote(expansion.node)}, ' if expansion.node else ""
    return (
        f'"container": {quote(expansion.head)}, "element": {quote(str(expansion.element))}, '
        f'{node}"provenance": {quote(expansion.provenance)}'
    )


def identity(value: Value, label: str) -> str:
    """Return the keys that name an object: its type, address, and index among its siblings."""
    text = f'"type": {quote(str(value.type_))}, "address": "{value.address_:#x}"'
    if value.key_ is not None:
        return f"{text}, {key_of(value.key_)}"
    return f'{text}, "index": {int(label[1:-1])}' if label.startswith("[") else text


def key_of(key: Key) -> str:
    """Return where an entry is in its container: an index, a range of addresses, or words."""
    if isinstance(key, tuple):
        return f'"range": ["{key[0]:#x}", "{key[1]:#x}"]'
    return f'"index": {key}' if isinstance(key, int) else f'"place": {quote(key)}'


def summary_of(pairs: Iterable[tuple[str, str | int]]) -> str:
    """Return a summary; a string that is no UTF-8 comes with its bytes, as a char array does."""
    found: dict[str, Any] = {
        name: text_of(value.encode("utf-8", "surrogateescape"), len(value) * 4)
        if isinstance(value, str)
        else value
        for name, value in pairs
    }
    return quote(found)


def text_of(data: bytes, limit: int) -> str | dict[str, str]:
    """Return a char array: a string, or with its bytes where those are no clean UTF-8 text."""
    text = data.split(b"\0", 1)[0]
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return {"string": decode_text(text[:limit]), "hex": text.hex()}
    if len(text) > limit:
        return {"string": text[:limit].decode("utf-8", "ignore"), "hex": text.hex()}
    return decoded
