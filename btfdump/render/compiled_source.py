"""What the functions of one generated source share: constants, and how scalars are written.

Constants are in capitals and named by what they are, so the same type gives the same source:

* `Z8` eight zero bytes, `U_QI` the unpack_from() of a format, `F` int.from_bytes()
* `S5`, `L5` the text of a scalar of type 5 in a list and at the end of a line
* `R5`, `A5` read a scalar and format an array of type 5; `E0` walks the elements that `e0` writes
* `K` with zeros shown, the texts of zeros that were written before
"""

from __future__ import annotations

from functools import partial
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump.decode.layout import MAX_NESTING, Category
from btfdump.errors import BtfFormatError
from btfdump.render import Options
from btfdump.render.compiled_arrays import array_formatter, write_elements
from btfdump.render.escape import printable
from btfdump.render.scalar import LARGE, MAX_ERRNO, scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.decode.layout import ArrayLayout, Layout, Layouts, ScalarLayout

MAX_MEMBERS = 200_000
"""Members of one source: far more than any kernel's struct has with all that is inside it."""


MAX_KNOWN = 1024
"""Values of one scalar type whose texts are kept."""


def escaped(text: str) -> str:
    """Escape text for the inside of a single-quoted f-string, outside its braces."""
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return text.replace("{", "{{").replace("}", "}}")


def title_of(path: str) -> str:
    """Return what is written in front of a member, escaped; `path` is like `.name`."""
    return escaped(f"{printable(path)} = ")


def cast_to(layout: Layout) -> str:
    """Return a layout's type in parentheses, escaped."""
    return escaped(f"({printable(str(layout.type))})")


class Source:
    """Functions and constants of one source, and what limits its size."""

    def __init__(self, layouts: Layouts, zero: bool) -> None:
        self.layouts = layouts
        self.zero = zero
        self.options = Options(zero=zero)
        self.functions: list[str] = []
        self._mark = "<" if layouts.byteorder == "little" else ">"
        self._kept: list[str] = []
        self.constants: dict[str, Any] = {"F": int.from_bytes, "K": self._kept}
        self._members_left = MAX_MEMBERS

    def admit(self, layout: Layout, nesting: int, members: int = 0) -> None:
        """Account for one more struct or array; raises `BtfFormatError` where that is too much."""
        self._members_left -= members
        if nesting > MAX_NESTING or self._members_left < 0:
            raise BtfFormatError(0, f"{layout.type} contains itself, or more than its bytes hold")

    # Constants

    def zeros(self, size: int) -> str:
        """Name that many zero bytes."""
        name = f"Z{size}"
        if name not in self.constants:
            self.constants[name] = bytes(size)
        return name

    def unpacker(self, codes: str) -> str:
        """Name a function from (bytes, offset) to a tuple."""
        self.constants.setdefault(f"U_{codes}", Packer(self._mark + codes).unpack_from)
        return f"U_{codes}"

    def reader(self, layout: ScalarLayout) -> str:
        """Name a function from (bytes, offset) to the value of a scalar."""
        self.constants[f"R{layout.type.id}"] = layout.decode
        return f"R{layout.type.id}"

    def array(self, layout: ArrayLayout) -> str:
        """Name a function from (bytes, offset) to the text of an array on one line."""
        name = f"A{layout.type.id}"
        if name not in self.constants:
            self.constants[name] = array_formatter(layout, self.options, self._mark)
        return name

    def walker(self, number: int, layout: ArrayLayout, indent: str) -> str:
        """Name what writes each element of an array on lines of its own: see write_elements()."""
        self.constants[f"E{number}"] = partial(
            write_elements,
            count=layout.length if layout.element.size else 0,
            size=layout.element.size,
            zero=self.zero,
            indent=indent,
        )
        return f"E{number}"

    def kept_text(self) -> str:
        """Name a place for a text to be kept from one call to the next; it is empty at first."""
        self._kept.append("")
        return f"K[{len(self._kept) - 1}]"

    # The text of a scalar

    def text(self, layout: ScalarLayout, variable: str, comma: str = "") -> str:
        """Return the inside of an f-string that writes a scalar, the comma and any remark.

        What is frequent is written in place. With zeros skipped `variable` is not zero.
        """
        is_int = layout.category is Category.INT
        if is_int and layout.size <= 4:
            return f"{{{variable}}}{comma}"
        if is_int and layout.size <= 8:
            return f"{{{variable} if {variable} < {LARGE:#x} else hex({variable})}}{comma}"
        general = f"{self._formatter(layout, comma)}({variable})"
        if layout.category is not Category.POINTER:
            return f"{{{general}}}"
        errors = (1 << layout.size * 8) - MAX_ERRNO
        quick = f'hex({variable}) + ","' if comma else f"hex({variable})"
        known = f"{quick} if {variable} < {errors:#x} else {general}"
        return f'{{({known}) if {variable} else "NULL{comma}"}}' if self.zero else f"{{{known}}}"

    def _formatter(self, layout: ScalarLayout, comma: str) -> str:
        """Name a function from a value to its text, comma and remark."""
        name = f"{'L' if comma else 'S'}{layout.type.id}"
        if name not in self.constants:
            self.constants[name] = _formatter(layout, self.options, comma)
        return name


def _formatter(layout: ScalarLayout, options: Options, comma: str) -> Callable[[object], str]:
    known: dict[object, str] = {}

    def text(value: object) -> str:
        found = known.get(value)
        if found is None:
            shown, remark = scalar(layout, value, options)
            found = f"{shown}{comma}{f' /* {remark} */' if remark else ''}"
            if len(known) < MAX_KNOWN:
                known[value] = found
        return found

    return text
