"""Keys in expressions: the entries of whatever has some, their keys, and texts for both."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._kernel.computed import integer
from btfdump._kernel.expression import excerpt
from btfdump._kernel.value import Value
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Operand: TypeAlias = "Value | int | str"


def entries_of(value: Value, told: str) -> Iterator[tuple[object, Value, bool]]:
    """Yield the key and the value of each entry, and whether it is an element of a BPF map.

    These are the elements of an array, the entries of a container, the elements of a map. `told` is
    what errors say first. Raises `ExpressionError` for what has none, and what `walk_()` raises.
    """
    items = getattr(type(value), "items_", None)
    if items is not None:
        for key, element in items(value):
            yield key, element, True
        return
    facts, layout = value.facts_, value._layout_
    is_stated = facts is not None and (facts.is_container or facts.length is not None)
    if isinstance(layout, ArrayLayout) and not is_stated:
        for number in range(layout.length):
            yield number, value[number], False
        return
    if isinstance(layout, ScalarLayout) and not is_stated:
        raise ExpressionError(f"{told}: nothing says that {value.type_} has entries")
    for entry in value.walk_():
        yield entry.key_, entry, False


def label_of(key: object, position: int) -> object:
    """Return what stands in brackets for an entry: its key, or its position if it has none.

    Returns None for a key that cannot be said there, as a struct.
    """
    if isinstance(key, tuple):
        return f"{key[0]:#x}"
    if not isinstance(key, Value):
        return position if key is None else key
    try:
        plain = key.value_()
    except BtfdumpError:
        return None
    if isinstance(plain, str):
        return f'"{plain}"'
    return plain if isinstance(plain, int) else None


def at_key(value: Value, key: Operand, told: str) -> Value:
    """Return what an index, a CPU or a key leads to; raises `IndexError`."""
    if isinstance(key, Value) and isinstance(key._layout_, ScalarLayout):
        key = integer(key)
    if isinstance(key, int):
        return value[key]
    if isinstance(key, Value):
        key = texts_of(key, told)[0]
    for found, entry, _ in entries_of(value, told):
        if found == key or (isinstance(found, Value) and key in _texts(found)):
            return entry
    raise IndexError(f'no entry has the key "{excerpt(key)}"')


def texts_of(value: Operand, told: str) -> list[str]:
    """Return the texts that a value may be compared with; raises `ExpressionError` if none can be.

    They are its string, the name of its enumerator, and what it means by annotations.
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, int):
        raise ExpressionError(f"{told}: a number is compared with a text")
    if not isinstance(value._layout_, ScalarLayout | ArrayLayout):
        raise ExpressionError(f"{told}: {value.type_} is compared with a text")
    return _texts(value)


def _texts(value: Value) -> list[str]:
    layout = value._layout_
    if value.is_pointer_ or (isinstance(layout, ArrayLayout) and layout.element.size == 1):
        return [value.string_()]
    if not isinstance(layout, ScalarLayout):
        return []
    found = [value.meaning_()]
    with suppress(TypeError):  # no enum
        found.append(value.enumerator_() or "")
    return [text for text in found if text]
