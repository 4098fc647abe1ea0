"""The source of a function being generated: its lines, and the constants that they refer to.

Constants are named after what they are, so that the same type gives the same source: `Z8` is eight
zero bytes, `U_QI` the unpack_from() of a format, and `F` int.from_bytes(); anything else has a
letter and a number. Generated source stays in `linecache`, so that tracebacks and debuggers show
it.
"""

from __future__ import annotations

import linecache
from contextlib import contextmanager
from itertools import count
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._decode.scalars import Category, ScalarLayout
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._decode.layout import Layout, Layouts

HOT = 16
"""The number of objects of a type from which compiling pays off (see docs/performance.md)."""
CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
CODES |= {(size, True): code.lower() for (size, _), code in CODES.items()}
"""struct.unpack() codes by (size in bytes, signed)."""

MAX_INDENTATION = 90
"""The deepest nesting of blocks: Python's parser accepts 100 levels."""

_names = count()


def is_unpackable(layout: Layout) -> bool:
    """Whether struct.unpack() can read this scalar: a whole integer, enum or pointer."""
    return (
        isinstance(layout, ScalarLayout)
        and layout.is_whole
        and layout.category not in (Category.FLOAT, Category.OPAQUE)
    )


class Spot(NamedTuple):
    """A scalar at a byte offset, which struct.unpack() reads by `code` into the variable `name`."""

    offset: int
    size: int
    code: str
    name: str


def pattern(run: Sequence[Spot], start: int, end: int = 0) -> str:
    """Return the struct.unpack() format for a run, without the byte order.

    The spots are in ascending order and do not overlap. The format covers the bytes from offset
    `start` to `end`, or to the end of the last spot.
    """
    codes, at = "", start
    for offset, size, code, _ in run:
        codes += f"{offset - at}x{code}" if offset > at else code
        at = offset + size
    return f"{codes}{end - at}x" if end > at else codes


class Source:
    """The lines and constants of one function."""

    def __init__(self, layouts: Layouts) -> None:
        self.layouts = layouts
        self.constants: dict[str, Any] = {"F": int.from_bytes}
        self.mark = "<" if layouts.byteorder == "little" else ">"
        self._lines: list[str] = []
        self._level = 1
        self._variables = 0
        self._made: dict[object, str] = {}

    def emit(self, line: str) -> None:
        """Add a line of Python at the current indentation."""
        self._lines.append("    " * self._level + line)

    @contextmanager
    def indented(self, header: str) -> Iterator[None]:
        """Add `header` and indent what follows; an empty block becomes `pass`.

        Raises `BtfFormatError` if blocks nest too deeply.
        """
        self.emit(header)
        self._level += 1
        if self._level > MAX_INDENTATION:
            raise UnusableBtfError(0, "a type is nested too deep to be compiled")
        length = len(self._lines)
        yield
        if len(self._lines) == length:
            self.emit("pass")
        self._level -= 1

    def variable(self, letter: str) -> str:
        """Return a new variable name that starts with `letter`."""
        self._variables += 1
        return f"{letter}{self._variables}"

    def constant(self, letter: str, thing: object) -> str:
        """Return the name of an object that exists now: a letter and a number."""
        return self.once(letter, id(thing), lambda: thing)

    def once(self, letter: str, key: object, make: Callable[[], object]) -> str:
        """Return the name of what `make()` returns; it is called once for each key."""
        name = self._made.get((letter, key))
        if name is None:
            name = self._made[letter, key] = f"{letter}{len(self._made)}"
            self.constants[name] = make()
        return name

    def zeros(self, size: int) -> str:
        """Return the name of a constant of `size` zero bytes."""
        self.constants.setdefault(f"Z{size}", bytes(size))
        return f"Z{size}"

    def unpacker(self, codes: str) -> str:
        """Return the name of a function that unpacks `codes`: (bytes, offset) -> tuple."""
        name = f"U_{codes}"
        if name not in self.constants:
            self.constants[name] = Packer(self.mark + codes).unpack_from
        return name

    def function(self, signature: str, title: str) -> Any:
        """Compile the lines as the body of a function; see `define()`."""
        text = "\n".join([f"def {signature}:", *self._lines, ""])
        return define(signature.split("(")[0], text, self.constants, title)


def define(name: str, source: str, constants: dict[str, Any], title: str) -> Any:
    """Compile `source` and return the function that it defines as `name`.

    `title` names it in tracebacks; `linecache` keeps the source, and the function's `source`
    attribute holds it.
    """
    filename = f"<btfdump {title} #{next(_names)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(constants)
    exec(compile(source, filename, "exec"), namespace)
    function = namespace[name]
    function.source = source
    return function
