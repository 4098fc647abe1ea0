"""Members of an object that may lead somewhere: chosen once per type, read by compiled code.

What a member may lead to depends on its type and annotations, hardly on the object: a pointer to a
struct, unless it is followed, leads somewhere only if that struct has been shown. A reader of many
objects decodes the few members that may lead on as fields, and leaves the others to the renderer,
which reads them by the same plan.
"""

from __future__ import annotations

from contextlib import nullcontext
from enum import Enum, auto
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types
from btfdump._decode.compiled.emitter import Into, Sink
from btfdump._decode.compiled.fields import FieldsSink
from btfdump._decode.compiled.plan import is_text
from btfdump._decode.compiled.source import CODES, Source
from btfdump._decode.fields import Field
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.pointers import ELSEWHERE, space_of, target_of
from btfdump._walk import FAMILIES
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.compiled.plan import Plan, PlanStep
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context

    Known: TypeAlias = Container[tuple[int, types.Type]]
    """Objects that have been shown, by address and type: pointers to them lead somewhere."""
    Leading: TypeAlias = tuple[list[Field], int, list[tuple[str, ...]], set[int]]
    """(fields that may lead somewhere, how many zero ones were left out inside them, the names of
    the members around each, keys of pointers to what is known, and of lists)"""


class Lead(Enum):
    """Where a member may lead."""

    NOWHERE = auto()
    INSIDE = auto()
    """A struct or array that has members that may lead somewhere."""
    KNOWN = auto()
    """A pointer that leads somewhere if its target is a known object: see `key_of()`."""
    CHOSEN = auto()
    """A pointer whose target has members selected: it is followed unless it is NULL."""
    SOMEWHERE = auto()


class Leads:
    """Decides where the members of one type of object may lead.

    `is_following` says that pointers are followed, as far as a depth limit reaches.
    """

    def __init__(self, context: Context, plan: Plan, *, is_following: bool) -> None:
        self.context = context
        self.plan = plan
        self._is_selected = bool(plan.selection)
        self._is_following = is_following or self._is_selected

    def of(self, step: PlanStep) -> Lead:
        """Return where a member may lead; `step` must not be an array element.

        Raises `BtfFormatError` if an anonymous struct cannot be handled by compiled code.
        """
        layout = step.layout
        if self._is_told(step):
            if not step.name and step.selection:
                raise UnusableBtfError(0, "an anonymous struct, known and selected in, is not read")
            return Lead.SOMEWHERE
        if isinstance(layout, ScalarLayout):
            if step.is_bits or (self.aim(layout) is None and not is_per_cpu(layout)):
                return Lead.NOWHERE
            return Lead.CHOSEN if step.selection and step.is_wanted else Lead.KNOWN
        if isinstance(layout, StructLayout):
            # Even a container that nothing describes has its entries counted.
            is_head = step.name and step.facts is None and layout.base.name in FAMILIES
            return Lead.SOMEWHERE if is_head else Lead.INSIDE
        return self._of_array(step, layout)

    def _of_array(self, step: PlanStep, layout: ArrayLayout) -> Lead:
        element = layout.element
        if is_text(step) or not layout.size:
            return Lead.NOWHERE
        if isinstance(element, ScalarLayout):
            leads = self.aim(element) is not None
            return Lead.SOMEWHERE if leads else Lead.NOWHERE
        is_head = isinstance(element, StructLayout) and element.base.name in FAMILIES
        is_plain = isinstance(element, StructLayout) and (step.facts is not None or not is_head)
        return Lead.INSIDE if is_plain else Lead.SOMEWHERE

    def _is_told(self, step: PlanStep) -> bool:
        """Whether a member's annotations may make it lead somewhere, or require the decoder."""
        facts: MemberFacts | None = step.facts
        if facts is None:
            return False
        # A link leads to all the others in its list: shown only if it is asked for by name.
        is_ring = not self._is_selected and facts.expansion is not None and facts.expansion.is_ring
        return bool(
            (facts.expansion is not None and not is_ring)
            or facts.candidates
            or facts.length is not None
            or facts.typed_by is not None
            or facts.points_to is not None
            or facts.space is not None
            or facts.follow is not None
            or facts.is_string
            or facts.is_stale
            or facts.of_target
            or facts.cases
            or facts.problems
            or (facts.is_meant and _is_pointer(step.layout))
        )

    def target(self, layout: ScalarLayout) -> types.Composite | None:
        """Return the struct in kernel memory that a pointer leads to, or None."""
        aim = self.aim(layout)
        return aim if isinstance(aim, types.Composite) else None

    def aim(self, layout: ScalarLayout) -> types.Composite | types.Fwd | None:
        """Return the same, or the declaration of a struct that may be defined in some module."""
        if space_of(layout, None) in ELSEWHERE:
            return None
        found = target_of(self.context, layout, None, is_followed=self._is_following)
        return found if isinstance(found, types.Composite | types.Fwd) else None

    def is_own(self, target: types.Type) -> bool:
        """Whether a struct is the object's own type, so that a pointer to it may lead back."""
        own = self.plan.layout.type
        return target is own.btf.skip_modifiers(own)

    def is_known(self, step: PlanStep) -> bool:
        """Whether a member is a pointer that leads to what is known, or nowhere."""
        return isinstance(step.layout, ScalarLayout) and self.of(step) is Lead.KNOWN

    def is_list(self, step: PlanStep, into: Into) -> bool:
        """Whether this is an ordinary list_head with nothing selected in it.

        If it points to itself, it leads nowhere whatever annotations state; this also holds for the
        members of such an array element.
        """
        layout = step.layout
        if not isinstance(layout, StructLayout) or layout.base.name != "list_head":
            return False
        facts = step.facts
        is_told = facts is not None and (facts.problems or facts.cases)  # shown though it is empty
        if not into.element and (not step.name or is_told):
            return False
        width = self.context.layouts.pointer_size
        spots = [(inner.offset - step.offset, inner.is_plain) for inner in step.inner]
        return (
            spots == [(0, True), (width, True)]
            and not step.selection
            and all(
                inner.layout.category is Category.POINTER
                for inner in step.inner
                if isinstance(inner.layout, ScalarLayout)
            )
        )


