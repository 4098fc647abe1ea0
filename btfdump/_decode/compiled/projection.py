"""Layout -> Python source -> function: readers of a few members.

A projection names members of one struct (dotted paths, no pointers); its reader turns the struct's
bytes into a tuple, with a single struct.unpack_from() where the members allow it. It must agree
with `decode.fields`. `walk.quick` builds whole walks from the same parts.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump._decode.compiled.source import CODES, Source, Spot, is_unpackable, pattern
from btfdump._decode.fields import bits_to_python, to_python
from btfdump._decode.scalars import Category, ScalarLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfdump._decode.layout import Layouts, StructLayout


def compile_reader(
    layouts: Layouts, layout: StructLayout, paths: Sequence[str], start: int = 0
) -> Callable[[bytes], tuple[Any, ...]]:
    """Return a function that reads the members `paths` into a tuple.

    Its argument holds the struct's bytes from byte offset `start`. Values are the same as those of
    `Value.value_()`. Raises `MemberNotFoundError`.
    """
    fields = [Located(layouts, layout, path) for path in paths]
    source = Source(layouts)
    for line in unpacking(source, fields, runs(spots(fields)), start):
        source.emit(line)
    source.emit(f"return {row(fields)}")
    reader: Callable[[bytes], tuple[Any, ...]] = source.function(
        "read(d)", f"reader of {layout.type}: {', '.join(paths)}"
    )
    return reader


def spots(fields: Sequence[Located]) -> list[Spot]:
    """Return the spots of those fields that are plain; field number i is read into `vi`."""
    return [field.spot(f"v{i}") for i, field in enumerate(fields) if field.is_plain]


def runs(found: Iterable[Spot]) -> list[list[Spot]]:
    """Group spots into runs, each of which a single struct.unpack() can read.

    Members of a union overlap, so one run may not be enough.
    """
    sorted_: list[list[Spot]] = []
    for spot in sorted(found):
        for run in sorted_:
            if run[-1].offset + run[-1].size <= spot.offset:
                run.append(spot)
                break
        else:
            sorted_.append([spot])
    return sorted_


def unpacking(
    source: Source, fields: Sequence[Located], found: Iterable[Sequence[Spot]], start: int
) -> list[str]:
    """Return statements that read the runs `found`, and the fields that are not plain, from `d`.

    `d` holds the struct's bytes from byte offset `start`.
    """
    lines = [
        f"{', '.join(spot.name for spot in run)}, = {source.unpacker(pattern(run, start))}(d)"
        for run in found
    ]
    for i, field in enumerate(fields):
        if not field.is_plain:
            lines.append(f"v{i} = {source.constant('R', field.read)}(d, {-start})")
    return lines


def row(fields: Sequence[Located]) -> str:
    """Return an expression for the tuple of the fields' values."""
    names = ", ".join(f"v{i}" for i in range(len(fields)))
    return f"({names},)" if names else "()"


class Located:
    """The member at the end of a dotted path: where it is, and how it is read."""

    def __init__(self, layouts: Layouts, layout: StructLayout, path: str) -> None:
        self.layouts = layouts
        found = layouts.locate(layout, path)
        current, bits, bit_size = found.layout, found.bit_offset, found.bit_size
        self.layout = current
        self.bit_offset = bits
        self.bit_size = bit_size
        self.offset = bits // 8
        self.end = self.offset + current.size
        if bit_size:
            self.end = (bits + bit_size + 7) // 8
        is_bool = isinstance(current, ScalarLayout) and current.category is Category.BOOL
        self.is_plain = not bit_size and is_unpackable(current) and not is_bool
        self.code = CODES[current.size, current.is_signed] if self.is_plain else ""  # type: ignore[union-attr]
        mark = "<" if layouts.byteorder == "little" else ">"
        self._unpack = Packer(mark + self.code).unpack_from if self.is_plain else None

    def spot(self, name: str) -> Spot:
        """Return the spot that unpacks a plain member into the variable `name`."""
        return Spot(self.offset, self.layout.size, self.code, name)

    def read(self, data: bytes, at: int) -> Any:
        """Read the member.

        The struct starts at byte offset `at` of `data`, which is negative if its first bytes are
        missing.
        """
        if self._unpack is not None:
            return self._unpack(data, at + self.offset)[0]
        if self.bit_size:
            return bits_to_python(
                self.layouts, self.layout, self.bit_offset, self.bit_size, data, at
            )
        return to_python(self.layouts, self.layout, data, at + self.offset)
