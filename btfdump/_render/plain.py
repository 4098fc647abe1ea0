"""One object as text, following no pointers: the counterpart of drgn's format_(), and as fast.

`reference_text` is the straightforward way, through the same outline as the `text` format.
`Formatter` uses it for the first objects of a type, and compiled code (render/compiled_text.py) for
types that occur often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.facts import StructFacts
from btfdump._decode.compiled.source import HOT
from btfdump._decode.fields import Decoder
from btfdump._decode.holes import without_holes
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._graph.limits import MAX_OBJECT
from btfdump._render import Options
from btfdump._render.compiled_text import ELEMENTS, compile_text
from btfdump._render.escape import printable
from btfdump._render.outline import Outline
from btfdump._render.scalar import is_told
from btfdump._render.text import TextPainter
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._decode.layout import Layout, Layouts
    from btfdump._decode.scope import FactsOf


def reference_text(
    layouts: Layouts,
    layout: Layout,
    data: bytes,
    *,
    zero: bool = False,
    facts_of: FactsOf | None = None,
) -> str:
    """Return the object in `data` as the `text` format writes it, without symbols.

    `facts_of` tells what annotations state about scalars. If there are fewer bytes than the type
    has, what would lie in the others is left out. Raises `BtfFormatError` if the type is malformed.
    """
    if layout.size > MAX_OBJECT:
        raise BtfFormatError(0, f"{layout.size} bytes are too large to be real")
    decoder = Decoder(layouts, facts_of, zero=zero, elements=ELEMENTS)
    fields = decoder.fields(layout, data.ljust(layout.size, b"\0"))
    if isinstance(layout, ArrayLayout) and layout.size and fields[0].value == []:
        return f"({printable(str(layout.type))}){{}} /* all zero */"
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


class ScalarFacts:
    """What annotations state about the scalars of a kernel's structs; `facts_of` knows it all.

    Nothing is followed here, so that what is behind a member does not matter.
    """

    def __init__(self, facts_of: Callable[[StructLayout], StructFacts]) -> None:
        self._facts_of = facts_of
        self._known: dict[StructLayout, StructFacts] = {}

    def __call__(self, layout: StructLayout, /) -> StructFacts:
        """Return what is known about the struct."""
        known = self._known.get(layout)
        if known is None:
            facts = self._facts_of(layout)
            told = {index: one for index, one in facts.members.items() if is_told(one)}
            known = self._known[layout] = StructFacts(told, facts.paths)
        return known


class Formatter:
    """Formats objects of one kernel; compiles code for types that occur often."""

    def __init__(self, layouts: Layouts, facts_of: FactsOf | None = None) -> None:
        self._layouts = layouts
        self._facts_of = facts_of
        self._counts: dict[tuple[Layout, bool], int] = {}
        self._compiled: dict[tuple[Layout, bool], Callable[[bytes], str] | None] = {}

    def text(self, layout: Layout, data: bytes, *, zero: bool = False) -> str:
        """Return the object in `data` as text; `zero` shows zero members too.

        There may be fewer bytes than the type has: see `reference_text()`. Raises `BtfFormatError`
        if the type is malformed.
        """
        if len(data) < layout.size:
            return self._reference(layout, data, zero)
        key = (layout, zero)
        compiled = self._compiled.get(key)
        if compiled is None and key not in self._compiled:
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count >= HOT and isinstance(layout, StructLayout):
                compiled = self._compiled[key] = self._compile(layout, zero)
        if compiled is not None:
            return compiled(data)
        return self._reference(layout, data, zero)

    def _reference(self, layout: Layout, data: bytes, zero: bool) -> str:
        return reference_text(self._layouts, layout, data, zero=zero, facts_of=self._facts_of)

    def _compile(self, layout: StructLayout, zero: bool) -> Callable[[bytes], str] | None:
        """Return compiled code, or None if it cannot be made; the reference reports errors."""
        try:
            return compile_text(self._layouts, layout, zero=zero, facts_of=self._facts_of)
        except BtfFormatError:
            return None

    def is_compiled(self, layout: Layout, *, zero: bool = False) -> bool:
        """Whether objects of this layout are formatted by compiled code by now."""
        return self._compiled.get((layout, zero)) is not None
