"""Readers of many objects: compiled code in place of the reference decoder for hot types.

A reader is made for one run, a number of roots shown one after the other, and handed to
`traverse()` for each of them. It leaves alone what comes once or twice: compiling costs what some
fifteen objects take to decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump.decode.compiled.projection import HOT
from btfdump.errors import BtfFormatError
from btfdump.graph.summaries import Summaries

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from btfdump.btf import types
    from btfdump.decode.fields import Selection
    from btfdump.decode.layout import StructLayout
    from btfdump.graph.events import Enter
    from btfdump.graph.limits import Limits
    from btfdump.kernel.context import Context

    Known: TypeAlias = Container[tuple[int, types.Type]]
    """Objects that have been shown: pointers to them lead somewhere."""
    Fill: TypeAlias = Callable[[Enter, Known], None]


class Reader:
    """Reads objects into `Enter.fields`, as the reference decoder does.

    `summaries` are remembered from one root to the next, until `forget()`.
    """

    def __init__(self, context: Context, limits: Limits) -> None:
        self.context = context
        self.limits = limits
        self.summaries = Summaries(context, limits.string)
        self._counts: dict[tuple[StructLayout, int], int] = {}
        self._compiled: dict[tuple[StructLayout, int], Fill | None] = {}
        # Selections are told apart by identity: they must not be freed while they are keys.
        self._selections: list[Selection | None] = []

    def forget(self) -> None:
        """Forget what was read, not what was compiled: for memory that has changed since."""
        self.summaries.forget()

    def read(
        self, enter: Enter, layout: StructLayout, selection: Selection | None, known: Known
    ) -> bool:
        """Fill in an object of a type that is hot; whether it was. Raises `FaultError`."""
        key = layout, id(selection)
        if key in self._compiled:
            fill = self._compiled[key]
        else:
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count == 1:
                self._selections.append(selection)
            if count < HOT:
                return False
            try:
                fill = self._compiled[key] = self.compile(layout, selection)
            except BtfFormatError:  # the decoder says what is wrong
                fill = self._compiled[key] = None
        if fill is None:
            return False
        fill(enter, known)
        return True

    def compile(self, layout: StructLayout, selection: Selection | None) -> Fill:
        """Return a function that reads an object of this type, of which that much is wanted.

        Raises `BtfFormatError`.
        """
        from btfdump.decode.compiled.fields import compile_fields

        elements = self.limits.elements
        context = self.context
        fields = compile_fields(context.layouts, context.facts, layout, selection, elements)

        def fill(enter: Enter, known: Known) -> None:
            del known
            enter.fields, enter.skipped = fields(enter.value.bytes_())

        return fill
