"""Types and bytes decoded, with every reader there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._decode.fields import Decoder, Field, to_python
from btfdump._decode.layout import Layouts

if TYPE_CHECKING:
    from btfdump._btf import BtfBuilder


def layout_of(
    b: BtfBuilder, type_id: int, pointer_size: int = 8, **how: Any
) -> tuple[Layouts, Any]:
    btf = b.parse(pointer_size=pointer_size, **how)
    layouts = Layouts(b.byteorder, pointer_size)
    return layouts, layouts.of(btf.type(type_id))


def python(b: BtfBuilder, type_id: int, data: bytes, pointer_size: int = 8) -> Any:
    """Decode, after checking that Decoder sees the same scalars."""
    layouts, layout = layout_of(b, type_id, pointer_size)
    Decoder(layouts, zero=True).fields(layout, data)
    return to_python(layouts, layout, data)


def plain(fields: list[Field]) -> dict[str, Any]:
    """Fields as a dict, anonymous ones merged into it."""
    found: dict[str, Any] = {}
    for field in fields:
        value: Any = field.value
        if isinstance(value, list) and value and isinstance(value[0], Field):
            value = plain(value)
        if field.name:
            found[field.name] = value
        else:
            found.update(value)
    return found
