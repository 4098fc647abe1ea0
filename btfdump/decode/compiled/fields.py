"""Plan -> Python source -> function: the fields of one struct, for types of which many are read.

`compile_fields()` returns what does the same as `interp.Decoder`. `ObjectWriter` is what it has in
common with other functions made of a plan (render/compiled_json.py): members that are neighbours
are tested for zero and unpacked together.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump.decode.compiled.plan import Planner, is_text
from btfdump.decode.compiled.projection import CODES, define, is_unpackable
from btfdump.decode.fields import Field, FieldValue
from btfdump.decode.layout import ArrayLayout, ScalarLayout, StructLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from btfdump.decode.compiled.plan import Step
    from btfdump.decode.fields import Selection
    from btfdump.decode.layout import Layout, Layouts
    from btfdump.decode.scope import FactsOf

MAX_BLOCK = 16
"""Scalars that are tested for zero and unpacked together."""
MAX_GAP = 8
"""Bytes of padding, or of members that others cover, between two scalars of a block."""


def compile_fields(
    layouts: Layouts,
    facts_of: FactsOf | None,
    layout: StructLayout,
    selection: Selection | None,
    elements: int,
) -> Callable[[bytes], tuple[list[Field], int]]:
    """Return a function from a struct's bytes to (its fields, how many zero ones were left out).

    It agrees with `Decoder(layouts, facts_of, elements=elements).fields(layout, data, selection)`.
    Raises `BtfFormatError` for a type that makes no sense or is nested too deep to be compiled.
    """
    code = Code(layouts, elements)
    steps = Planner(layouts, facts_of, layout).steps(selection)
    code.emit("z, o = 0, []")
    FieldsWriter(code).struct(steps, "o", "")
    code.emit(f"return o, z + {len(steps)} - len(o)")
    function: Callable[[bytes], tuple[list[Field], int]] = define(
        "fields", code.function("fields(d)"), code.constants, f"fields of {layout.type}"
    )
    return function


class Code:
    """The source of one function, in the making: lines, and the constants that they refer to.

    In it `d` are the object's bytes and `z` counts the zero members that were left out.
    """

    def __init__(self, layouts: Layouts, elements: int) -> None:
        self.layouts = layouts
        self.elements = elements
        self.constants: dict[str, Any] = {"F": int.from_bytes, "Field": Field, "array": array_field}
        self._mark = "<" if layouts.byteorder == "little" else ">"
        self._lines: list[str] = []
        self._level = 1
        self._names = 0
        self._known: dict[tuple[str, object], str] = {}

    def function(self, signature: str) -> str:
        """Return the source."""
        return "\n".join([f"def {signature}:", *self._lines, ""])

    def emit(self, line: str) -> None:
        """Write a line of Python."""
        self._lines.append("    " * self._level + line)

    @contextmanager
    def indented(self, header: str) -> Iterator[None]:
        """Write a block of Python; it may stay empty."""
        self.emit(header)
        self._level += 1
        count = len(self._lines)
        yield
        if len(self._lines) == count:
            self.emit("pass")
        self._level -= 1

    def fresh(self, letter: str) -> str:
        """Return a name for a variable that has not been used yet."""
        self._names += 1
        return f"{letter}{self._names}"

    def constant(self, letter: str, thing: object) -> str:
        """Name something that is known now, by a letter and a number."""
        key = letter, id(thing)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"{letter}{len(self._known)}"
            self.constants[name] = thing
        return name

    def zeros(self, size: int) -> str:
        """Name that many zero bytes."""
        self.constants.setdefault(f"Z{size}", bytes(size))
        return f"Z{size}"

    def unpacker(self, codes: str) -> str:
        """Name a function from (bytes, offset) to a tuple."""
        name = f"U_{codes}"
        if name not in self.constants:
            self.constants[name] = Packer(self._mark + codes).unpack_from
        return name

    def bits(self, word: Sequence[Step], step: Step) -> str:
        """Return an expression for a bit field out of `w`, the number in the bytes of `word`."""
        assert step.member is not None
        size = step.member.bit_size
        low = step.bit_offset - word[0].offset * 8
        if self.layouts.byteorder == "big":
            low = end_of(word) * 8 - (step.bit_offset + size)
        value = f"w >> {low}" if low else "w"
        value = f"{value} & {(1 << size) - 1:#x}"
        if not (isinstance(step.layout, ScalarLayout) and step.layout.is_signed):
            return value
        sign = 1 << (size - 1)
        return f"(({value}) ^ {sign:#x}) - {sign:#x}"


class ObjectWriter:
    """Writes what a function does for the steps of a plan.

    Each member that is shown is appended to the list `out` once; so what was left out is known by
    its length. Offsets are from `base`, the name of a variable, or "" where the object starts.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self.emit = code.emit
        self.tested = ("", 0, 0)  # what the code has just found not to be zero

    # What the writers differ in

    def scalar(self, step: Step, value: str, out: str, base: str) -> None:
        """Append a scalar or a bit field, whose value is in the variable `value`."""
        raise NotImplementedError

    def compound(self, step: Step, out: str, base: str) -> None:
        """Append a struct or an array."""
        raise NotImplementedError

    # What they share

    def struct(self, steps: Sequence[Step], out: str, base: str) -> None:
        """Append members to `out`; whoever calls this counts what is missing there."""
        block: list[Step] = []
        word: list[Step] = []
        for step in steps:
            if step.is_plain and fits_block(block, step):
                self.write_word(word, out, base)
                block.append(step)
            elif step.is_bits and fits_word(word, step):
                self.write_block(block, out, base)
                word.append(step)
            else:
                self.write_block(block, out, base)
                self.write_word(word, out, base)
                if step.is_plain:
                    block.append(step)
                elif step.is_bits:
                    word.append(step)
                else:
                    self.single(step, out, base)
        self.write_block(block, out, base)
        self.write_word(word, out, base)

    def single(self, step: Step, out: str, base: str) -> None:
        """Append a member that is read alone, if it is to be shown."""
        if not step.is_wanted and not step.tested:
            return
        with self.shown(step, base):
            if isinstance(step.layout, ScalarLayout):
                self.emit(f"v0 = {self.read(step.layout, base, step.offset)}")
                self.scalar(step, "v0", out, base)
            else:
                self.compound(step, out, base)

    def shown(self, step: Step, base: str) -> AbstractContextManager[None]:
        """Write a block for a member that is shown: unless it is wanted, if it is not zero."""
        if step.is_wanted:
            return nullcontext()
        end = step.offset + step.tested
        self.tested = base, step.offset, end
        return self.code.indented(
            f"if {bytes_(base, step.offset, end)} != {self.code.zeros(step.tested)}:"
        )

    def read(self, layout: ScalarLayout, base: str, offset: int) -> str:
        """Return an expression for a scalar."""
        where = at(base, offset)
        if is_unpackable(layout):
            return f"{self.code.unpacker(CODES[layout.size, layout.is_signed])}(d, {where})[0]"
        return f"{self.code.constant('R', layout.decode)}(d, {where})"

    def write_block(self, block: list[Step], out: str, base: str) -> None:
        """Append scalars that one struct.unpack() reads, and forget them."""
        if not block:
            return
        start, end = block[0].offset, end_of(block)
        is_known = self.tested == (base, start, end)
        is_tested = len(block) > 1 and not is_known and not any(s.is_wanted for s in block)
        test = f"if {bytes_(base, start, end)} != {self.code.zeros(end - start)}:"
        with self.code.indented(test) if is_tested else nullcontext():
            names = ", ".join(f"v{i}" for i in range(len(block)))
            self.emit(f"{names}, = {self.code.unpacker(codes_of(block))}(d, {at(base, start)})")
            for i, step in enumerate(block):
                with nullcontext() if step.is_wanted else self.code.indented(f"if v{i}:"):
                    self.scalar(step, f"v{i}", out, base)
        block.clear()

    def write_word(self, word: list[Step], out: str, base: str) -> None:
        """Append bit fields whose bytes are read once, and forget them."""
        if not word:
            return
        span = bytes_(base, word[0].offset, end_of(word))
        self.emit(f"w = F({span}, '{self.code.layouts.byteorder}')")
        is_tested = not any(step.is_wanted for step in word)
        with self.code.indented("if w:") if is_tested else nullcontext():
            for step in word:
                self.emit(f"v0 = {self.code.bits(word, step)}")
                with nullcontext() if step.is_wanted else self.code.indented("if v0:"):
                    self.scalar(step, "v0", out, base)
        word.clear()

    @contextmanager
    def elements(self, step: Step, base: str, found: str, elided: str) -> Iterator[tuple[str, str]]:
        """Write a loop over the elements of an array that are shown.

        `found` is the list that the block appends to; `elided` the variable that says how many
        elements were not looked at. Gives the names of (offset of the element, its index).
        """
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        size = layout.element.size
        shown = min(layout.length, self.code.elements)
        where, index = self.code.fresh("b"), self.code.fresh("i")
        self.emit(f"{found}, {elided} = [], 0")
        with self.code.indented(f"for {index} in range({layout.length if size else 0}):"):
            self.emit(f"{where} = {at(base, step.offset)} + {index} * {size}")
            self.emit(f"if d[{where}:{where}+{size}] == {self.code.zeros(size)}: continue")
            with self.code.indented(f"if len({found}) >= {shown}:"):
                self.emit(f"{elided} = {layout.length} - {index}")
                self.emit("break")
            yield where, index