def _is_pointer(layout: Layout) -> bool:
    return isinstance(layout, ScalarLayout) and layout.category is Category.POINTER


def compile_leads(leads: Leads) -> Callable[[bytes, int, Known], Leading]:
    """Return a function (object's bytes, its virtual address, known objects) -> `Leading`.

    Raises `BtfFormatError` if the type is nested too deeply to be compiled.
    """
    plan = leads.plan
    source = Source(leads.context.layouts)
    source.emit("z, f, n, k = 0, [], [], set()")
    sink = _LeadsSink(source, leads)
    sink.members(sink.leading(plan.steps), Into("f"))
    source.emit("return f, z, n, k")
    function: Callable[[bytes, int, Known], Leading] = source.function(
        "leads(d, a, S)", f"what leads on from {plan.layout.type}"
    )
    return function


def key_of(step: PlanStep, into: Into) -> str:
    """Return an expression for a number that identifies a member within the object."""
    return into.at((step.number << 32) + step.offset)


def is_empty_list(source: Source, step: PlanStep, into: Into) -> str:
    """Write code that sets `p` to a list_head's address; return the test for an empty list."""
    width = source.layouts.pointer_size
    start = into.at(step.offset)
    source.emit(f"p = (a + {start}) & {(1 << width * 8) - 1:#x}")
    return f"{source.unpacker(2 * CODES[width, False])}(d, {start}) == (p, p)"


def _append_pointer(
    step: PlanStep,
    offset: int,
    value: int,
    fields: list[Field],
    around: list[tuple[str, ...]],
    keys: set[int],
) -> None:
    """Append a pointer to a known object."""
    fields.append(Field(step.name, step.layout, offset, value, step.facts))
    around.append(step.around)
    keys.add((step.number << 32) + offset)


def is_per_cpu(layout: ScalarLayout) -> bool:
    """Whether this is a `__percpu` pointer."""
    return space_of(layout, None) == "percpu"


