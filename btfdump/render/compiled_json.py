"""Plan -> Python source -> function: an object's members as JSON text, straight from its bytes.

What may lie behind a member depends on its type, not on the object. Members that lead nowhere
become text here and now; the few that may lead somewhere become a HOLE in the text and a `Field`,
for the graph to decide about. A pointer to a struct leads nowhere as long as it is not followed and
the struct has not been shown: then it is written with the struct's summary, which is remembered.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from btfdump.btf import types
from btfdump.decode.compiled.fields import Code, FieldsWriter, ObjectWriter, at, bytes_
from btfdump.decode.compiled.plan import Planner, is_text
from btfdump.decode.compiled.projection import CODES, define, is_unpackable
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.errors import BtfFormatError
from btfdump.kernel.pointers import pointer_space
from btfdump.render.compiled_source import escaped
from btfdump.render.json_text import (
    array_of_structs,
    cut_array,
    empty_list,
    flagged,
    name,
    quote,
    text_of,
)
from btfdump.walk import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from btfdump.annotate.facts import MemberFacts
    from btfdump.decode.compiled.plan import Step
    from btfdump.decode.fields import Field, Selection
    from btfdump.graph.summaries import Summary
    from btfdump.kernel.context import Context
    from btfdump.render.json_text import Values

    Known: TypeAlias = Container[tuple[int, types.Type]]
    """Objects, by address and type, that have been shown: pointers to them lead somewhere."""
    SummaryOf: TypeAlias = Callable[[int, types.Composite], Summary]
    Describe: TypeAlias = Callable[[Values, Summary], str]
    Members: TypeAlias = tuple[str, list[Field], list[tuple[str, ...]], int]
    """(text, fields that may lead somewhere, names around each, zero members left out)"""

MAX_KNOWN = 1 << 10
"""Values of one type whose texts are remembered."""
_HOLE = "\\x00"  # json_text.HOLE, in source


def compile_members(
    context: Context,
    layout: StructLayout,
    selection: Selection | None,
    elements: int,
    values: Values,
    summary: SummaryOf,
) -> Callable[[bytes, int, Known], Members]:
    """Return a function from (a struct's bytes, its address, objects shown) to its members.

    Raises `BtfFormatError` for a type that makes no sense or is nested too deep to be compiled.
    """
    code = Code(context.layouts, elements)
    code.constants["J"] = ", ".join
    steps = Planner(context.layouts, context.facts, layout).steps(selection)
    writer = _JsonWriter(code, context, values, summary, layout, bool(selection))
    code.emit("z, o, f, n = 0, [], [], []")
    writer.struct(steps, "o", "")
    code.emit(f"return J(o), f, n, z + {len(steps)} - len(o)")
    function: Callable[[bytes, int, Known], Members] = define(
        "members", code.function("members(d, a, S)"), code.constants, f"JSON of {layout.type}"
    )
    return function


class _JsonWriter(ObjectWriter):
    """Writes code that appends `"name": value` for each member.

    In it `a` is the object's address, `S` are the objects shown, `f` the fields that may lead
    somewhere and `n` the names of the members around each of them.
    """

    def __init__(
        self,
        code: Code,
        context: Context,
        values: Values,
        summary: SummaryOf,
        owner: StructLayout,
        is_selected: bool,
    ) -> None:
        super().__init__(code)
        self.context = context
        self.values = values
        self.summary = summary
        self.owner = owner
        self.fields = FieldsWriter(code)
        self.is_selected = is_selected
        self.tables: dict[object, str] = {}
        # What folded steps are wrapped in, and the steps: their ids must not come again.
        self.wrapped: dict[int, tuple[str, str, Step]] = {}

    def key(self, step: Step) -> str:
        """Return `"name": ` for the inside of an f-string."""
        return escaped(f"{name(step.name)}: ")

    # Scalars

    def struct(self, steps: Sequence[Step], out: str, base: str) -> None:
        """Append members to `out`; structs of one scalar are read with their neighbours."""
        super().struct([self.fold(step) for step in steps], out, base)

    def fold(self, step: Step) -> Step:
        """Return the only scalar of a struct such as refcount_t in its place."""
        layout = step.layout
        if not step.name or step.is_wanted or len(step.inner) != 1 or self.leads(step):
            return step
        if not isinstance(layout, StructLayout) or step.tested != layout.size:
            return step
        only = self.fold(step.inner[0])
        inner = only.layout
        if not (only.name and only.is_plain and not only.is_wanted and inner.size == layout.size):
            return step
        if not isinstance(inner, ScalarLayout) or self.leads(only):
            return step
        if struct_behind(self.context, inner) is not None:
            return step
        before, after, _ = self.wrapped.get(id(only), ("", "", only))
        kind = escaped(name(str(layout.type)))
        folded = replace(only, name=step.name)
        before = f'{{{{"type": {kind}, "members": {{{{{self.key(only)}{before}'
        self.wrapped[id(folded)] = before, f"{after}}}}}}}}}", folded
        return folded

    def scalar(self, step: Step, value: str, out: str, base: str) -> None:
        """Append a scalar or a bit field."""
        layout = step.layout
        assert isinstance(layout, ScalarLayout)
        if self.leads(step):
            self.hole(step, partial(self.fields.scalar, step, value, base=base), out)
            return
        target = None if step.is_bits else struct_behind(self.context, layout)
        if target is None:
            before, after, _ = self.wrapped.get(id(step), ("", "", step))
            text = f"{before}{self.text(step, layout, value)}{after}"
            plain = f"{out}.append(f'{self.key(step)}{text}')"
            if not is_per_cpu(layout):
                self.emit(plain)
                return
            # It leads somewhere where every pointer does.
            wanted = bool(step.selection and step.is_wanted)
            condition = value if wanted else f"{value} and ({value}, None) in S"
            with self.code.indented(f"if {condition}:"):
                self.hole(step, partial(self.fields.scalar, step, value, base=base), out)
            self.emit(f"else: {plain}")
            return
        condition, header = value, "if"
        if not (step.selection and step.is_wanted):  # else it was said what to show of the target
            condition = f"({value}, {self.code.constant('Y', target)}) in S"
            condition = f"{value} and {condition}" if step.is_wanted else condition
            if target is self.owner.type.btf.skip_modifiers(self.owner.type):
                texts = self.pointers(layout, target, _around)
                self.emit(f"if {value} == a: {out}.append(f'{self.key(step)}{{{texts}[a]}}')")
                header = "elif"
        with self.code.indented(f"{header} {condition}:"):
            self.hole(step, partial(self.fields.scalar, step, value, base=base), out)
        texts = self.pointers(layout, target, _unfollowed)
        self.emit(f"else: {out}.append(f'{self.key(step)}{{{texts}[{value}]}}')")

    def text(self, step: Step, layout: ScalarLayout, value: str) -> str:
        """Return the inside of an f-string that writes a scalar that leads nowhere."""
        if step.facts is not None and step.facts.flags:
            names = step.facts.flags
            return f"{{{self.remembered(id(names), partial(flagged, names))}[{value}]}}"
        if layout.category in (Category.INT, Category.CHAR) and is_unpackable(layout):
            return f"{{{value}}}"
        one = partial(self.values.one, layout)
        if layout.category is Category.POINTER:
            one = partial(self.values.whole_pointer, layout)
        if layout.category in (Category.POINTER, Category.ENUM):
            return f"{{{self.remembered(layout, one)}[{value}]}}"
        return f"{{{self.code.constant('X', one)}({value})}}"

    def pointers(self, layout: ScalarLayout, target: types.Composite, describe: Describe) -> str:
        """Name a table from pointers to structs to their texts, each with what is said of it."""
        make = partial(_pointer, self.values, layout, target, self.summary, describe)
        return self.remembered((layout, target, describe), make)

    def remembered(self, key: object, make: Callable[[int], str]) -> str:
        """Name a table from values to their texts, which `make` makes."""
        if key not in self.tables:
            self.tables[key] = self.code.constant("P", _Texts(self.values, make))
        return self.tables[key]

    def leads(self, step: Step) -> bool:
        """Whether what annotations say of a member may lead somewhere, or needs the decoder."""
        facts: MemberFacts | None = step.facts
        if facts is None:
            return False
        # A link leads to all others in its list; only who asks for it by name is shown them.
        is_ring = not self.is_selected and facts.expansion is not None and facts.expansion.is_ring
        return bool(
            (facts.expansion is not None and not is_ring)
            or facts.candidates
            or facts.length is not None
            or facts.typed_by is not None
            or facts.points_to is not None
            or facts.space is not None
            or facts.follow is not None
            or facts.is_string
            or facts.behind
            or facts.cases
            or facts.problems
        )

    # Holes

    def hole(self, step: Step, make: Callable[[str], None], out: str) -> None:
        """Append a member that may lead somewhere; `make(list)` appends its field."""
        make("f")
        around = self.code.constant("N", step.around) if step.around else "()"
        self.emit(f"n.append({around}); {out}.append(f'{self.key(step)}{_HOLE}')")

    # Structs and arrays

    def compound(self, step: Step, out: str, base: str) -> None:
        """Append a struct or an array."""
        has_problems = step.facts is not None and bool(step.facts.problems)
        if not step.name or has_problems or not self.is_list(step):
            self.not_empty(step, out, base)
            return
        text = escaped(f"{name(step.name)}: {empty_list(step.layout, step.facts)}")
        self.emit(f"if {self.is_empty(step, base)}: {out}.append(f'{text}')")
        with self.code.indented("else:"):
            self.not_empty(step, out, base)

    def is_empty(self, step: Step, base: str) -> str:
        """Write what finds out, and return a condition: this list_head leads to itself, at `p`."""
        width = self.code.layouts.pointer_size
        start = at(base, step.offset)
        self.emit(f"p = (a + {start}) & {(1 << width * 8) - 1:#x}")
        return f"{self.code.unpacker(2 * CODES[width, False])}(d, {start}) == (p, p)"

    def is_list(self, step: Step) -> bool:
        """Whether this is a list_head as is, nothing selected in it and nothing known of it."""
        layout = step.layout
        if not isinstance(layout, StructLayout) or layout.base.name != "list_head":
            return False
        width = self.code.layouts.pointer_size
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

    def not_empty(self, step: Step, out: str, base: str) -> None:
        """Append a struct or an array that is no empty list."""
        leads = self.leads(step)
        if leads and not step.name and step.selection:
            raise BtfFormatError(0, "an anonymous struct of which something is known and selected")
        if isinstance(step.layout, StructLayout) and not step.name and not leads:
            self.emit(f"z += {len(step.inner)} - 1")  # its members are those of the struct around
            self.struct(step.inner, out, base)
        elif leads or not self.is_plain(step):
            self.hole(step, partial(self.fields.compound, step, base=base), out)
        elif isinstance(step.layout, StructLayout):
            kind = escaped(name(str(step.layout.type)))
            self.members(step, f'{self.key(step)}{{{{"type": {kind}, ', out, base)
        else:
            self.array(step, out, base)

    def is_plain(self, step: Step) -> bool:
        """Whether a struct or an array itself, what is inside it apart, leads nowhere."""
        layout = step.layout
        if isinstance(layout, StructLayout):
            # How much is in a container of which nothing is known is looked into.
            return step.facts is not None or layout.base.name not in FAMILIES
        if not isinstance(layout, ArrayLayout) or layout.is_text:
            return True
        element = layout.element
        if isinstance(element, ScalarLayout):
            return (
                not isinstance(element.base, types.Ptr)
                or struct_behind(self.context, element) is None
            )
        if isinstance(element, StructLayout) and element.base.name in FAMILIES:
            return step.facts is not None or not layout.size
        return isinstance(element, StructLayout) or not layout.size

    def members(self, step: Step, start: str, out: str, base: str) -> None:
        """Append a struct; `start` is what goes before its members, inside an f-string."""
        found = self.code.fresh("o")
        self.emit(f"{found} = []")
        self.struct(step.inner, found, base)
        self.emit(f"z += {len(step.inner)} - len({found})")
        inner = "{{" + f"{{J({found})}}" + "}}"
        self.emit(f"{out}.append(f'{start}\"members\": {inner}}}}}')")

    def array(self, step: Step, out: str, base: str) -> None:
        """Append an array that leads nowhere, the members of its structs apart."""
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        if is_text(step):
            text = self.code.constant("X", partial(_text, self.values.options.string))
            value = f"{text}({bytes_(base, step.offset, step.offset + layout.size)})"
        elif isinstance(layout.element, ScalarLayout):
            value = self.scalars(layout, layout.element, base, step.offset)
        else:
            found, elided = self.code.fresh("o"), self.code.fresh("m")
            with self.elements(step, base, found, elided) as (where, index):
                for element in step.inner:
                    self.element(element, f'"{{{index}}}": {{{{', found, where)
            write = self.code.constant("X", array_of_structs)
            value = f"{write}({layout.length}, J({found}), {elided})"
        self.emit(f"{out}.append(f'{self.key(step)}{{{value}}}')")

    def element(self, step: Step, start: str, out: str, base: str) -> None:
        """Append a struct in an array; a list_head there is not said to be empty."""
        if not self.is_list(step):
            self.members(step, start, out, base)
            return
        own = ", ".join(
            f"{self.key(inner)}{self.text(inner, inner.layout, 'p')}"
            for inner in step.inner
            if isinstance(inner.layout, ScalarLayout)
        )
        text = f'{start}"members": {{{{{own}}}}}}}}}'
        self.emit(f"if {self.is_empty(step, base)}: {out}.append(f'{text}')")
        with self.code.indented("else:"):
            self.members(step, start, out, base)

    def scalars(self, layout: ArrayLayout, element: ScalarLayout, base: str, offset: int) -> str:
        """Return an expression for the text of an array of scalars."""
        shown = min(layout.length, self.code.elements)
        items = self.fields.scalars(element, shown, base, offset)
        if element.category in (Category.INT, Category.CHAR) and is_unpackable(element):
            # A list of numbers reads in Python as it does in JSON.
            array = self.code.constant("X", cut_array)
            return f"{array}({layout.length}, {items}, {layout.length - shown})"
        array = self.code.constant("X", partial(self.values.array, element))
        return f"{array}({items}, {layout.length - shown})"


class _Texts(dict[int, str]):
    """Texts of one type's values, each made when it is first asked for."""

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
    layout: ScalarLayout,
    target: types.Composite,
    summary: SummaryOf,
    describe: Describe,
    value: int,
) -> str:
    """Return a pointer to a struct, with what is said of a struct that is not shown here."""
    text = values.pointer(layout, value)
    said = describe(values, summary(value, target)) if value else ""
    if not said:
        return text + "}"
    identity = f'"type": {name(str(target))}, "address": "{value:#x}"'
    return f'{text}, "target": {{{identity}, {said}}}}}'


def _unfollowed(values: Values, summary: Summary) -> str:
    """Return what is said of a struct that is shown nowhere: its summary, if it has one."""
    return f'"summary": {values.summary(summary)}, "brief": true' if summary else ""


def _around(values: Values, summary: Summary) -> str:
    """Return what is said of the struct that is around this very place."""
    known = f'"summary": {values.summary(summary)}, ' if summary else ""
    return f'{known}"seen": true, "cycle": true'


def _text(limit: int, data: bytes) -> str:
    return quote(text_of(data, limit))


def is_per_cpu(layout: ScalarLayout) -> bool:
    """Whether this is a `__percpu` pointer."""
    pointer = layout.base
    return isinstance(pointer, types.Ptr) and pointer_space(pointer, None) == "percpu"


def struct_behind(context: Context, layout: ScalarLayout) -> types.Composite | None:
    """Return the struct that a pointer leads to, None where it is no such pointer, or not ours."""
    pointer = layout.base
    if not isinstance(pointer, types.Ptr):
        return None
    if pointer_space(pointer, None) in ("user", "percpu", "iomem"):
        return None
    target = context.pointee(pointer)
    return target if isinstance(target, types.Composite) else None
