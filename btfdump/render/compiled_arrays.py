"""What generated text functions call for arrays: characters, scalars, and elements on lines."""

from __future__ import annotations

from struct import Struct as Packer
from typing import TYPE_CHECKING

from btfdump.decode.compiled.projection import CODES, is_unpackable
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout
from btfdump.render.escape import quoted_bytes
from btfdump.render.scalar import LARGE, array_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump.render import Options

ELEMENTS = 64
"""Elements shown of each array."""


def is_inline(layout: ArrayLayout) -> bool:
    """Whether an array is text on one line: characters, or scalars."""
    return layout.is_text or isinstance(layout.element, ScalarLayout)


def array_formatter(
    layout: ArrayLayout, options: Options, mark: str
) -> Callable[[bytes, int], str]:
    """Return a function from (bytes, offset) to the text of an array that is inline.

    The text is that of scalar.text() and scalar.array_text(). `mark` is struct's byte order.
    """
    element, size = layout.element, layout.size
    if layout.is_text:
        limit = options.string
        return lambda data, at: quoted_bytes(data[at : at + size], limit)
    assert isinstance(element, ScalarLayout)
    shown = min(layout.length, ELEMENTS)
    elided = layout.length - shown
    is_int = element.category is Category.INT
    if is_int and element.size == 1 and shown > 4:
        more = _more(elided)
        return lambda data, at: f"{{ {data[at : at + shown].hex(' ')} }}{more}"
    if not is_unpackable(element):
        step, decode = element.size, element.decode

        def decoded(data: bytes, at: int) -> str:
            values = [decode(data, at + i * step) for i in range(shown)]
            return array_text(values, elided, element, options)

        return decoded
    if is_int:
        return _integer_formatter(element, shown, elided, mark)
    unpack = Packer(f"{mark}{shown}{CODES[element.size, element.is_signed]}").unpack_from
    return lambda data, at: array_text(unpack(data, at), elided, element, options)


def _integer_formatter(
    element: ScalarLayout, shown: int, elided: int, mark: str
) -> Callable[[bytes, int], str]:
    unpack = Packer(f"{mark}{shown}{CODES[element.size, element.is_signed]}").unpack_from
    text: Callable[[int], str] = str if element.size <= 4 else _long
    more = _more(elided)

    def integers(data: bytes, at: int) -> str:
        values = unpack(data, at)
        items: Iterable[str]
        if shown > 8 and values.count(0) * 2 > shown:
            items = [f"[{i}] = {text(value)}" for i, value in enumerate(values) if value]
        else:
            items = map(text, values)
        return f"{{ {', '.join(items)} }}{more}"

    return integers


def _more(elided: int) -> str:
    return f" /* {elided} more */" if elided else ""


def _long(value: int) -> str:
    return str(value) if value < LARGE else hex(value)


def write_elements(
    data: bytes,
    at: int,
    lines: list[str],
    write: Callable[[bytes, int, int, list[str]], None],
    *,
    count: int,
    size: int,
    zero: bool,
    indent: str,
) -> None:
    """Write the elements of an array of structs, at most as many as the reference does.

    `write` takes the bytes, the offset of an element in them, its index, and `lines`.
    """
    zeros = bytes(size)
    shown = 0
    for i in range(count):
        where = at + i * size
        if not zero and data[where : where + size] == zeros:
            continue
        if shown >= min(count, ELEMENTS):
            lines.append(f"{indent}/* {count - i} more (--elements) */")
            break
        write(data, where, i, lines)
        shown += 1