class FieldsWriter(ObjectWriter):
    """Writes code that makes a `Field` of each member."""

    def scalar(self, step: Step, value: str, out: str, base: str) -> None:
        """Append a scalar or a bit field."""
        bits = f", {step.member.bit_size}" if step.is_bits and step.member else ""
        self.emit(f"{out}.append({self.field(repr(step.name), step, value, base)}{bits}))")

    def field(self, name: str, step: Step, value: str, base: str) -> str:
        """Return the beginning of a call of Field(), up to the facts."""
        layout = self.code.constant("T", step.layout)
        facts = "None" if step.facts is None else self.code.constant("A", step.facts)
        return f"Field({name}, {layout}, {at(base, step.offset)}, {value}, {facts}"

    def compound(self, step: Step, out: str, base: str) -> None:
        """Append a struct or an array."""
        self.append(step, repr(step.name), out, base)

    def append(self, step: Step, name: str, out: str, base: str) -> None:
        """Append a struct or an array; `name` is an expression for its name."""
        if isinstance(step.layout, ArrayLayout):
            self.array(step, name, out, base)
            return
        found = self.code.fresh("o")
        self.emit(f"{found} = []")
        self.struct(step.inner, found, base)
        self.emit(f"z += {len(step.inner)} - len({found})")
        append = f"{out}.append({self.field(name, step, found, base)}))"
        if step.name or not step.selection or name != "''":
            self.emit(append)
        else:  # an anonymous struct of which nothing was selected
            self.emit(f"if {found}: {append}")
            self.emit("else: z -= 1")

    def array(self, step: Step, name: str, out: str, base: str) -> None:
        """Append an array."""
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        if is_text(step):
            end = step.offset + layout.size
            value = bytes_(base, step.offset, end)
            self.emit(f"{out}.append({self.field(name, step, value, base)}))")
            return
        element = layout.element
        if isinstance(element, ScalarLayout):
            shown = min(layout.length, self.code.elements)
            value = self.scalars(element, shown, base, step.offset)
            elided = str(layout.length - shown)
        else:
            value, elided = self.code.fresh("o"), self.code.fresh("m")
            with self.elements(step, base, value, elided) as (where, index):
                for inner in step.inner:
                    self.append(inner, f'f"[{{{index}}}]"', value, where)
        facts = "None" if step.facts is None else self.code.constant("A", step.facts)
        kind = self.code.constant("T", layout)
        self.emit(
            f"{out}.append(array({name}, {kind}, {at(base, step.offset)}, "
            f"{value}, {facts}, {elided}))"
        )

    def scalars(self, element: ScalarLayout, shown: int, base: str, offset: int) -> str:
        """Return an expression for the list of an array's scalars."""
        where = at(base, offset)
        if is_unpackable(element):
            codes = f"{shown}{CODES[element.size, element.is_signed]}"
            return f"list({self.code.unpacker(codes)}(d, {where}))"
        decode = self.code.constant("R", element.decode)
        return f"[{decode}(d, {where} + i * {element.size}) for i in range({shown})]"


