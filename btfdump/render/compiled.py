"""Layout -> Python source -> function: the text of one struct's bytes.

The generated function does what `plain.reference_text` does, with everything that is known of the
type worked out beforehand: a struct is cut into blocks of neighbouring scalars, each tested for
zeros and unpacked at once. Its source is in `linecache`: tracebacks and debuggers show it.
"""

from __future__ import annotations

from functools import partial
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump.codegen import CODES, define, is_unpackable
from btfdump.errors import BtfFormatError
from btfdump.layout import (
    MAX_NESTING,
    ArrayLayout,
    Category,
    MemberLayout,
    ScalarLayout,
    StructLayout,
)
from btfdump.render import Options
from btfdump.render.escape import printable, quoted_bytes
from btfdump.render.scalar import LARGE, MAX_ERRNO, array_text, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump.layout import Layout, Layouts

_BLOCK = 8
"""Scalars that are tested for zero and unpacked together."""
_INDENT = "  "
ELEMENTS = 64
"""Elements shown of each array."""


def compile_text(
    layouts: Layouts, layout: StructLayout, *, zero: bool = False
) -> Callable[[bytes], str]:
    """Return a function from a struct's bytes to its text: what `plain.reference_text` returns.

    `function.source` is the generated source. Raises `BtfFormatError` where the type is corrupt.
    """
    writer = _Writer(layouts, zero)
    writer.struct(layout, 0, 1, 1, "")
    title = _literal(f"({printable(str(layout.type))}){{")
    body = "\n".join(writer.lines) or "    pass"
    source = (
        "\n".join(writer.functions)
        + f"\ndef text(d):\n    o = ['{title}']\n    a = o.append\n{body}\n"
        "    a('}')\n    return '\\n'.join(o)\n"
    )
    function: Callable[[bytes], str] = define(
        "text", source, writer.constants, f"text of {layout.type}"
    )
    return function


