"""`json` and `jsonl`: one schema, described in docs/formats.md and docs/json-schema.json.

`json` is one document with every root in it, `jsonl` one line for each. Addresses are strings (they
do not fit a JavaScript number); integers are JSON integers of any size. Output is ASCII: control
characters, invalid UTF-8 and everything else that could act on a terminal are escaped.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from btfdump.btf import types
from btfdump.errors import ExpressionError
from btfdump.events import Close, Enter, Exit, Group, Note, Number, Open, Seen
from btfdump.interp import EMPTY_LIST, Field, decode_text
from btfdump.layout import ArrayLayout, Category, ScalarLayout
from btfdump.render import Options, Root, renderer
from btfdump.render.scalar import flags, is_string_pointer, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump.events import Event
    from btfdump.value import Value
    from btfdump.walk import Key


@renderer("json")
def render_json(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """Yield one document: {"kernel", "source", "roots": [...]}."""
    head = json.dumps({"kernel": options.release, "source": options.source}, indent=2)
    yield head.removesuffix("\n}") + ',\n  "roots": ['
    separator = "\n"
    for root in roots:
        text = _dumps(_document(root, options), indent=2)
        yield separator + "    " + text.replace("\n", "\n    ")
        separator = ",\n"
    yield ("]" if separator == "\n" else "\n  ]") + "\n}\n"


@renderer("jsonl")
def render_jsonl(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """Yield one line for each root."""
    for root in roots:
        yield _dumps(_document(root, options)) + "\n"


def _dumps(document: dict[str, Any], indent: int | None = None) -> str:
    try:
        return json.dumps(document, indent=indent, allow_nan=False)
    except RecursionError:  # only with Limits.nesting far beyond its default
        raise ExpressionError(
            "objects are nested too deep for JSON: lower Limits.nesting"
        ) from None


def _document(root: Root, options: Options) -> dict[str, Any]:
    builder = _Builder(options)
    for event in root.events:
        builder.add(event)
    document = builder.result
    return {"name": root.name, **document} if root.name else document


class _Builder:
    """Builds one root. `places` holds, for each thing that is open, where its parts go."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.result: dict[str, Any] = {}
        self.places: list[dict[str, Any]] = []
        self.fields: dict[int, tuple[dict[str, Any] | list[Any], str | int]] = {}

    def add(self, event: Event) -> None:
        if isinstance(event, Enter):
            self.enter(event)
        elif isinstance(event, Exit | Close):
            place = self.places.pop()
            if isinstance(event, Close) and "elements" in place:
                place["shown"] = event.shown
                place["count"] = event.total
        elif isinstance(event, Open):
            self.open(event)
        elif isinstance(event, Seen):
            self.place(
                identity(event.value, event.label)
                | ({"summary": summary_of(event.summary)} if event.summary else {})
                | {"seen": True, "cycle": event.is_cycle}
            )
        elif isinstance(event, Number):
            entry = event.entry
            self.place({"value": entry.value, "entry": entry.meaning} | key_of(entry.key))
        elif isinstance(event, Note):
            note: dict[str, Any] = {"text": event.text}
            if event.address is not None:
                note["address"] = f"{event.address:#x}"
            (self.places[-1] if self.places else self.result).setdefault("notes", []).append(note)

    def place(self, thing: dict[str, Any]) -> dict[str, Any]:
        """Put an object where it belongs: below a pointer, among elements, or at the root."""
        if not self.places:
            self.result.update(thing)
            return self.result
        holder = self.places[-1]
        if "elements" in holder:
            holder["elements"].append(thing)
        else:
            holder["target"] = thing
        return thing

    def enter(self, event: Enter) -> None:
        thing = identity(event.value, event.label)
        if event.summary:
            thing["summary"] = summary_of(event.summary)
        if event.brief:
            thing["brief"] = True
        elif event.is_bare:
            thing["value"] = self.value(event.fields[0])
        else:
            thing["members"] = self.members(event.fields)
            thing["zero_members"] = event.skipped
        self.places.append(self.place(thing))

    def open(self, event: Open) -> None:
        if event.field is None:
            self.result.update(self.group(event))
            self.places.append(self.result)
            return
        holder, key = self.fields.pop(id(event.field), ({}, ""))
        if event.behind is Group.POINTER:
            place = self.scalar(event.field)
            if event.provenance:
                place["provenance"] = event.provenance
        elif event.behind is Group.NOTE:
            slot, event.field.slot = event.field.slot, None
            place = {"value": self.value(event.field)}
            event.field.slot = slot
        elif isinstance(event.field.layout, ScalarLayout):  # an array behind a pointer
            place = self.scalar(event.field) | {"provenance": event.provenance, "elements": []}
        else:
            place = self.group(event)
        if not isinstance(place, dict):
            place = {"value": place}
        holder[key] = place  # type: ignore[index]
        self.places.append(place)

    def group(self, event: Open) -> dict[str, Any]:
        value = event.value
        group: dict[str, Any] = {"type": str(value.type_), "address": f"{value.address_:#x}"}
        expansion = event.expansion
        if expansion is not None:
            group |= {
                "container": expansion.head,
                "element": str(expansion.element),
                **({"node": expansion.node} if expansion.node else {}),
                "provenance": expansion.provenance,
            }
        return group | {"elements": []}

    # Values

    def members(self, fields: list[Field]) -> dict[str, Any]:
        """Return members by name; anonymous ones give theirs to the struct around, as in C."""
        found: dict[str, Any] = {}
        for field in fields:
            if not field.name and not isinstance(field.layout, ScalarLayout | ArrayLayout):
                found.update(self.members([f for f in field.value if isinstance(f, Field)]))  # type: ignore[union-attr]
                self.adopt(field, found)
            elif field.slot is not None:
                found[field.name] = None
                self.fields[id(field)] = (found, field.name)
            elif field.elided == EMPTY_LIST:
                found[field.name] = empty_list(field)
            else:
                found[field.name] = self.value(field)
        return found

    def adopt(self, field: Field, found: dict[str, Any]) -> None:
        """Let groups of an anonymous struct's members be put into the struct around it."""
        for inner in field.value if isinstance(field.value, list) else ():
            if isinstance(inner, Field) and id(inner) in self.fields:
                self.fields[id(inner)] = (found, inner.name)
            elif isinstance(inner, Field) and not inner.name:
                self.adopt(inner, found)

    def value(self, field: Field) -> Any:
        if field.facts is None or not field.facts.is_typed:
            return self.plain(field)
        typed = {"type": str(field.layout.type), "provenance": field.facts.provenance}
        found = self.plain(field)
        if isinstance(found, dict) and "members" in found:
            return typed | found
        return typed | {"value": found}

    def plain(self, field: Field) -> Any:
        """Return a field by its layout, whoever told it."""
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            return self.scalar(field)
        if not isinstance(layout, ArrayLayout):
            parts = [f for f in field.value if isinstance(f, Field)]  # type: ignore[union-attr]
            struct: dict[str, Any] = {"members": self.members(parts)}
            if not field.name.startswith("["):  # an element's type is that of the array around it
                struct = {"type": str(layout.type)} | struct
            return struct
        if isinstance(field.value, bytes):
            return text_of(field.value, self.options.string)
        if isinstance(layout.element, ScalarLayout):
            items = [self.one(layout.element, v) for v in field.value]  # type: ignore[union-attr]
            if field.elided > 0:
                length = len(items) + field.elided
                return {"length": length, "first": items, "elided": field.elided}
            return items
        elements: dict[str, Any] = {}
        for inner in field.value:  # type: ignore[union-attr]
            assert isinstance(inner, Field)
            key = inner.name.strip("[]")
            if inner.slot is not None:
                self.fields[id(inner)] = (elements, key)
                elements[key] = None
            else:
                elements[key] = self.value(inner)
        result = {"length": layout.length, "at": elements}
        if field.elided > 0:
            result["elided"] = field.elided
        return result

    def scalar(self, field: Field) -> Any:
        assert isinstance(field.layout, ScalarLayout)
        if field.facts is not None and field.facts.flags and isinstance(field.value, int):
            return {"value": field.value, "flags": flags(field.value, field.facts.flags)}
        return self.one(field.layout, field.value)

    def one(self, layout: ScalarLayout, value: object) -> Any:
        """Return a scalar: a number, a bool, {"pointer"}, {"enum"}, {"hex"} or {"float"}."""
        if isinstance(value, bytes):
            return {"hex": value.hex()}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if not isinstance(value, int):
            return None
        if layout.category is Category.BOOL and value in (0, 1):
            return bool(value)
        if layout.category is Category.ENUM and isinstance(layout.base, types.Enum | types.Enum64):
            name = layout.base.names.get(value)
            bits = scalar(layout, value, self.options)[1] if name is None else ""
            return {"enum": name, "value": value} | ({"flags": bits} if bits else {})
        if layout.category is Category.POINTER:
            return self.pointer(layout, value)
        return value

    def pointer(self, layout: ScalarLayout, value: int) -> dict[str, Any]:
        pointer: dict[str, Any] = {"pointer": f"{value:#x}"}
        base = layout.base
        if isinstance(base, types.Ptr):
            tags = base.btf.type_tags(base.type_id)
            if tags:
                pointer["tags"] = list(tags)
        symbol = self.options.symbolize(value) if value else None
        if symbol is not None:
            pointer["symbol"] = symbol
        if value and is_string_pointer(layout):
            string = self.options.string_at(value)
            if string is not None:
                pointer["string"] = string
        return pointer