class _LeadsSink(Sink):
    """Appends all fields that may lead somewhere, at any level of the object, to one list.

    In the generated function `a` is the object's address and `S` holds the known objects; `n`
    receives the names of the members around each field, and `k` the keys of pointers to known
    objects and of lists that are not empty.
    """

    max_gap = 512  # the members in between are not read

    def __init__(self, source: Source, leads: Leads) -> None:
        super().__init__(source, leads.plan)
        self.leads = leads
        self.fields = FieldsSink(source, leads.plan)

    def leading(self, steps: Sequence[PlanStep]) -> list[PlanStep]:
        """Return the steps that may lead somewhere, with structs flattened where possible."""
        found: list[PlanStep] = []
        for step in steps:
            lead = self.leads.of(step)
            if lead is not Lead.INSIDE:
                found += [step] if lead is not Lead.NOWHERE else []
                continue
            is_struct = isinstance(step.layout, StructLayout)
            inner = self.leading(step.inner if is_struct else step.inner[0].inner)
            if not inner:
                continue
            if not is_struct:
                found.append(step._replace(inner=(step.inner[0]._replace(inner=tuple(inner)),)))
            elif self.leads.is_list(step, Into("f")) or not (
                step.is_wanted or step.tested >= step.layout.size
            ):
                found.append(step._replace(inner=tuple(inner)))
            else:
                found += inner
        return found

    def members(self, steps: Sequence[PlanStep], into: Into) -> None:
        """Append members; of the first object of a root, when nothing is known, no pointers."""
        for is_known, run in groupby(steps, self.leads.is_known):
            with self.source.indented("if S:") if is_known else nullcontext():
                self.emitter.members(list(run), into)

    def scalar(self, step: PlanStep, value: str, into: Into) -> None:
        """Append a scalar, if it leads somewhere in this object."""
        lead = self.leads.of(step)
        assert isinstance(step.layout, ScalarLayout)  # the others' leaves are themselves
        if lead is Lead.SOMEWHERE:
            self._append(step, into, value)
            return
        condition = value if step.is_wanted else ""
        if lead is Lead.KNOWN:
            target = self.leads.aim(step.layout)
            if target is not None and self.leads.is_own(target):
                condition = f"{condition} and {value} != a" if condition else f"{value} != a"
            type_ = "None" if target is None else self.source.constant("Y", target)
            known = f"({value}, {type_}) in S"
            condition = f"{condition} and {known}" if condition else known
            # This is rare, so most of the work is left to a function.
            append = self.source.once("P", step.number, lambda: partial(_append_pointer, step))
            self.emit(f"if {condition}: {append}({into.at(step.offset)}, {value}, f, n, k)")
            return
        with self.source.indented(f"if {condition}:"):
            self._append(step, into, value)

    def string(self, step: PlanStep, into: Into) -> None:
        """Append a char array that annotations say leads somewhere."""
        self._append(step, into)

    def scalars(self, step: PlanStep, element: ScalarLayout, into: Into) -> None:
        """Append an array of pointers."""
        self._append(step, into)

    def compound(self, step: PlanStep, into: Into) -> None:
        """Append the members of a struct or array that may lead somewhere, or all of it."""
        if self.leads.is_list(step, into):
            empty = is_empty_list(self.source, step, into)
            with self.source.indented(f"if not {empty}:"):
                self._not_empty(step, into)
                self.emit(f"k.add({key_of(step, into)})")
        else:
            self._not_empty(step, into)

    def _not_empty(self, step: PlanStep, into: Into) -> None:
        if not into.element and self.leads.of(step) is Lead.SOMEWHERE:
            self._append(step, into)
        else:
            super().compound(step, into)

    def struct(self, step: PlanStep, into: Into) -> None:
        """Append the members of a struct that may lead somewhere."""
        self.members(step.inner, into._replace(element=""))

    def array(self, step: PlanStep, into: Into) -> None:
        """Append the members of an array's elements that may lead somewhere."""
        with self.emitter.elements(step, into) as (each, _):
            for element in step.inner:
                self.compound(element, each)

    def _append(self, step: PlanStep, into: Into, value: str = "") -> None:
        if value:
            self.fields.scalar(step, value, into)
        else:
            self.fields.compound(step, into)
        around = self.source.constant("N", step.around) if step.around else "()"
        self.emit(f"n.append({around})")
