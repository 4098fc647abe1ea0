"""Readers of many objects: compiled code instead of the reference decoder for hot types.

A reader is made for one run, a number of roots shown one after another, and passed to `traverse()`
for each of them. It leaves types that occur only a few times to the decoder: compiling costs as
much as decoding some fifteen objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._decode.compiled.source import HOT
from btfdump._graph.summaries import Summaries
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._decode.fields import Field, Selection
    from btfdump._decode.layout import Layout, StructLayout
    from btfdump._graph.leads import Known
    from btfdump._graph.limits import Limits
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

    Read: TypeAlias = "Callable[[Value, Known], Decoded]"


class Decoded(NamedTuple):
    """What was decoded of one object.

    `fields` are its members, and `skipped` is the number of zero ones left out. A reader may decode
    only the members that lead on: then `rest` is what it leaves to its renderer, and `around` holds
    the names of the members around each of `fields`.
    """

    fields: Sequence[Field]
    skipped: int = 0
    around: Sequence[tuple[str, ...]] = ()
    rest: object = None


class Reader:
    """Reads objects into fields, as the reference decoder does.

    `summaries` are remembered from one root to the next, until `forget()`.
    """

    def __init__(self, context: Context, limits: Limits) -> None:
        self.context = context
        self.limits = limits
        self.summaries = Summaries(context, limits.string)
        self._counts: dict[tuple[StructLayout, int], int] = {}
        self._compiled: dict[tuple[StructLayout, int], Read | None] = {}
        self.checked: dict[tuple[Layout, int, frozenset[tuple[str, ...]]], Selection | None] = {}
        """The selections whose paths exist in a type; the keys are those of `traverse()`."""
        # Selections are compared by identity: they must not be freed while they are keys.
        self._selections: list[Selection | None] = []

    def forget(self) -> None:
        """Forget what was read, but not what was compiled: for memory that has changed since."""
        self.summaries.forget()

    def read(
        self, value: Value, layout: StructLayout, selection: Selection | None, known: Known
    ) -> Decoded | None:
        """Read an object if its type is hot, else return None.

        `layout` is that of the object, `selection` what to show of it, and `known` holds the
        objects already shown. Raises `FaultError`.
        """
        key = layout, id(selection)
        if key in self._compiled:
            read = self._compiled[key]
        else:
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count == 1:
                self._selections.append(selection)
            if count < HOT:
                return None
            try:
                read = self._compiled[key] = self.compile(layout, selection)
            except BtfFormatError:  # the decoder reports what is wrong
                read = self._compiled[key] = None
        return read(value, known) if read is not None else None

    def compile(self, layout: StructLayout, selection: Selection | None) -> Read:
        """Return a function that reads the `selection` from objects of this type.

        Raises `BtfFormatError` if the type cannot be compiled.
        """
        from btfdump._decode.compiled.fields import compile_fields

        elements = self.limits.elements
        context = self.context
        fields = compile_fields(context.layouts, context.facts, layout, selection, elements)

        def read(value: Value, known: Known) -> Decoded:
            del known
            return Decoded(*fields(value.bytes_()))

        return read
