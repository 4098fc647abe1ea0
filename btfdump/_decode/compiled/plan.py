"""Layout + facts -> plan: the decisions of the reference reader for a type, made in advance.

A plan is a tree of steps, one for each member that may be shown, from which code is generated. It
must agree with `decode.fields.Decoder` on which members are shown even if they are zero, which
facts apply to each, and how many bytes decide whether one is zero.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._decode.budget import LARGE, Budget
from btfdump._decode.compiled.source import is_unpackable
from btfdump._decode.layout import ArrayLayout, MemberLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._decode.scope import Scope

if TYPE_CHECKING:
    from btfdump._decode.fields import Selection
    from btfdump._decode.layout import Layout, Layouts
    from btfdump._decode.scope import FactsOf, Stated

MAX_STEPS = 1 << 15
"""The most steps of one plan: ten times what the largest struct needs with all it contains."""


class PlanStep(NamedTuple):
    """One member, or the element of an array (`name` is "" then).

    `offset` is in bytes from the start of the object or array element that the step is part of. The
    member is zero if its first `tested` bytes are; with 0, it always counts as zero. If
    `is_wanted`, it is shown even then; `is_named` says that it is selected itself. `around` holds
    the names of the members around it. `number` is unique among the plan's members.
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
    inner: tuple[PlanStep, ...] = ()
    number: int = 0
    is_named: bool = False

    @property
    def is_bits(self) -> bool:
        """Whether this is a bit field."""
        return self.member is not None and self.member.bit_size > 0

    @property
    def bit_offset(self) -> int:
        """The start of a bit field in bits, counted from the same place as `offset`."""
        assert self.member is not None
        return self.offset * 8 + self.member.bit_offset - self.member.offset * 8

    @property
    def is_decided(self) -> bool:
        """Whether all its bytes decide if it is shown: not so where another member overlaps it."""
        return self.is_wanted or self.tested == self.layout.size

    @property
    def is_plain(self) -> bool:
        """Whether struct.unpack() can read the member, and all its bytes decide if it is shown."""
        return not self.is_bits and is_unpackable(self.layout) and self.is_decided


class Plan(NamedTuple):
    """What is shown of the objects of one type, as `steps`.

    `selection` names the members to show, as for the decoder. At most `elements` elements of each
    array are shown; `zero` shows zero members too.
    """

    layout: StructLayout
    selection: Selection | None
    elements: int
    zero: bool
    steps: tuple[PlanStep, ...]


def plan_of(
    layouts: Layouts,
    facts_of: FactsOf | None,
    layout: StructLayout,
    selection: Selection | None = None,
    *,
    elements: int,
    zero: bool = False,
) -> Plan:
    """Return the plan of a type, with a step for each member that may be shown.

    Raises `BtfFormatError` if the type is malformed.
    """
    steps = _Planner(layouts, facts_of, layout, zero).steps(selection)
    return Plan(layout, selection, elements, zero, steps)


class _Planner:
    """Builds the plan of one type."""

    def __init__(
        self, layouts: Layouts, facts_of: FactsOf | None, layout: StructLayout, zero: bool
    ) -> None:
        self._layouts = layouts
        self._facts_of = facts_of
        self._budget = Budget(layout, MAX_STEPS)
        self._layout = layout
        self._zero = zero
        self._next_number = count(1).__next__

    def steps(self, selection: Selection | None) -> tuple[PlanStep, ...]:
        """Return the steps for the members of the type."""
        return self._members(self._layout, 0, selection, (), (), 0)

    def _members(
        self,
        layout: StructLayout,
        at: int,
        selection: Selection | None,
        stated: Stated,
        around: tuple[str, ...],
        level: int,
    ) -> tuple[PlanStep, ...]:
        self._budget.spend(layout, level)
        scope = Scope(self._facts_of(layout) if self._facts_of is not None else None, stated)
        steps = []
        for index, member in enumerate(layout.members):
            name = member.name
            if selection and name and name not in selection:
                continue
            inner = self._layouts.of_member(member, layout)
            if inner.size > LARGE:
                self._budget.hold(layout, inner.size)
            if selection and not name and not isinstance(inner, StructLayout):
                continue
            own = scope.own.get(index)
            step = PlanStep(
                name=name,
                layout=inner,
                offset=at + member.offset,
                facts=scope.of(index, name),
                tested=inner.size if own is not None else min(inner.size, member.extent),
                is_wanted=bool(selection)
                or self._zero
                or (not inner.size and scope.tells(index, name, inner)),
                around=around,
                selection=selection[name] if selection and name else selection,
                member=member,
                number=self._next_number(),
                is_named=bool(selection and name),
            )
            step = self._with_inner(step, scope.inside(name), level)
            if name or not selection or step.inner:  # else nothing in it was selected
                steps.append(step)
        return tuple(steps)

    def _with_inner(
        self,
        step: PlanStep,
        stated: Stated,
        level: int,
    ) -> PlanStep:
        """Return a step with the steps for what it contains."""
        layout = step.layout
        around = (*step.around, step.name) if step.name else step.around
        if isinstance(layout, StructLayout):
            inner = self._members(layout, step.offset, step.selection, stated, around, level + 1)
            return step._replace(inner=inner)
        if isinstance(layout, ScalarLayout) or layout.is_text:
            return step
        if not layout.element.size or isinstance(layout.element, ScalarLayout):
            return step
        element = PlanStep(
            name="",
            layout=layout.element,
            offset=0,
            facts=step.facts,
            tested=layout.element.size,
            is_wanted=self._zero,
            around=around,
            selection=step.selection,
        )
        return step._replace(inner=(self._with_inner(element, stated, level + 1),))


def element_of(step: PlanStep, index: int) -> PlanStep:
    """Return element `index` of an array as a step next to the array's own."""
    layout = step.layout
    assert isinstance(layout, ArrayLayout)
    element = layout.element
    at = step.offset + index * element.size
    if step.inner:
        return _moved(step.inner[0]._replace(name=f"[{index}]"), at)
    return PlanStep(f"[{index}]", element, at, None, element.size, False, step.around, None)


def _moved(step: PlanStep, by: int) -> PlanStep:
    """Return a step moved by `by` bytes; steps inside an array are relative to its elements."""
    inner = step.inner
    if isinstance(step.layout, StructLayout):
        inner = tuple(_moved(each, by) for each in inner)
    return step._replace(offset=step.offset + by, inner=inner)


def is_text(step: PlanStep) -> bool:
    """Whether an array is shown as characters: by its type, or by an annotation."""
    layout = step.layout
    assert isinstance(layout, ArrayLayout)
    facts = step.facts
    return layout.is_text or (facts is not None and facts.is_string and layout.element.size == 1)
