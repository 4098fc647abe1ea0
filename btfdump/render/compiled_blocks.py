"""Planning of generated text functions: which members are read together.

A block is a run of neighbours that one struct.unpack() reads: scalars, whole small structs, short
arrays of integers. A word is a run of bit fields that lie in the same eight bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump.decode.compiled.projection import CODES, is_unpackable
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump.decode.layout import Layout, Layouts, MemberLayout

MAX_BLOCK = 16
"""Scalars that are tested for zero and unpacked together."""
MAX_GAP = 8
"""Bytes of padding, or of members that others cover, between two scalars of a block."""
MAX_UNROLLED = 8
"""Elements of the arrays that are written out rather than walked in a loop."""


class Leaf(NamedTuple):
    """A scalar that struct.unpack() reads; `path` is its place in a small struct: `.refs.counter`.

    `offset` counts from where the function's struct starts.
    """

    path: str
    layout: ScalarLayout
    offset: int

    @property
    def code(self) -> str:
        """Its letter to struct.unpack()."""
        return CODES[self.layout.size, self.layout.is_signed]

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.layout.size


class Item(NamedTuple):
    """What makes one line of text out of a block: a scalar, a small struct or a short array."""

    title: str
    layout: Layout
    leaves: list[Leaf]


class BitField(NamedTuple):
    """A bit field; `bit_offset` counts from where the function's struct starts."""

    title: str
    layout: ScalarLayout
    bit_offset: int
    bit_size: int

    @property
    def first(self) -> int:
        """Offset of the first byte that has bits of it."""
        return self.bit_offset // 8

    @property
    def end(self) -> int:
        """Offset behind the last byte that has bits of it."""
        return (self.bit_offset + self.bit_size + 7) // 8


class Part(NamedTuple):
    """A scalar or array in a small struct, at the end of `path`; `bits` if it is a bit field."""

    path: str
    layout: ScalarLayout | ArrayLayout
    offset: int
    bits: BitField | None


def bit_field(title: str, member: MemberLayout, layout: Layout, at: int) -> BitField:
    """Return a bit field of a struct at offset `at`."""
    assert isinstance(layout, ScalarLayout)  # Layouts.of_member() refuses others
    return BitField(title, layout, at * 8 + member.bit_offset, member.bit_size)


def parts(layouts: Layouts, layout: StructLayout, at: int, path: str = "") -> Iterator[Part]:
    """Yield what a small struct at offset `at` holds, in the order of declaration."""
    for member in layout.members:
        inner = layouts.of_member(member, layout)
        name = f"{path}.{member.name}" if member.name else path
        if isinstance(inner, StructLayout):
            yield from parts(layouts, inner, at + member.offset, name)
        else:
            bits = bit_field("", member, inner, at) if member.bit_size else None
            yield Part(name, inner, at + member.offset, bits)


def leaves(layouts: Layouts, layout: Layout, at: int) -> list[Leaf]:
    """Return what a block unpacks for a member at offset `at`, in ascending order.

    Empty if there is anything in the member that a block does not take.
    """
    if isinstance(layout, ScalarLayout):
        return [Leaf("", layout, at)] if is_unpackable(layout) else []
    if isinstance(layout, ArrayLayout):
        return _array_leaves(layout, at)
    return _struct_leaves(layouts, layout, at) if layout.is_small else []


def _array_leaves(layout: ArrayLayout, at: int) -> list[Leaf]:
    element = layout.element
    if not isinstance(element, ScalarLayout) or element.category is not Category.INT:
        return []
    # Longer ones are not just their elements: scalar.array_text() shows bytes as hex, and leaves
    # zeros out.
    if not is_unpackable(element) or layout.length > (4 if element.size == 1 else 8):
        return []
    return [Leaf("", element, at + i * element.size) for i in range(layout.length)]


def _struct_leaves(layouts: Layouts, layout: StructLayout, at: int) -> list[Leaf]:
    found: list[Leaf] = []
    for path, inner, offset, bits in parts(layouts, layout, at):
        if bits or not isinstance(inner, ScalarLayout) or not is_unpackable(inner):
            return []
        if found and offset < found[-1].end:  # members of a union lie over each other
            return []
        found.append(Leaf(path, inner, offset))
    return found


def fits_block(block: Sequence[Item], added: list[Leaf]) -> bool:
    """Whether these scalars may be unpacked with those of a block so far."""
    if not block:
        return True
    gap = added[0].offset - block[-1].leaves[-1].end
    count = sum(len(item.leaves) for item in block)
    return count + len(added) <= MAX_BLOCK and 0 <= gap <= MAX_GAP


def fits_word(word: Sequence[BitField], added: BitField) -> bool:
    """Whether a bit field lies in the eight bytes from the first one on."""
    return not word or word[0].first <= added.first < added.end <= word[0].first + 8


def unpack_codes(block: Sequence[Leaf]) -> str:
    """Return the format of struct.unpack() that reads a block, without the byte order."""
    codes, end = "", block[0].offset
    for leaf in block:
        codes += f"{leaf.offset - end}x" if leaf.offset > end else ""
        codes += leaf.code
        end = leaf.end
    return codes