def _literal(text: str) -> str:
    """Escape text for the inside of a single-quoted string."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def _braces(text: str) -> str:
    """Escape text for the inside of a single-quoted f-string."""
    return _literal(text).replace("{", "{{").replace("}", "}}")


class _Writer:
    """Writes the body of one function; `constants` is what the source refers to by name."""

    def __init__(self, layouts: Layouts, zero: bool) -> None:
        self.layouts = layouts
        self.zero = zero
        self.mark = "<" if layouts.byteorder == "little" else ">"
        self.lines: list[str] = []
        self.functions: list[str] = []
        self.constants: dict[str, Any] = {"F": int.from_bytes}
        self.block: list[tuple[MemberLayout, ScalarLayout, int]] = []
        self.options = Options(zero=zero)
        self.members_left = 200_000

    # Small things

    def constant(self, prefix: str, value: Any) -> str:
        """Name a value in the generated source."""
        for name, known in self.constants.items():
            if known is value or (isinstance(value, bytes) and known == value):
                return name
        name = f"{prefix}{len(self.constants)}"
        self.constants[name] = value
        return name

    def emit(self, level: int, line: str) -> None:
        self.lines.append("    " * level + line)

    def at(self, base: str, offset: int) -> str:
        return f"{base}+{offset}" if base else str(offset)

    def nonzero(self, base: str, offset: int, size: int) -> str:
        """Return a condition: some of these bytes are set."""
        zeros = self.constant("Z", bytes(size))
        if base:
            return f"d[{base}+{offset}:{base}+{offset + size}] != {zeros}"
        return f"d[{offset}:{offset + size}] != {zeros}"

    # Structs

    def struct(
        self, layout: StructLayout, offset: int, depth: int, level: int, base: str, nesting: int = 0
    ) -> None:
        """Write the members of a struct that starts `offset` bytes behind `base`."""
        self.members_left -= len(layout.members)
        if nesting > MAX_NESTING or self.members_left < 0:
            raise BtfFormatError(0, f"{layout.type} contains itself, or more than its bytes hold")
        for member in layout.members:
            inner = self.layouts.of_member(member, layout)
            at = offset + member.offset
            if self.is_plain(member, inner):
                if self.block and not self.fits(at):
                    self.flush(depth, level, base)
                self.block.append((member, inner, at))  # type: ignore[arg-type]
                continue
            self.flush(depth, level, base)
            if member.bit_size:
                self.bit_field(member, inner, offset, depth, level, base)
            elif isinstance(inner, StructLayout):
                self.nested(member, inner, at, depth, level, base, nesting)
            elif isinstance(inner, ArrayLayout):
                self.array(member.name, inner, at, depth, level, base, nesting)
            else:
                self.odd(member.name, inner, at, depth, level, base)
        self.flush(depth, level, base)

    @staticmethod
    def is_plain(member: MemberLayout, layout: Layout) -> bool:
        """Whether a member is a scalar that can be unpacked together with its neighbours."""
        return not member.bit_size and is_unpackable(layout)

    def fits(self, at: int) -> bool:
        _, layout, last = self.block[-1]
        gap = at - last - layout.size
        return len(self.block) < _BLOCK and 0 <= gap <= 8

    def flush(self, depth: int, level: int, base: str) -> None:
        """Write the block of plain scalars gathered so far."""
        block, self.block = self.block, []
        if not block:
            return
        start = block[0][2]
        code, end = self.mark, start
        for _, layout, at in block:
            code += f"{at - end}x" if at > end else ""
            code += CODES[layout.size, layout.is_signed]
            end = at + layout.size
        unpack = self.constant("U", Packer(code).unpack_from)
        if not self.zero:
            self.emit(level, f"if {self.nonzero(base, start, end - start)}:")
            level += 1
        names = ",".join(f"v{i}" for i in range(len(block)))
        self.emit(level, f"{names}, = {unpack}(d, {self.at(base, start)})")
        for i, (member, layout, _) in enumerate(block):
            line = self.line(member.name, layout, f"v{i}", depth)
            self.emit(level, line if self.zero else f"if v{i}: {line}")

    def line(self, name: str, layout: ScalarLayout, variable: str, depth: int) -> str:
        """Return the statement that appends a scalar's line."""
        prefix = _INDENT * depth + (f".{printable(name)} = " if name else "")
        prefix += f"({printable(str(layout.type))})"
        return self.statement("a", prefix, layout, variable, ",")

    def statement(
        self, append: str, prefix: str, layout: ScalarLayout, variable: str, comma: str
    ) -> str:
        """Return a statement that appends `prefix`, a scalar, the comma and any remark."""
        prefix = _braces(prefix)
        general = f"{append}(f'{prefix}{{{self.slow(layout, comma)}({variable})}}')"
        if layout.category is Category.INT and layout.size <= 4:
            return f"{append}(f'{prefix}{{{variable}}}{comma}')"
        if layout.category is Category.INT and layout.size <= 8:
            quick, bound = f"{append}(f'{prefix}{{{variable}}}{comma}')", f"{variable} < {LARGE}"
        elif layout.category is Category.POINTER:
            quick = f"{append}(f'{prefix}{{{variable}:#x}}{comma}')"
            bound = f"0 < {variable} < {(1 << layout.size * 8) - MAX_ERRNO}"
        else:
            return general
        return f"{quick} if {bound} else {general}"

    def slow(self, layout: ScalarLayout, comma: str) -> str:
        """Name a function from a value to its text, comma and remark."""
        options = self.options
        known: dict[object, str] = {}

        def text(value: object) -> str:
            found = known.get(value)
            if found is None:
                shown, remark = scalar(layout, value, options)
                found = f"{shown}{comma}{f' /* {remark} */' if remark else ''}"
                if len(known) < 1024:
                    known[value] = found
            return found

        key = f"S{layout.type.id}_{id(layout.type.btf) & 0xFFFF:x}{'c' if comma else ''}"
        self.constants.setdefault(key, text)
        return key

    # What is not a plain scalar

    def bit_field(
        self,
        member: MemberLayout,
        layout: Layout,
        start: int,
        depth: int,
        level: int,
        base: str,
    ) -> None:
        if not isinstance(layout, ScalarLayout):
            raise BtfFormatError(0, f"bit field {member.name} is a {layout.type}")
        expression = self.bits(member.bit_offset, member.bit_size, layout.is_signed, start, base)
        self.emit(level, f"v0 = {expression}")
        line = self.line(member.name, layout, "v0", depth)
        self.emit(level, line if self.zero else f"if v0: {line}")

    def bits(self, bit_offset: int, bit_size: int, signed: bool, start: int, base: str) -> str:
        """Return an expression for `bit_size` bits; see Layouts.bits()."""
        first, last = bit_offset // 8, (bit_offset + bit_size + 7) // 8
        low = bit_offset - first * 8
        if self.layouts.byteorder == "big":
            low = last * 8 - (bit_offset + bit_size)
        piece = f"d[{self.at(base, start + first)}:{self.at(base, start + last)}]"
        word = f"F({piece}, '{self.layouts.byteorder}')"
        value = (
            f"({word} >> {low} & {(1 << bit_size) - 1})"
            if low
            else (f"({word} & {(1 << bit_size) - 1})")
        )
        if not signed or not bit_size:
            return value
        sign = 1 << (bit_size - 1)
        return f"({value} ^ {sign}) - {sign}"

    def nested(
        self,
        member: MemberLayout,
        layout: StructLayout,
        at: int,
        depth: int,
        level: int,
        base: str,
        nesting: int,
    ) -> None:
        """Write a struct inside the struct: on one line if it is small, else over several."""
        name = f".{printable(member.name)} = " if member.name else ""
        opening = f"{_INDENT * depth}{name}({printable(str(layout.type))}){{"
        if not self.zero and layout.size:
            self.emit(level, f"if {self.nonzero(base, at, layout.size)}:")
            level += 1
        elif not self.zero:
            return
        if layout.is_small:
            self.small(layout, at, level, base, opening)
            return
        if level > 60:
            raise BtfFormatError(0, f"{layout.type} is nested too deep")
        self.emit(level, f"n{level} = len(o)")
        self.emit(level, f"a('{_literal(opening)}')")
        self.struct(layout, at, depth + 1, level, base, nesting + 1)
        close = f"a('{_literal(_INDENT * depth)}}},')"
        if self.zero:
            self.emit(level, close)
        else:
            self.emit(level, f"if len(o) == n{level} + 1: o.pop()")
            self.emit(level, f"else: {close}")

    def small(self, layout: StructLayout, at: int, level: int, base: str, opening: str) -> None:
        """Write a small struct: its parts are gathered, then joined on one line."""
        self.emit(level, "p = []")
        self.parts(layout, at, level, base, "")
        self.emit(level, f"if p: a('{_literal(opening)} ' + ', '.join(p) + ' }},')")
        if self.zero:
            self.emit(level, f"else: a('{_literal(opening)}}},')")

    def parts(self, layout: StructLayout, at: int, level: int, base: str, prefix: str) -> None:
        for member in layout.members:
            inner = self.layouts.of_member(member, layout)
            name = f"{prefix}.{member.name}" if member.name else prefix
            where = at + member.offset
            if isinstance(inner, StructLayout) and not member.bit_size:
                self.parts(inner, where, level, base, name)
                continue
            start = f"{printable(name)} = "
            if isinstance(inner, ArrayLayout):
                value = self.array_value(inner, where, base)
                condition = self.nonzero(base, where, inner.size) if inner.size else "0"
                line = f"p.append(f'{_braces(start)}{{{value}}}')"
            else:
                assert isinstance(inner, ScalarLayout)
                if member.bit_size:
                    signed = inner.is_signed
                    read = self.bits(member.bit_offset, member.bit_size, signed, at, base)
                else:
                    read = self.read(inner, where, base)
                self.emit(level, f"v0 = {read}")
                condition = "v0"
                line = self.statement("p.append", start, inner, "v0", "")
            self.emit(level, line if self.zero else f"if {condition}: {line}")

    def read(self, layout: ScalarLayout, at: int, base: str) -> str:
        """Return an expression that reads one scalar."""
        if is_unpackable(layout):
            code = self.mark + CODES[layout.size, layout.is_signed]
            unpack = self.constant_packer(code)
            return f"{unpack}(d, {self.at(base, at)})[0]"
        return f"{self.constant('R', layout.decode)}(d, {self.at(base, at)})"

    def constant_packer(self, code: str) -> str:
        name = f"U_{code[1:]}"
        self.constants.setdefault(name, Packer(code).unpack_from)
        return name

    def odd(
        self, name: str, layout: ScalarLayout, at: int, depth: int, level: int, base: str
    ) -> None:
        """Write a float, a 128-bit integer, or bytes that BTF does not describe."""
        if not layout.size and not self.zero:
            return
        self.emit(level, f"v0 = {self.read(layout, at, base)}")
        line = self.line(name, layout, "v0", depth)
        if self.zero:
            self.emit(level, line)
        else:
            self.emit(level, f"if {self.nonzero(base, at, layout.size)}: {line}")

    # Arrays

    def array_value(self, layout: ArrayLayout, at: int, base: str) -> str:
        """Return an expression for the text of an array of scalars or characters."""
        if layout.is_text:
            quote = self.constant("T", partial(_text, size=layout.size, limit=self.options.string))
            return f"{quote}(d, {self.at(base, at)})"
        element = layout.element
        assert isinstance(element, ScalarLayout)
        show = _array_formatter(layout, element, self.options, self.mark)
        return f"{self.constant('A', show)}(d, {self.at(base, at)})"

    def array(
        self,
        name: str,
        layout: ArrayLayout,
        at: int,
        depth: int,
        level: int,
        base: str,
        nesting: int,
    ) -> None:
        if not self.zero:
            if not layout.size:
                return
            self.emit(level, f"if {self.nonzero(base, at, layout.size)}:")
            level += 1
        prefix = _INDENT * depth + (f".{printable(name)} = " if name else "")
        prefix += f"({printable(str(layout.type))})"
        if layout.is_text or isinstance(layout.element, ScalarLayout):
            self.emit(level, f"a(f'{_braces(prefix)}{{{self.array_value(layout, at, base)}}},')")
            return
        function = self.element_function(layout.element, depth + 1, nesting + 1)
        loop = partial(
            _elements,
            count=layout.length if layout.element.size else 0,
            size=layout.element.size,
            zero=self.zero,
            indent=_INDENT * (depth + 1),
        )
        walk = self.constant("W", loop)
        self.emit(level, f"n{level} = len(o)")
        self.emit(level, f"a('{_literal(prefix)}[')")
        self.emit(level, f"{walk}(d, {self.at(base, at)}, o, {function})")
        close = f"a('{_literal(_INDENT * depth)}],')"
        if self.zero:
            self.emit(level, close)
        else:
            self.emit(level, f"if len(o) == n{level} + 1: o.pop()")
            self.emit(level, f"else: {close}")

    def element_function(self, layout: Layout, depth: int, nesting: int) -> str:
        """Write a function for one element at `b`: its index is `i`, lines go to `o`."""
        writer = _Writer(self.layouts, self.zero)
        writer.constants, writer.functions = self.constants, self.functions
        writer.members_left = self.members_left
        name = f"e{len(self.functions)}"
        self.functions.append("")
        opening = f"{_INDENT * depth}[{{i}}] = "
        title = printable(str(layout.type))
        if isinstance(layout, StructLayout) and layout.is_small:
            writer.emit(1, "p = []")
            writer.parts(layout, 0, 1, "b", "")
            start = f"a(f'{_literal(opening)}{_braces(f'({title}){{')}"
            writer.emit(1, f"if p: {start} ' + ', '.join(p) + ' }},')")
            if self.zero:
                writer.emit(1, f"else: {start}}}}},')")
        elif isinstance(layout, ArrayLayout) and (
            layout.is_text or isinstance(layout.element, ScalarLayout)
        ):
            value = self.array_value(layout, 0, "b")
            writer.emit(1, f"a(f'{_literal(opening)}{_braces(f'({title})')}{{{value}}},')")
        else:
            is_struct = isinstance(layout, StructLayout)
            brackets = "{}" if is_struct else "[]"
            start = f"a(f'{_literal(opening)}{_braces(f'({title}){brackets[0]}')}')"
            writer.emit(1, "n = len(o)")
            writer.emit(1, start)
            if isinstance(layout, StructLayout):
                writer.struct(layout, 0, depth + 1, 1, "b", nesting)
            elif isinstance(layout, ArrayLayout):
                writer.rows(layout, depth, nesting)
            close = f"a('{_literal(_INDENT * depth)}{brackets[1]},')"
            if self.zero:
                writer.emit(1, close)
            else:
                writer.emit(1, "if len(o) == n + 1: o.pop()")
                writer.emit(1, f"else: {close}")
        self.members_left = writer.members_left
        index = int(name[1:])
        body = "\n".join(writer.lines)
        self.functions[index] = f"def {name}(d, b, i, o):\n    a = o.append\n{body}\n"
        return name

    def rows(self, layout: ArrayLayout, depth: int, nesting: int) -> None:
        """Write the elements of an array that is itself an element: an array of arrays."""
        if nesting > MAX_NESTING:
            raise BtfFormatError(0, f"{layout.type}: arrays nest too deep")
        function = self.element_function(layout.element, depth + 1, nesting + 1)
        loop = partial(
            _elements,
            count=layout.length if layout.element.size else 0,
            size=layout.element.size,
            zero=self.zero,
            indent=_INDENT * (depth + 1),
        )
        self.emit(1, f"{self.constant('W', loop)}(d, b, o, {function})")


