"""The sink for fields: compiled code that builds what the reference decoder builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.compiled.emitter import Into, Sink
from btfdump._decode.compiled.plan import plan_of
from btfdump._decode.compiled.source import Source
from btfdump._decode.fields import ALL_ZERO, Field, is_all_zero, means_as_whole
from btfdump._decode.layout import ArrayLayout, Nameless

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._decode.compiled.plan import Plan, PlanStep
    from btfdump._decode.fields import Selection
    from btfdump._decode.layout import Layouts, StructLayout
    from btfdump._decode.scalars import ScalarLayout
    from btfdump._decode.scope import FactsOf


def compile_fields(
    layouts: Layouts,
    facts_of: FactsOf | None,
    layout: StructLayout,
    selection: Selection | None,
    elements: int,
) -> Callable[[bytes], tuple[list[Field], int]]:
    """Return a function from a struct's bytes to (its fields, number of zero members left out).

    It agrees with `Decoder(layouts, facts_of, elements=elements).fields(layout, data, selection)`.
    At most `elements` elements of an array are built. Raises `BtfFormatError` if the type is
    malformed, or nested too deeply to be compiled.
    """
    source = Source(layouts)
    plan = plan_of(layouts, facts_of, layout, selection, elements=elements)
    source.emit("z, o = 0, []")
    FieldsSink(source, plan).emitter.members(plan.steps, Into("o"))
    source.emit(f"return o, z + {len(plan.steps)} - len(o)")
    function: Callable[[bytes], tuple[list[Field], int]] = source.function(
        "fields(d)", f"fields of {layout.type}"
    )
    return function


class FieldsSink(Sink):
    """Appends a `Field` for each member; `z` counts the zero members left out of inner structs."""

    def __init__(self, source: Source, plan: Plan) -> None:
        super().__init__(source, plan)
        source.constants["Field"] = Field

    def scalar(self, step: PlanStep, value: str, into: Into) -> None:
        """Append a field for a scalar or bit field."""
        bits = f", {step.member.bit_size}" if step.is_bits and step.member else ""
        self.emit(f"{into.out}.append({self._field(step, value, into)}{bits}))")

    def string(self, step: PlanStep, into: Into) -> None:
        """Append a field that holds the bytes of a char array."""
        value = into.bytes_(step.offset, step.offset + step.layout.size)
        self.emit(f"{into.out}.append({self._field(step, value, into)}))")

    def scalars(self, step: PlanStep, element: ScalarLayout, into: Into) -> None:
        """Append a field for an array of scalars."""
        value, elided = self.emitter.read_many(step, element, into)
        self._append_array(step, value, elided, into)

    def array(self, step: PlanStep, into: Into) -> None:
        """Append a field for an array of structs or of arrays."""
        found = self.source.variable("o")
        self.emit(f"{found} = []")
        with self.emitter.elements(step, into._replace(out=found)) as (each, elided):
            for element in step.inner:
                self.compound(element, each)
        self._append_array(step, found, elided, into)

    def struct(self, step: PlanStep, into: Into) -> None:
        """Append a field for a struct or union."""
        found = self.source.variable("o")
        self.emit(f"{found} = []")
        self.emitter.members(step.inner, Into(found, into.base))
        self.emit(f"z += {len(step.inner)} - len({found})")
        field = f"{self._field(step, found, into)}{self._told(step, found)}{_whole(step, into)}"
        self.emit(f"{into.out}.append({field}))")

    def _append_array(self, step: PlanStep, value: str, elided: str, into: Into) -> None:
        more = "" if elided == "0" else f", elided={elided}"
        field = f"{self._field(step, value, into)}{more}{self._told(step, value, elided)}"
        is_plain = isinstance(step.layout, ArrayLayout) and not step.inner
        self.emit(f"{into.out}.append({field}{_whole(step, into) if is_plain else ''}))")

    def _told(self, step: PlanStep, value: str, elided: str = "0") -> str:
        """Return the argument for a remark, if one may be needed, that all in a member is zero."""
        if not (step.is_named and value.isidentifier() and is_all_zero(step.layout, [], 0)):
            return ""
        shown = value if elided == "0" else f"{value} or {elided}"
        return f", remark='' if {shown} else {ALL_ZERO!r}"

    def _field(self, step: PlanStep, value: str, into: Into) -> str:
        """Return the beginning of a call of Field(), up to but not including the facts."""
        name = f'f"[{{{into.element}}}]"' if into.element else repr(step.name)
        if isinstance(step.name, Nameless) and not into.element:
            name = self.source.constant("M", step.name)
        layout = self.source.constant("T", step.layout)
        facts = "None" if step.facts is None else self.source.constant("A", step.facts)
        return f"Field({name}, {layout}, {into.at(step.offset)}, {value}, {facts}"


def _whole(step: PlanStep, into: Into) -> str:
    """Return the argument for the bytes of a member that mean something as a whole."""
    if not means_as_whole(step.layout, step.facts):
        return ""
    return f", data={into.bytes_(step.offset, step.offset + step.layout.size)}"