def array_field(
    name: str, layout: Layout, offset: int, value: FieldValue, facts: Any, elided: int
) -> Field:
    """Return the field of an array of which `elided` elements are not in `value`."""
    return Field(name, layout, offset, value, facts, elided=elided)


def at(base: str, offset: int) -> str:
    """Return an expression for an offset into the bytes."""
    return f"{base}+{offset}" if base else str(offset)


def bytes_(base: str, start: int, end: int) -> str:
    """Return an expression for a slice of the bytes."""
    return f"d[{at(base, start)}:{at(base, end)}]"


def end_of(run: Sequence[Step]) -> int:
    """Return the offset behind the last byte that has something of these steps."""
    return max(
        (step.bit_offset + step.member.bit_size + 7) // 8
        if step.is_bits and step.member
        else step.offset + step.layout.size
        for step in run
    )


def fits_block(block: Sequence[Step], added: Step) -> bool:
    """Whether a scalar may be unpacked with those of a block so far."""
    if not block:
        return True
    gap = added.offset - end_of(block[-1:])
    return len(block) < MAX_BLOCK and 0 <= gap <= MAX_GAP


def fits_word(word: Sequence[Step], added: Step) -> bool:
    """Whether a bit field lies in the eight bytes from the first one on."""
    return not word or word[0].offset <= added.offset < end_of([added]) <= word[0].offset + 8


def codes_of(block: Sequence[Step]) -> str:
    """Return the format of struct.unpack() that reads a block, without the byte order."""
    codes, end = "", block[0].offset
    for step in block:
        assert isinstance(step.layout, ScalarLayout)
        codes += f"{step.offset - end}x" if step.offset > end else ""
        codes += CODES[step.layout.size, step.layout.is_signed]
        end = step.offset + step.layout.size
    return codes
