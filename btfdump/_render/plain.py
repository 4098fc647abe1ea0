"""One object as text, following no pointers: the counterpart of drgn's format_(), and as fast.

`reference_text` is the straightforward way, through the same outline as the `text` format.
`Formatter` uses it for the first objects of a type, and compiled code (render/compiled_text.py) for
types that occur often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.compiled.source import HOT
from btfdump._decode.fields import Decoder
from btfdump._decode.holes import without_holes
from btfdump._decode.layout import StructLayout
from btfdump._graph.limits import MAX_OBJECT
from btfdump._render import Options
from btfdump._render.compiled_text import ELEMENTS, compile_text
from btfdump._render.escape import printable
from btfdump._render.outline import Outline
from btfdump._render.text import TextPainter
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._decode.layout import Layout, Layouts


def reference_text(layouts: Layouts, layout: Layout, data: bytes, *, zero: bool = False) -> str:
    """Return the object in `data` as the `text` format writes it, without symbols.

    If there are fewer bytes than the type has, what would lie in the others is left out. Raises
    `BtfFormatError` if the type is malformed.
    """
    if layout.size > MAX_OBJECT:
        raise BtfFormatError(0, f"{layout.size} bytes are too large to be real")
    decoder = Decoder(layouts, zero=zero, elements=ELEMENTS)
    fields = decoder.fields(layout, data.ljust(layout.size, b"\0"))
    if len(data) < layout.size:
        fields = without_holes(fields, [(len(data), layout.size)])
    painter = TextPainter(Options(zero=zero))
    is_struct = isinstance(layout, StructLayout)
    lines = [
        line
        for item in Outline(keep_empty=zero).body(fields, 1 if is_struct else 0)
        for line in painter.lines(item)
    ]
    if is_struct:
        lines = [f"({printable(str(layout.type))}){{", *lines, "}"]
    return "\n".join(lines)


class Formatter:
    """Formats objects of one kernel; compiles code for types that occur often."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._counts: dict[tuple[Layout, bool], int] = {}
        self._compiled: dict[tuple[Layout, bool], Callable[[bytes], str] | None] = {}

    def text(self, layout: Layout, data: bytes, *, zero: bool = False) -> str:
        """Return the object in `data` as text; `zero` shows zero members too.

        There may be fewer bytes than the type has: see `reference_text()`. Raises `BtfFormatError`
        if the type is malformed.
        """
        if len(data) < layout.size:
            return reference_text(self._layouts, layout, data, zero=zero)
        key = (layout, zero)
        compiled = self._compiled.get(key)
        if compiled is None and key not in self._compiled:
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count >= HOT and isinstance(layout, StructLayout):
                compiled = self._compiled[key] = self._compile(layout, zero)
        if compiled is not None:
            return compiled(data)
        return reference_text(self._layouts, layout, data, zero=zero)

    def _compile(self, layout: StructLayout, zero: bool) -> Callable[[bytes], str] | None:
        """Return compiled code, or None if it cannot be made; the reference reports errors."""
        try:
            return compile_text(self._layouts, layout, zero=zero)
        except BtfFormatError:
            return None

    def is_compiled(self, layout: Layout, *, zero: bool = False) -> bool:
        """Whether objects of this layout are formatted by compiled code by now."""
        return self._compiled.get((layout, zero)) is not None