# What generated code calls


def _text(data: bytes, at: int, *, size: int, limit: int) -> str:
    return quoted_bytes(data[at : at + size], limit)


def _array_formatter(
    layout: ArrayLayout, element: ScalarLayout, options: Options, mark: str
) -> Callable[[bytes, int], str]:
    """Return what scalar.array_text() makes of an array of this layout at an offset into bytes."""
    shown = min(layout.length, ELEMENTS)
    elided = layout.length - shown
    more = f" /* {elided} more */" if elided else ""
    is_int = element.category is Category.INT
    if is_int and element.size == 1 and shown > 4:
        return lambda data, at: f"{{ {data[at : at + shown].hex(' ')} }}{more}"
    if not is_unpackable(element):
        size, decode = element.size, element.decode

        def decoded(data: bytes, at: int) -> str:
            values = [decode(data, at + i * size) for i in range(shown)]
            return array_text(values, elided, element, options)

        return decoded
    unpack = Packer(f"{mark}{shown}{CODES[element.size, element.is_signed]}").unpack_from
    if not is_int:
        return lambda data, at: array_text(unpack(data, at), elided, element, options)
    text: Callable[[int], str] = str if element.size <= 4 else _long

    def integers(data: bytes, at: int) -> str:
        values = unpack(data, at)
        items: Iterable[str] = map(text, values)
        if shown > 8:
            set_ = [i for i, value in enumerate(values) if value]
            if len(set_) * 2 < shown:
                items = [f"[{i}] = {text(values[i])}" for i in set_]
        return f"{{ {', '.join(items)} }}{more}"

    return integers


def _long(value: int) -> str:
    return str(value) if value < LARGE else hex(value)


def _elements(
    data: bytes,
    at: int,
    lines: list[str],
    write: Callable[[bytes, int, int, list[str]], None],
    *,
    count: int,
    size: int,
    zero: bool,
    indent: str,
) -> None:
    """Write the elements of an array of structs, at most as many as the reference does."""
    zeros = bytes(size)
    shown = 0
    for i in range(count):
        where = at + i * size
        if not zero and data[where : where + size] == zeros:
            continue
        if shown >= min(count, ELEMENTS):
            lines.append(f"{indent}/* {count - i} more (--elements) */")
            break
        write(data, where, i, lines)
        shown += 1
