"""Layout + facts -> plan: what the reference reader decides for a type, decided once.

A plan is a tree of steps, one for each member that may be shown, for generated code to be made of.
`interp.Decoder` is what it must agree with: which members are shown though they are zero, what is
known of each of them, how many bytes tell that one is zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from btfdump.decode.compiled.projection import is_unpackable
from btfdump.decode.fields import Budget
from btfdump.decode.layout import ArrayLayout, MemberLayout, ScalarLayout, StructLayout
from btfdump.decode.scope import Scope
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from btfdump.decode.fields import Selection
    from btfdump.decode.layout import Layout, Layouts
    from btfdump.decode.scope import FactsOf, Stated

MAX_LEVELS = 12
"""Structs and arrays inside each other: generated code stays far below what Python's parser takes.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One member, or the element of an array (`name` is "" then).

    `offset` counts from the start of the object, or of the array element, that the step is part of.
    The first `tested` bytes are zero if the member is; 0: it counts as zero whatever they hold.
    `is_wanted`: it is shown even then. `around` are the names of the members around it.
    """

    name: str
    layout: Layout
    offset: int
    facts: Any
    tested: int
    is_wanted: bool
    around: tuple[str, ...]
    selection: Selection | None
    member: MemberLayout | None = None
    inner: tuple[Step, ...] = ()

    @property
    def is_bits(self) -> bool:
        """Whether this is a bit field."""
        return self.member is not None and self.member.bit_size > 0

    @property
    def bit_offset(self) -> int:
        """Where a bit field starts, in bits, from where `offset` counts from."""
        assert self.member is not None
        return self.offset * 8 + self.member.bit_offset - self.member.offset * 8

    @property
    def is_plain(self) -> bool:
        """Whether struct.unpack() reads all of it."""
        if self.is_bits or not is_unpackable(self.layout):
            return False
        return self.is_wanted or self.tested == self.layout.size


class Planner:
    """Makes the plan of one type."""

    def __init__(self, layouts: Layouts, facts_of: FactsOf | None, layout: StructLayout) -> None:
        self._layouts = layouts
        self._facts_of = facts_of
        self._budget = Budget(layout.size)
        self._layout = layout

    def steps(self, selection: Selection | None) -> tuple[Step, ...]:
        """Return a step for each member that may be shown; `selection` as the decoder takes it.

        Raises `BtfFormatError` for a type that makes no sense or is nested too deep to be compiled.
        """
        return self._members(self._layout, 0, selection, (), (), 0)

    def _members(
        self,
        layout: StructLayout,
        at: int,
        selection: Selection | None,
        stated: Stated,
        around: tuple[str, ...],
        level: int,
    ) -> tuple[Step, ...]:
        self._budget.spend(layout, level)
        if level > MAX_LEVELS:
            raise BtfFormatError(0, f"{layout.type} is nested too deep to be compiled")
        scope = Scope(self._facts_of(layout) if self._facts_of is not None else None, stated)
        steps = []
        for index, member in enumerate(layout.members):
            name = member.name
            if selection and name and name not in selection:
                continue
            is_wanted = bool(selection and name)
            inner = self._layouts.of_member(member, layout)
            own = scope.own.get(index)
            step = Step(
                name=name,
                layout=inner,
                offset=at + member.offset,
                facts=scope.of(index, name),
                tested=inner.size if own is not None else min(inner.size, member.extent),
                is_wanted=is_wanted or (own is not None and not inner.size),
                around=around,
                selection=selection[name] if selection and name else selection,
                member=member,
            )
            steps.append(self._with_inner(step, scope.inside(name), level))
        return tuple(steps)

    def _with_inner(
        self,
        step: Step,
        stated: Stated,
        level: int,
    ) -> Step:
        """Return a step with those for what is inside it."""
        layout = step.layout
        around = (*step.around, step.name) if step.name else step.around
        if isinstance(layout, StructLayout):
            inner = self._members(layout, step.offset, step.selection, stated, around, level + 1)
            return replace(step, inner=inner)
        if isinstance(layout, ScalarLayout) or layout.is_text:
            return step
        if not layout.element.size or isinstance(layout.element, ScalarLayout):
            return step
        element = Step(
            name="",
            layout=layout.element,
            offset=0,
            facts=step.facts,
            tested=layout.element.size,
            is_wanted=False,
            around=around,
            selection=step.selection,
        )
        return replace(step, inner=(self._with_inner(element, stated, level + 1),))


def is_text(step: Step) -> bool:
    """Whether an array is shown as characters: by its type, or because an annotation says so."""
    layout = step.layout
    assert isinstance(layout, ArrayLayout)
    facts = step.facts
    return layout.is_text or (facts is not None and facts.is_string and layout.element.size == 1)
