"""The sink for JSON: an object's members as JSON text, straight from its bytes.

Members that lead nowhere are written at once. Members that may lead somewhere have been read as
fields by graph/leads.py, and a HOLE takes their place. A pointer to a struct that is not shown is
written with the struct's summary, which is remembered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from btfdump._decode.compiled.emitter import Into, Sink
from btfdump._decode.compiled.source import Source, is_unpackable
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.leads import Lead, is_empty_list, key_of
from btfdump._render.escape import in_f_string
from btfdump._render.json_text import (
    HOLE,
    array_of_structs,
    cut_array,
    empty_list,
    member_name,
    name,
    quote,
    text_of,
    with_meaning,
)
from btfdump._render.remembered import WholeTexts
from btfdump._render.scalar import has_whole, meant

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from btfdump._btf import types
    from btfdump._decode.compiled.plan import PlanStep
    from btfdump._graph.leads import Leads
    from btfdump._graph.summaries import Summaries, Summary
    from btfdump._render.json_text import Values

    Describe: TypeAlias = Callable[[Values, Summary], str]
    Write: TypeAlias = Callable[[bytes, int, Container[int]], tuple[str, int]]
    """From (bytes, address, keys of pointers that lead on) to (text, zero members left out)."""

MAX_KNOWN = 1 << 10
"""The most values of one type whose texts are remembered."""
_HOLE = "{HOLE}"


def compile_members(leads: Leads, values: Values, summaries: Summaries) -> Write:
    """Return a function that writes the members of an object as JSON.

    Raises `BtfFormatError` if the type is nested too deeply to be compiled.
    """
    plan = leads.plan
    source = Source(leads.context.layouts)
    source.constants |= {"J": ", ".join, "HOLE": HOLE}
    source.emit("z, o = 0, []")
    _JsonSink(source, leads, values, summaries).emitter.members(plan.steps, Into("o"))
    source.emit(f"return J(o), z + {len(plan.steps)} - len(o)")
    function: Write = source.function("members(d, a, H)", f"JSON of {plan.layout.type}")
    return function


class _JsonSink(Sink):
    """Appends `"name": value` for each member.

    In the generated function `a` is the object's address and `H` holds the keys of pointers that
    lead on.
    """

    def __init__(self, source: Source, leads: Leads, values: Values, summaries: Summaries) -> None:
        super().__init__(source, leads.plan)
        self.leads = leads
        self.values = values
        self.summaries = summaries

    def append(self, step: PlanStep, text: str, into: Into) -> None:
        """Append a member or an array element; `text` is the inside of an f-string."""
        before = (
            f'"{{{into.element}}}": '
            if into.element
            else in_f_string(f"{member_name(step.name)}: ")
        )
        self.emit(f"{into.out}.append(f'{before}{text}')")

    # Scalars

    def leaves(self, step: PlanStep) -> Sequence[PlanStep]:
        """Return a scalar, or the only scalar of a struct such as refcount_t, for a block."""
        only = self._only(step)
        return (only,) if only is not None else super().leaves(step)

    def _only(self, step: PlanStep) -> PlanStep | None:
        if not isinstance(step.layout, StructLayout) or not step.name or step.is_wanted:
            return None
        if self._is_whole(step):
            return None
        size = step.layout.size
        if len(step.inner) != 1 or step.tested != size or self.leads.of(step) is not Lead.INSIDE:
            return None
        inner = step.inner[0]
        only = self._only(inner) or inner
        if not (inner.name and only.is_plain and not only.is_wanted and only.layout.size == size):
            return None
        return only if self.leads.of(only) is Lead.NOWHERE else None

    def scalar(self, step: PlanStep, value: str, into: Into) -> None:
        """Append a scalar or bit field, or a struct that contains nothing else."""
        lead, layout = self.leads.of(step), step.layout
        if not isinstance(layout, ScalarLayout):
            self.append(step, self.folded(step, value), into)
            return
        if lead is Lead.SOMEWHERE:
            self.append(step, _HOLE, into)
            return
        target = None if step.is_bits else self.leads.target(layout)
        text = self.text(step, layout, value)
        if target is not None and self.summaries.has(target):
            text = f"{{{self.pointers(layout, target, _unfollowed)}[{value}]}}"
        if lead is not Lead.NOWHERE:
            leads_on = f"{key_of(step, into)} in H" if lead is Lead.KNOWN else value
            text = f"{{HOLE if {leads_on} else {text[1:]}"
        if target is not None and lead is Lead.KNOWN and self.leads.is_own(target):
            own = self.pointers(layout, target, _around)
            text = f"{{{own}[a] if {value} == a else {text[1:]}"
        self.append(step, text, into)

    def folded(self, step: PlanStep, value: str) -> str:
        """Return the inside of an f-string that writes a struct of exactly one scalar."""
        if isinstance(step.layout, ScalarLayout):
            return self.text(step, step.layout, value)
        inner = step.inner[0]
        kind = in_f_string(name(str(step.layout.type)))
        member = f"{in_f_string(name(inner.name))}: {self.folded(inner, value)}"
        return f'{{{{"type": {kind}, "members": {{{{{member}}}}}}}}}'

    def text(self, step: PlanStep, layout: ScalarLayout, value: str) -> str:
        """Return the inside of an f-string that writes a scalar that leads nowhere."""
        meaning = meant(layout, step.facts, self.values.options)
        if meaning is not None and meaning.text is not None:
            write = self.values.writer(layout, step.facts, meaning)
            return f"{{{self.remembered((layout, id(step.facts)), write)}[{value}]}}"
        if layout.category in (Category.INT, Category.CHAR) and is_unpackable(layout):
            return f"{{{value}}}"
        one: Callable[[int], str] = partial(self.values.one, layout)
        if layout.category is Category.POINTER:
            one = self.values.pointers(layout).whole
        if layout.category in (Category.POINTER, Category.ENUM):
            return f"{{{self.remembered(layout, one)}[{value}]}}"
        return f"{{{self.source.once('X', layout, lambda: one)}({value})}}"

    def pointers(self, layout: ScalarLayout, target: types.Composite, describe: Describe) -> str:
        """Return the name of a table of texts for pointers to `target`, written with `describe`."""
        write = self.values.pointers(layout).open
        make = partial(_pointer, self.values, write, target, self.summaries, describe)
        return self.remembered((layout, target, describe), make)

    def remembered(self, key: object, make: Callable[[int], str]) -> str:
        """Return the name of a table from values to texts, which `make` fills on demand."""
        return self.source.once("P", key, lambda: _Texts(self.values, make))

    # Structs and arrays

    def compound(self, step: PlanStep, into: Into) -> None:
        """Append a struct, union or array."""
        if not self.leads.is_list(step, into):
            self._not_empty(step, into)
            return
        if into.element:  # an array element is written with its links, not as empty
            inner = ", ".join(
                f"{in_f_string(name(link.name))}: {self.text(link, link.layout, 'p')}"
                for link in step.inner
                if isinstance(link.layout, ScalarLayout)
            )
            text = f'{{{{"members": {{{{{inner}}}}}}}}}'
        else:
            empty = empty_list(step.layout, step.facts)
            if self.leads.of(step) is Lead.SOMEWHERE:  # graph/leads.py has looked into it already
                empty = self.source.once("E", step.number, lambda: empty)
                self.append(step, f"{{HOLE if {key_of(step, into)} in H else {empty}}}", into)
                return
            text = in_f_string(empty)
        if not into.element and all(map(self.leads.is_known, step.inner)):
            empty_now = f"{key_of(step, into)} not in H"  # it has been looked into already
        else:
            empty_now = is_empty_list(self.source, step, into)
        with self.source.indented(f"if {empty_now}:"):
            self.append(step, text, into)
        with self.source.indented("else:"):
            self._not_empty(step, into)

    def _not_empty(self, step: PlanStep, into: Into) -> None:
        if not into.element and self.leads.of(step) is Lead.SOMEWHERE:
            self.append(step, _HOLE, into)
        else:
            super().compound(step, into)

    def struct(self, step: PlanStep, into: Into) -> None:
        """Append a struct; an anonymous one adds its members to the struct around it."""
        if not step.name and not into.element:
            self.emit(f"z += {len(step.inner)} - 1")
            self.emitter.members(step.inner, into)
            return
        found = self.source.variable("o")
        self.emit(f"{found} = []")
        self.emitter.members(step.inner, Into(found, into.base))
        self.emit(f"z += {len(step.inner)} - len({found})")
        # An element's type is that of the array around it.
        kind = "" if into.element else f'"type": {in_f_string(name(str(step.layout.type)))}, '
        kind += self._words(step, into)
        text = f'{{{{{kind}"members": {{{{{{J({found})}}}}}}}}}}'
        self.append(step, text, into)

    def string(self, step: PlanStep, into: Into) -> None:
        """Append an array of characters."""
        limit = self.values.options.string
        text = self.source.once("X", "string", lambda: partial(_text, limit))
        bytes_ = into.bytes_(step.offset, step.offset + step.layout.size)
        self.append(step, f"{{{text}({bytes_})}}", into)

    def scalars(self, step: PlanStep, element: ScalarLayout, into: Into) -> None:
        """Append an array of scalars."""
        items, elided = self.emitter.read_many(step, element, into)
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        if element.category in (Category.INT, Category.CHAR) and is_unpackable(element):
            # A list of numbers has the same text in Python and in JSON.
            write = self.source.constant("X", cut_array)
            text = f"{write}({layout.length}, {items}, {elided}, {layout.declared})"
        else:
            write = self.source.once("V", element, lambda: partial(self.values.array, element))
            text = f"{write}({items}, {elided}, {layout.declared})"
        if self._is_whole(step):
            write = self.source.constant("X", with_meaning)
            text = f"{write}({text}, {self._said(step, into)})"
        self.append(step, f"{{{text}}}", into)

    def _is_whole(self, step: PlanStep) -> bool:
        """Whether the bytes of a struct or an array mean something as a whole."""
        return has_whole(step.layout, step.facts, self.values.options)

    def _words(self, step: PlanStep, into: Into) -> str:
        """Return the key for what a struct means as a whole, inside of an f-string."""
        if not self._is_whole(step):
            return ""
        key = self.source.once("X", "meaning", lambda: _key_of_meaning)
        return f"{{{key}({self._said(step, into)})}}"

    def _said(self, step: PlanStep, into: Into) -> str:
        """Return an expression for what the bytes of a struct or an array mean."""
        meaning = meant(step.layout, step.facts, self.values.options)
        assert meaning is not None
        of_bytes = meaning.of_bytes
        assert of_bytes is not None
        bytes_ = into.bytes_(step.offset, step.offset + step.layout.size)
        if not meaning.is_lasting:
            return f"{self.source.constant('X', of_bytes)}({bytes_})"
        # Most objects have the same sets of CPUs, nodes and signals.
        known = self.source.once("W", id(meaning), lambda: WholeTexts(of_bytes, is_lasting=True))
        return f"{known}[{bytes_}]"

    def array(self, step: PlanStep, into: Into) -> None:
        """Append an array of structs or of arrays."""
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        found = self.source.variable("o")
        self.emit(f"{found} = []")
        with self.emitter.elements(step, into._replace(out=found)) as (each, elided):
            for element in step.inner:
                self.compound(element, each)
        write = self.source.constant("X", array_of_structs)
        text = f"{{{write}({layout.length}, J({found}), {elided}, {layout.declared})}}"
        self.append(step, text, into)


def _key_of_meaning(words: str) -> str:
    return f'"meaning": {quote(words)}, ' if words else ""


class _Texts(dict[int, str]):
    """The texts of one type's values, each made on first use."""

    def __init__(self, values: Values, make: Callable[[int], str]) -> None:
        super().__init__()
        self._make = make
        values.remember(self)

    def __missing__(self, value: int) -> str:
        if len(self) >= MAX_KNOWN:
            self.clear()
        text = self[value] = self._make(value)
        return text


def _pointer(
    values: Values,
    write: Callable[[int], str],
    target: types.Composite,
    summaries: Summaries,
    describe: Describe,
    value: int,
) -> str:
    """Return a pointer to a struct, with what `describe` returns about its target."""
    text = write(value)
    said = describe(values, summaries.at(value, target)) if value else ""
    if not said:
        return text + "}"
    identity = f'"type": {name(str(target))}, "address": "{value:#x}"'
    return f'{text}, "target": {{{identity}, {said}}}}}'


def _unfollowed(values: Values, summary: Summary) -> str:
    """Return the keys for a target that is not shown: its summary, if it has one."""
    return f'"summary": {values.summary(summary)}, "brief": true' if summary else ""


def _around(values: Values, summary: Summary) -> str:
    """Return the keys for a target that contains this very pointer."""
    known = f'"summary": {values.summary(summary)}, ' if summary else ""
    return f'{known}"seen": true, "cycle": true'


def _text(limit: int, data: bytes) -> str:
    return quote(text_of(data, limit))