def empty_list(field: Field) -> dict[str, Any]:
    """Return a list that leads to itself; an empty container, if its element type is known."""
    facts = field.facts
    found: dict[str, Any] = {"type": str(field.layout.type), "empty": True}
    if facts is not None and facts.expansion is not None:
        expansion = facts.expansion
        found |= {
            "container": expansion.head,
            "element": str(expansion.element),
            "node": expansion.node,
            "provenance": expansion.provenance,
            "elements": [],
        }
    return found


def summary_of(pairs: Iterable[tuple[str, str | int]]) -> dict[str, Any]:
    """Return a summary; a string that is no UTF-8 comes with its bytes, as a char array does."""
    return {
        name: text_of(value.encode("utf-8", "surrogateescape"), len(value) * 4)
        if isinstance(value, str)
        else value
        for name, value in pairs
    }


def identity(value: Value, label: str) -> dict[str, Any]:
    """Return what names an object: its type, address, and index among its siblings."""
    thing: dict[str, Any] = {"type": str(value.type_), "address": f"{value.address_:#x}"}
    if value.key_ is not None:
        thing |= key_of(value.key_)
    elif label.startswith("["):
        thing["index"] = int(label[1:-1])
    return thing


def key_of(key: Key) -> dict[str, Any]:
    """Return where an entry is in its container: an index, a range of addresses, or words."""
    if isinstance(key, tuple):
        return {"range": [f"{key[0]:#x}", f"{key[1]:#x}"]}
    return {"index": key} if isinstance(key, int) else {"place": key}


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
