"""Labels of entries: an index, or what finds the entry in a BPF map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.events import MapKey
from btfdump._render.escape import printable
from btfdump._render.outline import children
from btfdump._render.scalar import array, field_scalar, summary, text

if TYPE_CHECKING:
    from btfdump._decode.fields import Field
    from btfdump._graph.events import Holds, Label
    from btfdump._render import Options

MAX_KEY = 160
"""The most characters of a key that are shown in a line."""


def label_text(label: Label, options: Options) -> str:
    """Return a label on one line, escaped: `[3]`, `[{ .id = 7, .port = 80 }]`; "" for none."""
    if isinstance(label, str):
        return printable(label)
    if label.owner is not None:
        words = summary(label.summary)
        type_ = printable(str(label.owner.type_))
        return f"[{type_} {label.owner.address_:#x}{' ' if words else ''}{words}]"
    if label.key is None:
        return f"[{label.position}]"
    key = compact(label.key, options)
    return f"[{key[: MAX_KEY - 3]}...]" if len(key) > MAX_KEY else f"[{key}]"


def remark_text(label: Label) -> str:
    """Return the remark that accompanies a label: the CPU of a per-CPU copy, and any other."""
    if not isinstance(label, MapKey):
        return ""
    parts = [f"cpu {label.cpu}"] if label.cpu is not None else []
    return ", ".join([*parts, printable(label.remark)] if label.remark else parts)


def holds_text(holds: Holds, count: int | None) -> str:
    """Describe what a map holds: `hash, 7 elements: struct conf_key -> struct conf_val`."""
    one, more = ("copy", f"copies on {holds.cpus} CPUs") if holds.cpus else ("element", "elements")
    if count is None and holds.entries is not None:
        count = holds.entries * max(holds.cpus, 1)
    number = f"many {more}" if count is None else f"{count} {one if count == 1 else more}"
    types = " -> ".join(printable(name) for name in (holds.key, holds.value) if name)
    return f"{printable(holds.kind)}, {number}{f': {types}' if types else ''}"


def compact(field: Field, options: Options) -> str:
    """Return a field with everything inside it as a C initialiser on one line."""
    layout = field.layout
    if isinstance(layout, ScalarLayout):
        return field_scalar(field, options)[0]
    if isinstance(field.value, bytes):
        return text(field.value, options)
    if isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
        return array(field, layout.element, options)
    parts = []
    for inner in children(field):
        name = inner.name if inner.name.startswith("[") else f".{printable(inner.name)}"
        value = compact(inner, options)
        parts.append(f"{name} = {value}" if inner.name else value)
    return f"{{ {', '.join(parts)} }}"
