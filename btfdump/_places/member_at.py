"""Which member of a type lies at a byte offset: the other way round of offsetof()."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, Layouts

_MAX_STEPS = 1 << 12
"""The most members that are looked into for one offset."""
_BEST = 3


class MemberAt(NamedTuple):
    """A member: its path, as users write it, its layout, and how many bytes past its start."""

    path: str
    layout: Layout
    rest: int

    @property
    def text(self) -> str:
        """The path, and `+0x8` behind it for what is inside a scalar or in no member."""
        return f"{self.path}+{self.rest:#x}" if self.rest else self.path


def member_at(layouts: Layouts, layout: Layout, offset: int) -> MemberAt:
    """Return the innermost member at an offset of a type.

    Of the members of a union, a pointer that begins there goes first, then any other scalar. What
    lies between members, or behind the last, is `+0x...` of the whole.
    """
    best, rank = MemberAt("", layout, offset), 0
    pending: list[MemberAt] = [best]
    for _ in range(_MAX_STEPS):
        if not pending:
            break
        found = pending.pop()
        inner = _inside(layouts, found)
        if inner:
            pending += reversed(inner)
            continue
        this = _rank(found)
        if this > rank:
            best, rank = found, this
        if rank == _BEST:
            break
    return best


def _inside(layouts: Layouts, found: MemberAt) -> list[MemberAt]:
    path, layout, offset = found
    if isinstance(layout, ArrayLayout):
        size = layout.element.size
        if not size or layout.is_text:
            return []
        number, rest = divmod(offset, size)
        return [MemberAt(f"{path}[{number}]", layout.element, rest)]
    if not isinstance(layout, StructLayout):
        return []
    inner = []
    for member in layout.members:
        if member.bit_size or member.offset > offset:
            continue
        part = layouts.of_member(member, layout)
        is_open = isinstance(part, ArrayLayout) and not part.length
        if offset < member.offset + part.size or (is_open and offset >= layout.size):
            name = f"{path}.{member.name}" if path and member.name else path or member.name
            inner.append(MemberAt(name, part, offset - member.offset))
    return inner


def _rank(found: MemberAt) -> int:
    """Return how well a member explains a pointer that is there: 0 to `_BEST`."""
    layout = found.layout
    if isinstance(layout, StructLayout) or (isinstance(layout, ArrayLayout) and not layout.is_text):
        return 0
    if found.rest:
        return 1
    is_pointer = isinstance(layout, ScalarLayout) and layout.category is Category.POINTER
    return _BEST if is_pointer else 2


def named_type(layout: Layout) -> str:
    """Return the C name of a layout's type: `struct list_head`."""
    base = layout.type.btf.skip_modifiers(layout.type)
    return str(base if isinstance(base, types.Composite) else layout.type)
