"""The sink for text: one struct's bytes as text, following no pointers, for frequent types.

The generated function does the same as `plain.reference_text`, with everything known about the type
worked out beforehand. Small structs and short arrays, which take one line each, are read together
with their neighbours; if zeros are shown, the text of zero members is kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from struct import Struct as Packer
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.compiled.emitter import Into, Sink, end_of
from btfdump._decode.compiled.plan import element_of, is_text, plan_of
from btfdump._decode.compiled.source import CODES, Source, is_unpackable
from btfdump._decode.fields import reach, with_zeros_counted
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._render import Options
from btfdump._render.escape import in_f_string, printable, quoted_bytes
from btfdump._render.outline import by_whom
from btfdump._render.remembered import WholeTexts
from btfdump._render.scalar import (
    LARGE,
    MAX_ERRNO,
    array_text,
    has_whole,
    is_hex,
    is_told,
    meant,
    told_scalar,
)
from btfdump._render.whole import stated_inside, whole_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.compiled.emitter import Read
    from btfdump._decode.compiled.plan import Plan, PlanStep
    from btfdump._decode.layout import Layout, Layouts
    from btfdump._decode.scope import FactsOf

ELEMENTS = 64
"""The most elements shown of each array."""
MAX_UNROLLED = 8
"""The most elements of an array that is unrolled rather than walked in a loop."""
MAX_KNOWN = 1024
"""The most values of one scalar type whose texts are kept."""
_INDENT = "  "


def compile_text(
    layouts: Layouts,
    layout: StructLayout,
    *,
    zero: bool = False,
    facts_of: FactsOf | None = None,
) -> Callable[[bytes], str]:
    """Return a function from a struct's bytes to its text, equal to `plain.reference_text`.

    Its `source` attribute is the generated source. Raises `BtfFormatError` if the type is
    malformed, or nested too deeply to be compiled.
    """
    plan = plan_of(layouts, facts_of, layout, elements=ELEMENTS, zero=zero)
    source = Source(layouts)
    source.emit(f"o = [f'{in_f_string(_cast(layout))}{{{{']")
    _TextSink(source, plan, facts_of).emitter.members(plan.steps, Into("o"))
    source.emit("o.append('}')")
    source.emit("return '\\n'.join(o)")
    function: Callable[[bytes], str] = source.function("text(d)", f"text of {layout.type}")
    return function


class _Line(NamedTuple):
    """One line, as the insides of f-strings: text around the values, and the values.

    Each value comes with the condition that it is not zero.
    """

    before: str
    values: Sequence[tuple[str, str]]
    after: str

    @property
    def whole(self) -> str:
        """The line with all values, zero or not."""
        return self.before + ", ".join(text for _, text in self.values) + self.after


class _Shown(NamedTuple):
    """How an array is shown: as characters, or as numbers that may be in hexadecimal."""

    layout: ArrayLayout
    is_text: bool
    is_hex: bool


class _TextSink(Sink):
    """Appends a line for each member to the list of lines.

    A small struct is one line: its values first go to a list of their own, each with its path
    within the struct. `nN` is the number of lines before the Nth struct or array, `zN` whether it
    is zero, and `K` holds the texts of zero members.
    """

    def __init__(self, source: Source, plan: Plan, facts_of: FactsOf | None) -> None:
        super().__init__(source, plan)
        self.zero = plan.zero
        self.facts_of = facts_of
        self.options = Options(zero=plan.zero)
        self.depth = 1
        self.path: str | None = None  # inside a small struct: the path so far
        self.kept_texts: list[str] = []
        source.constants["K"] = self.kept_texts

    # Members of one line

    def leaves(self, step: PlanStep) -> Sequence[PlanStep]:
        """Return the scalars of a one-line member that a block unpacks."""
        layout = step.layout
        if self.path is not None or isinstance(layout, ScalarLayout):
            return super().leaves(step)
        if not step.is_decided or has_whole(layout, step.facts, self.options):
            return ()
        if isinstance(layout, ArrayLayout):
            return _array_leaves(step, layout)
        if not layout.is_small:
            return ()
        found = [leaf for _, leaf in _in_small(step.inner)]
        is_plain = all(leaf.is_plain for leaf in found)
        # Members of a union overlap.
        apart = is_plain and all(end_of(one) <= other.offset for one, other in pairwise(found))
        return found if apart else ()

    def block(self, found: Sequence[Read], into: Into) -> None:
        """Append the lines of members that were unpacked together."""
        if self.path is not None:
            super().block(found, into)
            return
        lines = [self._line(read, into) for read in found]
        if self.zero:
            whole = "\\n".join(line.whole for line in lines)
            self.emit(f"{into.out}.append(f'{whole}')")
            return
        for line in lines:
            conditions = [condition for condition, _ in line.values]
            self.emit(f"if {' and '.join(conditions)}: {into.out}.append(f'{line.whole}')")
            if len(conditions) > 1:
                with self.source.indented(f"elif {' or '.join(conditions)}:"):
                    self.emit("p = []")
                    for condition, text in line.values:
                        self.emit(f"if {condition}: p.append(f'{text}')")
                    some = f'{line.before}{{", ".join(p)}}{line.after}'
                    self.emit(f"{into.out}.append(f'{some}')")

    def _line(self, read: Read, into: Into) -> _Line:
        step, layout = read.step, read.step.layout
        before = self._before(step, into)
        if isinstance(layout, ScalarLayout):
            text = self._text(step, layout, read.names[0], ",")
            return _Line(before, [(read.names[0], text)], "")
        texts = [
            self._text(leaf, leaf.layout, name)
            for leaf, name in zip(read.leaves, read.names, strict=True)
            if isinstance(leaf.layout, ScalarLayout)
        ]
        if isinstance(layout, ArrayLayout):
            return _Line(before, [(read.condition, f"{{{{ {', '.join(texts)} }}}},")], "")
        titles = [in_f_string(_title(path)) for path, _ in _in_small(step.inner)]
        values = [
            (name, title + text)
            for name, title, text in zip(read.names, titles, texts, strict=True)
        ]
        return _Line(f"{before}{{{{ ", values, " }},")

    def scalar(self, step: PlanStep, value: str, into: Into) -> None:
        """Append a scalar that was read on its own."""
        assert isinstance(step.layout, ScalarLayout)
        text = self._text(step, step.layout, value, "" if self.path is not None else ",")
        self.emit(f"{into.out}.append(f'{self._before(step, into)}{text}')")

    def string(self, step: PlanStep, into: Into) -> None:
        """Append an array of characters."""
        self._one_line(step, into)

    def scalars(self, step: PlanStep, element: ScalarLayout, into: Into) -> None:
        """Append an array of scalars."""
        del element
        self._one_line(step, into)

    def _one_line(self, step: PlanStep, into: Into) -> None:
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        how = _Shown(layout, is_text(step), is_hex(step.facts))
        text = self.source.once("A", how, lambda: self._array_formatter(how))
        comma = "" if self.path is not None else ","
        told = step.facts is not None and step.facts.length and not how.is_text
        whom = f" /*{in_f_string(by_whom(step.facts.provenance))} */" if told else ""
        value = f"{{{text}(d, {into.at(step.offset)})}}{comma}{whom}"
        self.emit(f"{into.out}.append(f'{self._before(step, into)}{value}')")

    # Members of several lines

    def compound(self, step: PlanStep, into: Into) -> None:
        """Append a struct, union or array, or what it means as a whole."""
        if self.path is None and has_whole(step.layout, step.facts, self.options):
            self._whole(step, into)
        else:
            super().compound(step, into)

    def _whole(self, step: PlanStep, into: Into) -> None:
        """Append what the reference makes of a member; of the same bytes it makes the same."""
        name = "" if into.element else step.name
        inside = tuple(id(inner.facts) for inner in step.inner)
        key = step.layout, id(step.facts), inside, name, self.depth
        texts = self.source.once("H", key, lambda: self._whole_texts(step, name))
        bytes_ = into.bytes_(step.offset, step.offset + step.layout.size)
        text = self.source.variable("t")
        self.emit(f"{text} = {texts}[{bytes_}]")
        if into.element:
            title = f"f'{_INDENT * self.depth}[{{{into.element}}}] = '"
            self.emit(f"if {text}: {text} = {title} + {text}.lstrip()")
        self.emit(f"if {text}: {into.out}.append({text})")

    def _whole_texts(self, step: PlanStep, name: str) -> WholeTexts:
        layout, facts = step.layout, step.facts
        layouts, options, facts_of = self.source.layouts, self.options, self.facts_of
        depth, stated = self.depth, stated_inside(step)

        def write(data: bytes) -> str:
            return whole_text(
                layouts, layout, facts, name, depth, options, facts_of, ELEMENTS, stated, data
            )

        meaning = meant(layout, facts, options)
        return WholeTexts(write, is_lasting=meaning is None or meaning.is_lasting)

    def struct(self, step: PlanStep, into: Into) -> None:
        """Append a struct: on one line if it is small, otherwise on several."""
        layout = step.layout
        assert isinstance(layout, StructLayout)
        if self.path is not None:
            around, self.path = self.path, self._path(step)
            self.emitter.members(step.inner, into)
            self.path = around
        elif layout.is_small:
            self._small(step, into)
        else:
            with self._brackets(step, into, "{{", "}"):
                self.emitter.members(step.inner, Into(into.out, into.base))

    def _small(self, step: PlanStep, into: Into) -> None:
        """Append a small struct that is not part of a block."""
        values = self.source.variable("p")
        self.emit(f"{values} = []")
        self.path = ""
        self.emitter.members(step.inner, Into(values, into.base))
        self.path = None
        before = self._before(step, into)
        some = f'{before}{{{{ {{", ".join({values})}} }}}},'
        self.emit(f"if {values}: {into.out}.append(f'{some}')")
        if self.zero:
            self.emit(f"else: {into.out}.append(f'{before}{{{{}}}},')")

    def array(self, step: PlanStep, into: Into) -> None:
        """Append the elements of an array of structs or of arrays, each on its own lines."""
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        with self._brackets(step, into, "[", "]"):
            unrolled = _unrolled(step, layout)
            if unrolled and all(map(self.leaves, unrolled)):
                self.emitter.members(unrolled, Into(into.out, into.base))
                return
            with self.emitter.elements(step, into) as (each, elided):
                for element in step.inner:
                    self.compound(element, each)
            if elided != "0":
                more = f"{_INDENT * self.depth}/* {{{elided}}} more (--elements) */"
                self.emit(f"if {elided}: {into.out}.append(f'{more}')")

    @contextmanager
    def _brackets(self, step: PlanStep, into: Into, opening: str, closing: str) -> Iterator[None]:
        """Write lines in brackets, or nothing if there are no lines and zeros are skipped."""
        before = self.source.variable("n")
        if not self.zero:
            self.emit(f"{before} = len({into.out})")
        self.emit(f"{into.out}.append(f'{self._before(step, into)}{opening}')")
        self.depth += 1
        yield
        self.depth -= 1
        close = f"{into.out}.append('{_INDENT * self.depth}{closing},')"
        if self.zero:
            self.emit(close)
        else:
            self.emit(f"if len({into.out}) == {before} + 1: {into.out}.pop()")
            self.emit(f"else: {close}")

    @contextmanager
    def kept(self, size: int, bytes_: str) -> Iterator[None]:
        """Write lines that are kept for reuse the first time that these bytes are zero."""
        if self.path is not None or not size:
            yield
            return
        before, is_zero = self.source.variable("n"), self.source.variable("z")
        text = f"K[{len(self.kept_texts)}]"
        self.kept_texts.append("")
        self.emit(f"{is_zero} = {bytes_} == {self.source.zeros(size)}")
        self.emit(f"if {is_zero} and {text}: o.append({text})")
        with self.source.indented("else:"):
            self.emit(f"{before} = len(o)")
            yield
            self.emit(f"if {is_zero}: {text} = '\\n'.join(o[{before}:])")

    # The parts of a line

    def _before(self, step: PlanStep, into: Into) -> str:
        """Return the start of a line, or of a value in a small struct, for an f-string."""
        if self.path is not None:
            return in_f_string(_title(self._path(step)))
        title = f"[{{{into.element}}}] = " if into.element else ""
        if not title and step.name:
            is_element = step.member is None
            title = in_f_string(f"{step.name} = " if is_element else _title(f".{step.name}"))
        return f"{_INDENT * self.depth}{title}{in_f_string(_cast(step.layout))}"

    def _path(self, step: PlanStep) -> str:
        assert self.path is not None
        return f"{self.path}.{step.name}" if step.name else self.path

    def _text(self, step: PlanStep, layout: ScalarLayout, variable: str, comma: str = "") -> str:
        """Return the inside of an f-string that writes a scalar, the comma and any remark.

        The frequent cases are written inline. If zeros are skipped, `variable` is known not to be
        zero.
        """
        facts = step.facts
        is_int = layout.category is Category.INT
        is_pointer = layout.category is Category.POINTER
        means = meant(layout, facts, self.options) is not None
        if is_int and is_hex(facts) and not means:
            return f"{{hex({variable})}}{comma}"
        if means or is_told(facts):
            general = self.source.once(
                "T" if comma else "M",
                (layout, id(facts)),
                lambda: _formatter(layout, self.options, comma, facts),
            )
            if not is_pointer or means or (facts is not None and facts.is_string):
                return f"{{{general}({variable})}}"
        elif is_int and layout.size <= 4:
            return f"{{{variable}}}{comma}"
        elif is_int and layout.size <= 8:
            return f"{{{variable} if {variable} < {LARGE:#x} else hex({variable})}}{comma}"
        else:
            general = self.source.once(
                "L" if comma else "S", layout, lambda: _formatter(layout, self.options, comma)
            )
            if not is_pointer:
                return f"{{{general}({variable})}}"
        errors = (1 << layout.size * 8) - MAX_ERRNO
        after = f"{comma}{_elsewhere(layout, facts)}"
        quick = f'hex({variable}) + "{after}"' if after else f"hex({variable})"
        known = f"{quick} if {variable} < {errors:#x} else {general}({variable})"
        return f'{{({known}) if {variable} else "NULL{comma}"}}' if self.zero else f"{{{known}}}"

    def _array_formatter(self, how: _Shown) -> Callable[[bytes, int], str]:
        """Return a function (bytes, offset) -> one line of text for an array of scalars.

        The text is the same as that of scalar.text() and scalar.array_text().
        """
        first, layout = self._start_formatter(how), how.layout
        element, options, shown = layout.element, self.options, layout.shown(ELEMENTS)
        if how.is_text or not isinstance(element, ScalarLayout) or shown == layout.length:
            return first

        zeros = bytes(shown * element.size)

        def later(data: bytes, at: int) -> str:
            if data[at : at + len(zeros)] != zeros:  # as most do
                return first(data, at)
            count = reach(data, at, layout, ELEMENTS)
            values = element.decode_many(data, at, count)
            values = with_zeros_counted(values, data, at, layout)
            return array_text(values, layout.length - count, element, options, as_hex=how.is_hex)

        return later

    def _start_formatter(self, how: _Shown) -> Callable[[bytes, int], str]:
        """Return the same for an array that does not begin with nothing but zeros."""
        layout, as_hex = how.layout, how.is_hex
        element, size, options = layout.element, layout.size, self.options
        if how.is_text:
            limit = options.string
            return lambda data, at: quoted_bytes(data[at : at + size], limit)
        assert isinstance(element, ScalarLayout)
        shown = layout.shown(ELEMENTS)
        elided = layout.length - shown
        more = f" /* {elided} more */" if elided else ""
        is_int = element.category is Category.INT
        if is_int and element.size == 1 and shown > 4:
            return lambda data, at: f"{{ {data[at : at + shown].hex(' ')} }}{more}"
        if as_hex or not is_unpackable(element):
            many = element.decode_many
            return lambda data, at: array_text(
                many(data, at, shown), elided, element, options, as_hex=as_hex
            )
        codes = f"{self.source.mark}{shown}{CODES[element.size, element.is_signed]}"
        unpack = Packer(codes).unpack_from
        if not is_int:
            return lambda data, at: array_text(unpack(data, at), elided, element, options)
        text: Callable[[int], str] = str if element.size <= 4 else _long

        def integers(data: bytes, at: int) -> str:
            values = unpack(data, at)
            items: Iterable[str]
            if shown > 8 and values.count(0) * 2 > shown:
                items = [f"[{i}] = {text(value)}" for i, value in enumerate(values) if value]
                if not items:
                    return array_text(values, elided, element, options)
            else:
                items = map(text, values)
            return f"{{ {', '.join(items)} }}{more}"

        return integers


def _in_small(steps: Sequence[PlanStep], path: str = "") -> Iterator[tuple[str, PlanStep]]:
    """Yield the contents of a small struct in order of declaration, each with its path."""
    for step in steps:
        inner = f"{path}.{step.name}" if step.name else path
        if isinstance(step.layout, StructLayout):
            yield from _in_small(step.inner, inner)
        else:
            yield inner, step


def _array_leaves(step: PlanStep, layout: ArrayLayout) -> Sequence[PlanStep]:
    """Return the elements of a short array of integers.

    Longer arrays are more than a list of elements: scalar.array_text() shows bytes as hex, and
    leaves out zeros.
    """
    element = layout.element
    if not isinstance(element, ScalarLayout) or element.category is not Category.INT:
        return ()
    if is_told(step.facts) or (step.facts is not None and step.facts.length):
        return ()
    if element.meaning is not None:  # not said of each element
        return ()
    if not is_unpackable(element) or layout.length > (4 if element.size == 1 else 8):
        return ()
    return [element_of(step, i) for i in range(layout.length)]


def _unrolled(step: PlanStep, layout: ArrayLayout) -> Sequence[PlanStep]:
    """Return the elements of a short array, each as a step of its own."""
    is_short = isinstance(layout.element, StructLayout) and layout.length <= MAX_UNROLLED
    return [element_of(step, i) for i in range(layout.length)] if is_short else ()


def _title(path: str) -> str:
    """Return the text in front of a member; `path` is like `.name`."""
    return f"{printable(path)} = "


def _cast(layout: Layout) -> str:
    """Return a layout's type in parentheses."""
    return f"({printable(str(layout.type))})"


def _elsewhere(layout: ScalarLayout, facts: MemberFacts | None) -> str:
    """Return the remark that a pointer leads elsewhere than to the kernel's memory, if any."""
    remark = told_scalar(layout, 1, Options(), facts)[1] if facts is not None else ""
    return f" /* {remark} */" if remark else ""


def _long(value: int) -> str:
    return str(value) if value < LARGE else hex(value)


def _formatter(
    layout: ScalarLayout, options: Options, comma: str, facts: MemberFacts | None = None
) -> Callable[[object], str]:
    known: dict[object, str] = {}
    meaning = meant(layout, facts, options)
    most = MAX_KNOWN if meaning is None or meaning.is_lasting else 0

    def text(value: object) -> str:
        found = known.get(value)
        if found is None:
            shown, remark = told_scalar(layout, value, options, facts)
            found = f"{shown}{comma}{f' /* {remark} */' if remark else ''}"
            if len(known) < most:
                known[value] = found
        return found

    return text
