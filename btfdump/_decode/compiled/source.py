"""The source of one generated function in the making: its lines, and what they refer to by name.

Constants are named by what they are, so that the same type gives the same source: `Z8` are eight
zero bytes, `U_QI` is the unpack_from() of a format, `F` is int.from_bytes(); whatever else there is
has a letter and a number. What is compiled stays in `linecache`: tracebacks and debuggers show it.
"""

from __future__ import annotations

import linecache
from contextlib import contextmanager
from itertools import count
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._decode.layout import Category, ScalarLayout
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._decode.layout import Layout, Layouts

HOT = 16
"""Objects of a type from which on compiling code for them pays (see docs/performance.md)."""
CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
CODES |= {(size, True): code.lower() for (size, _), code in CODES.items()}
"""struct.unpack() codes by (size in bytes, signed)."""

MAX_INDENTATION = 90
"""Blocks inside each other: Python's parser takes 100."""

_names = count()


def is_unpackable(layout: Layout) -> bool:
    """Whether struct.unpack() reads this scalar as it is: whole integers, enums, pointers."""
    return (
        isinstance(layout, ScalarLayout)
        and layout.is_whole
        and layout.category not in (Category.FLOAT, Category.OPAQUE)
    )


class Spot(NamedTuple):
    """What struct.unpack() reads at an offset, by `code`, into the variable `name`."""

    offset: int
    size: int
    code: str
    name: str


def pattern(run: Sequence[Spot], start: int, end: int = 0) -> str:
    """Return the format of struct.unpack() for a run, without the byte order.

    The spots ascend and do not overlap; the bytes go from offset `start` to `end`, or to where the
    last spot ends.
    """
    codes, at = "", start
    for offset, size, code, _ in run:
        codes += f"{offset - at}x{code}" if offset > at else code
        at = offset + size
    return f"{codes}{end - at}x" if end > at else codes


class Source:
    """Lines and constants of one function."""

    def __init__(self, layouts: Layouts) -> None:
        self.layouts = layouts
        self.constants: dict[str, Any] = {"F": int.from_bytes}
        self.mark = "<" if layouts.byteorder == "little" else ">"
        self._lines: list[str] = []
        self._level = 1
        self._variables = 0
        self._made: dict[object, str] = {}

    def emit(self, line: str) -> None:
        """Write a line of Python."""
        self._lines.append("    " * self._level + line)

    @contextmanager
    def indented(self, header: str) -> Iterator[None]:
        """Write a block of Python; it may stay empty. Raises `BtfFormatError` if too deep."""
        self.emit(header)
        self._level += 1
        if self._level > MAX_INDENTATION:
            raise BtfFormatError(0, "a type is nested too deep to be compiled")
        length = len(self._lines)
        yield
        if len(self._lines) == length:
            self.emit("pass")
        self._level -= 1

    def variable(self, letter: str) -> str:
        """Return a name for a variable that has not been used yet."""
        self._variables += 1
        return f"{letter}{self._variables}"

    def constant(self, letter: str, thing: object) -> str:
        """Name something that is known now, by a letter and a number."""
        return self.once(letter, id(thing), lambda: thing)

    def once(self, letter: str, key: object, make: Callable[[], object]) -> str:
        """Name what `make()` returns, which is called once for each key."""
        name = self._made.get((letter, key))
        if name is None:
            name = self._made[letter, key] = f"{letter}{len(self._made)}"
            self.constants[name] = make()
        return name

    def zeros(self, size: int) -> str:
        """Name that many zero bytes."""
        self.constants.setdefault(f"Z{size}", bytes(size))
        return f"Z{size}"

    def unpacker(self, codes: str) -> str:
        """Name a function from (bytes, offset) to a tuple."""
        name = f"U_{codes}"
        if name not in self.constants:
            self.constants[name] = Packer(self.mark + codes).unpack_from
        return name

    def function(self, signature: str, title: str) -> Any:
        """Compile the lines as the body of a function; see `define()`."""
        text = "\n".join([f"def {signature}:", *self._lines, ""])
        return define(signature.split("(")[0], text, self.constants, title)


def define(name: str, source: str, constants: dict[str, Any], title: str) -> Any:
    """Compile `source` and return what it defines as `name`; the source stays in `linecache`.

    The result's `source` attribute is the source.
    """
    filename = f"<btfdump {title} #{next(_names)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(constants)
    exec(compile(source, filename, "exec"), namespace)
    function = namespace[name]
    function.source = source
    return function
