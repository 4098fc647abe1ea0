"""Layout -> Python source -> function: the text of one struct's bytes.

The generated function does what `plain.reference_text` does, with everything that is known of the
type worked out beforehand: a struct is cut into blocks of neighbouring scalars, each tested for
zeros and unpacked at once. Its source is in `linecache`: tracebacks and debuggers show it.

Which members are read together is decided in compiled_blocks.py; what a function refers to by name
is in compiled_source.py, and what it calls for arrays in compiled_arrays.py.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from btfdump.decode.compiled.projection import CODES, define, is_unpackable
from btfdump.decode.layout import ArrayLayout, ScalarLayout, StructLayout
from btfdump.render.compiled_arrays import is_inline
from btfdump.render.compiled_blocks import (
    MAX_UNROLLED,
    BitField,
    Item,
    Leaf,
    bit_field,
    fits_block,
    fits_word,
    leaves,
    parts,
    unpack_codes,
)
from btfdump.render.compiled_source import Source, cast_to, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump.decode.layout import Layout, Layouts

_INDENT = "  "


def compile_text(
    layouts: Layouts, layout: StructLayout, *, zero: bool = False
) -> Callable[[bytes], str]:
    """Return a function from a struct's bytes to its text: what `plain.reference_text` returns.

    `function.source` is the generated source. Raises `BtfFormatError` where the type is corrupt.
    """
    source = Source(layouts, zero)
    writer = _Writer(source, base="", depth=1)
    writer.emit(f"o = [f'{cast_to(layout)}{{{{']")
    writer.emit("a = o.append")
    writer.struct(layout, 0, 0)
    writer.emit("a('}')")
    writer.emit("return '\\n'.join(o)")
    text = "\n".join([*source.functions, writer.function("text(d)")])
    function: Callable[[bytes], str] = define(
        "text", text, source.constants, f"text of {layout.type}"
    )
    return function


class _Value(NamedTuple):
    """A value within a line: `text` is the inside of an f-string; `condition` is false for zero."""

    condition: str
    text: str


class _Line(NamedTuple):
    """A line of text: `prefix` is the inside of an f-string; `values` are in braces in a struct."""

    prefix: str
    values: list[_Value]
    is_struct: bool

    def of(self, values: str) -> str:
        """Return the inside of an f-string that writes the line with these values."""
        if not self.is_struct:
            return self.prefix + values
        return f"{self.prefix}{{{{ {values} }}}}," if values else f"{self.prefix}{{{{}}}},"

    @property
    def whole(self) -> str:
        """The line with all values, zero or not."""
        return self.of(", ".join(value.text for value in self.values))


class _Writer:
    """Writes the body of one function.

    In it `d` are the bytes, `o` the lines of text so far and `a` appends to them. A function that
    writes an element of an array has its offset in `b` and its index in `i`: `base` is "b" then.
    Offsets are from there. Other variables: `v0`, `v1`, ... values, `w` a word of bit fields, `p`
    parts of a line, and for the Nth thing that is counted `zN`, whether it is zero, and `nN`, how
    many lines there were before it.
    """

    def __init__(self, source: Source, *, base: str, depth: int) -> None:
        self.source = source
        self.layouts = source.layouts
        self.zero = source.zero
        self.base = base
        self.depth = depth
        self.level = 1
        self.lines: list[str] = []
        self.block: list[Item] = []
        self.word: list[BitField] = []
        self.marks = 0
        self.around = (0, 0)  # offset and size of the innermost piece

    # Python

    def function(self, signature: str) -> str:
        """Return the source of the function."""
        return "\n".join([f"def {signature}:", *self.lines, ""])

    def emit(self, line: str) -> None:
        """Write a line of Python."""
        self.lines.append("    " * self.level + line)

    @contextmanager
    def indented(self, header: str) -> Iterator[None]:
        """Write a block of Python; it may stay empty.

        Source.admit() keeps the nesting well below the 100 levels that Python's parser allows.
        """
        self.emit(header)
        self.level += 1
        count = len(self.lines)
        yield
        if len(self.lines) == count:
            self.emit("pass")
        self.level -= 1

    def mark(self) -> str:
        """Name a variable for how many lines there are now."""
        self.marks += 1
        return f"n{self.marks}"

    def at(self, offset: int) -> str:
        """Return an expression for an offset into the bytes."""
        return f"{self.base}+{offset}" if self.base else str(offset)

    def bytes_(self, start: int, end: int) -> str:
        """Return an expression for a slice of the bytes."""
        return f"d[{self.at(start)}:{self.at(end)}]"

    def is_set(self, at: int, size: int) -> str:
        """Return a condition: some of these bytes are not zero."""
        return f"{self.bytes_(at, at + size)} != {self.source.zeros(size)}"

    @contextmanager
    def piece(self, at: int, size: int) -> Iterator[None]:
        """Write what is left out if these bytes are zero.

        With zeros shown it is not left out; the text for zeros is kept from the first time on.
        A piece that is all there is of the one around it needs no test of its own.
        """
        around, self.around = self.around, (at, size)
        if around == (at, size):
            yield
        elif self.zero:
            with self.kept_if_zero(at, size):
                yield
        else:
            with self.indented(f"if {self.is_set(at, size)}:"):
                yield
        self.around = around

    @contextmanager
    def kept_if_zero(self, at: int, size: int) -> Iterator[None]:
        """Write what is taken from the first time on if these bytes are zero."""
        first = self.mark()
        is_zero = f"z{first[1:]}"
        kept = self.source.kept_text()
        self.emit(f"{is_zero} = {self.bytes_(at, at + size)} == {self.source.zeros(size)}")
        self.emit(f"if {is_zero} and {kept}: a({kept})")
        with self.indented("else:"):
            self.emit(f"{first} = len(o)")
            yield
            self.emit(f"if {is_zero}: {kept} = '\\n'.join(o[{first}:])")

    # Text

    def prefix(self, title: str, layout: Layout) -> str:
        """Return the beginning of a line; `title` is escaped."""
        return f"{_INDENT * self.depth}{title}{cast_to(layout)}"

    @contextmanager
    def brackets(self, prefix: str, opening: str, closing: str) -> Iterator[None]:
        """Write lines in brackets: none at all if there are none and zeros are skipped."""
        first = self.mark()
        if not self.zero:
            self.emit(f"{first} = len(o)")
        self.emit(f"a(f'{prefix}{opening}')")
        self.depth += 1
        yield
        self.depth -= 1
        close = f"a('{_INDENT * self.depth}{closing},')"
        if self.zero:
            self.emit(close)
        else:
            self.emit(f"if len(o) == {first} + 1: o.pop()")
            self.emit(f"else: {close}")

    def write(self, lines: list[_Line]) -> None:
        """Write lines whose values have been read; with zeros shown they are one string."""
        if self.zero:
            whole = "\\n".join(line.whole for line in lines)
            self.emit(f"a(f'{whole}')")
            return
        for line in lines:
            conditions = [value.condition for value in line.values]
            if conditions:
                self.emit(f"if {' and '.join(conditions)}: a(f'{line.whole}')")
            if len(conditions) > 1:
                with self.indented(f"elif {' or '.join(conditions)}:"):
                    self.write_set(line)

    def write_set(self, line: _Line) -> None:
        """Write a line without those of its values that are zero."""
        self.emit("p = []")
        for condition, text in line.values:
            self.emit(f"if {condition}: p.append(f'{text}')")
        joined = '{", ".join(p)}'
        self.emit(f"a(f'{line.of(joined)}')")

    # Structs

    def struct(self, layout: StructLayout, at: int, nesting: int) -> None:
        """Write the members of a struct, each on lines of its own."""
        self.source.admit(layout, nesting, len(layout.members))
        for member in layout.members:
            inner = self.layouts.of_member(member, layout)
            title = title_of(f".{member.name}") if member.name else ""
            where = at + member.offset
            if member.bit_size:
                self.gather_bits(bit_field(title, member, inner, at))
            elif found := leaves(self.layouts, inner, where):
                self.gather(Item(title, inner, found))
            else:
                self.flush()
                self.member(title, inner, where, nesting)
        self.flush()

    def member(self, title: str, layout: Layout, at: int, nesting: int) -> None:
        """Write a member that is not in a block."""
        if not layout.size and not self.zero:
            return
        if isinstance(layout, ScalarLayout):
            condition = self.read("v0", layout, at, None)
            text = self.source.text(layout, "v0", ",")
            self.write([_Line(self.prefix(title, layout), [_Value(condition, text)], False)])
        else:
            with self.piece(at, layout.size) if layout.size else nullcontext():
                self.value(title, layout, at, nesting)

    def value(self, title: str, layout: StructLayout | ArrayLayout, at: int, nesting: int) -> None:
        """Write a struct or an array: on one line if it is small, else over several."""
        prefix = self.prefix(title, layout)
        if isinstance(layout, StructLayout):
            if layout.is_small:
                self.small(prefix, layout, at)
                return
            with self.brackets(prefix, "{{", "}"):
                self.struct(layout, at, nesting + 1)
        elif is_inline(layout):
            self.emit(f"a(f'{prefix}{{{self.source.array(layout)}(d, {self.at(at)})}},')")
        else:
            with self.brackets(prefix, "[", "]"):
                self.elements(layout, at, nesting + 1)

    def small(self, prefix: str, layout: StructLayout, at: int) -> None:
        """Write a small struct that a block does not take: what is in it is read one by one."""
        values: list[_Value] = []
        for path, inner, where, bits in parts(self.layouts, layout, at):
            if isinstance(inner, ArrayLayout):
                condition = self.is_set(where, inner.size)
                text = f"{{{self.source.array(inner)}(d, {self.at(where)})}}"
            else:
                variable = f"v{len(values)}"
                condition = self.read(variable, inner, where, bits)
                text = self.source.text(inner, variable)
            values.append(_Value(condition, title_of(path) + text))
        self.write([_Line(prefix, values, True)])

    def read(self, variable: str, layout: ScalarLayout, at: int, bits: BitField | None) -> str:
        """Read one scalar or bit field; return a condition that is false if it is zero."""
        if bits:
            self.emit(f"w = {self.word_of([bits])}")
            self.emit(f"{variable} = {self.bits_of([bits], bits)}")
            return variable
        if is_unpackable(layout):
            unpack = self.source.unpacker(CODES[layout.size, layout.is_signed])
            self.emit(f"{variable}, = {unpack}(d, {self.at(at)})")
            return variable
        self.emit(f"{variable} = {self.source.reader(layout)}(d, {self.at(at)})")
        return self.is_set(at, layout.size)  # not all that equals zero is zero bytes: -0.0

    # What is read together

    def gather(self, item: Item) -> None:
        """Add to the block, after writing what does not go with it."""
        if self.word or not fits_block(self.block, item.leaves):
            self.flush()
        self.block.append(item)

    def gather_bits(self, bits: BitField) -> None:
        """Add to the word, after writing what does not go with it."""
        if self.block or not fits_word(self.word, bits):
            self.flush()
        self.word.append(bits)

    def flush(self) -> None:
        """Write the block or the word that was gathered."""
        block, self.block = self.block, []
        word, self.word = self.word, []
        if block:
            self.write_block(block)
        if word:
            self.write_word(word)

    def write_block(self, block: list[Item]) -> None:
        """Write lines whose scalars one struct.unpack() reads."""
        found = [leaf for item in block for leaf in item.leaves]
        start, end = found[0].offset, found[-1].end
        variables = [f"v{i}" for i in range(len(found))]
        unpack = self.source.unpacker(unpack_codes(found))
        names = iter(variables)
        with self.piece(start, end - start) if len(found) > 1 else nullcontext():
            self.emit(f"{', '.join(variables)}, = {unpack}(d, {self.at(start)})")
            self.write(
                [self.line(item, [(leaf, next(names)) for leaf in item.leaves]) for item in block]
            )

    def line(self, item: Item, read: list[tuple[Leaf, str]]) -> _Line:
        """Return the line of a block's item whose scalars are in these variables."""
        is_struct = isinstance(item.layout, StructLayout)
        text = self.source.text
        if is_struct:
            values = [_Value(v, title_of(leaf.path) + text(leaf.layout, v)) for leaf, v in read]
        elif isinstance(item.layout, ArrayLayout):
            elements = ", ".join(text(leaf.layout, v) for leaf, v in read)
            values = [_Value(" or ".join(v for _, v in read), f"{{{{ {elements} }}}},")]
        else:
            values = [_Value(v, text(leaf.layout, v, ",")) for leaf, v in read]
        return _Line(self.prefix(item.title, item.layout), values, is_struct)

    def write_word(self, word: list[BitField]) -> None:
        """Write bit fields whose bytes are read once."""
        self.emit(f"w = {self.word_of(word)}")
        lines = []
        with nullcontext() if self.zero else self.indented("if w:"):
            for i, bits in enumerate(word):
                self.emit(f"v{i} = {self.bits_of(word, bits)}")
                text = self.source.text(bits.layout, f"v{i}", ",")
                prefix = self.prefix(bits.title, bits.layout)
                lines.append(_Line(prefix, [_Value(f"v{i}", text)], False))
            self.write(lines)

    def word_of(self, word: list[BitField]) -> str:
        """Return an expression for the bytes that hold bit fields, as one number."""
        last = max(bits.end for bits in word)
        return f"F({self.bytes_(word[0].first, last)}, '{self.layouts.byteorder}')"

    def bits_of(self, word: list[BitField], bits: BitField) -> str:
        """Return an expression for a bit field out of `w`; see Layouts.bits()."""
        low = bits.bit_offset - word[0].first * 8
        if self.layouts.byteorder == "big":
            last = max(other.end for other in word)
            low = last * 8 - (bits.bit_offset + bits.bit_size)
        value = f"w >> {low}" if low else "w"
        value = f"{value} & {(1 << bits.bit_size) - 1:#x}"
        if not bits.layout.is_signed:
            return value
        sign = 1 << (bits.bit_size - 1)
        return f"(({value}) ^ {sign:#x}) - {sign:#x}"

    # Arrays over several lines

    def elements(self, layout: ArrayLayout, at: int, nesting: int) -> None:
        """Write the elements of an array of structs or of arrays."""
        self.source.admit(layout, nesting)
        element = layout.element
        assert not isinstance(element, ScalarLayout)
        small = isinstance(element, StructLayout) and leaves(self.layouts, element, at)
        if small and layout.length <= MAX_UNROLLED:
            for i in range(layout.length):
                found = leaves(self.layouts, element, at + i * element.size)
                self.gather(Item(f"[{i}] = ", element, found))
            self.flush()
            return
        functions = self.source.functions
        number = len(functions)
        functions.append("")  # its place: those of arrays in the element come behind it
        writer = _Writer(self.source, base="b", depth=self.depth)
        writer.emit("a = o.append")
        # Not member(): the walker has tested for zeros, and text with an index in it can't be kept.
        writer.value("[{i}] = ", element, 0, nesting)
        functions[number] = writer.function(f"e{number}(d, b, i, o)")
        walker = self.source.walker(number, layout, _INDENT * self.depth)
        self.emit(f"{walker}(d, {self.at(at)}, o, e{number})")
