"""Members by name: whoever looks for one finds the same, however deep it is."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder, types
from btfdump._btf.members import MAX_NESTING, find_member
from btfdump._decode.layout import Layouts, StructLayout
from btfdump.errors import MemberNotFoundError


def nested(depth: int) -> types.Composite:
    """Return a struct with members `m0`, `m1`, ... each one anonymous struct deeper."""
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    inner = b.struct("", 8, [(f"m{depth}", u32, 0), ("last", u32, 32)])
    for level in reversed(range(depth)):
        size = 8 + 4 * (depth - level)
        inner = b.struct("s" if not level else "", size, [(f"m{level}", u32, 0), ("", inner, 32)])
    found = Btf.from_bytes(b.build()).find("struct", "s")
    assert isinstance(found, types.Composite)
    return found


def found_by_layouts(struct: types.Type, name: str) -> int | None:
    layouts = Layouts("little", 8)
    layout = layouts.of(struct)
    assert isinstance(layout, StructLayout)
    try:
        return layouts.member(layout, name).bit_offset
    except MemberNotFoundError:
        return None


@pytest.mark.parametrize("level", [0, 1, 31, 32, 33, 40, MAX_NESTING, MAX_NESTING + 1])
def test_at_every_depth(level: int) -> None:
    struct = nested(MAX_NESTING + 2)
    found = find_member(struct, f"m{level}")
    expected = found_by_layouts(struct, f"m{level}")
    assert (found is None) == (expected is None) == (level > MAX_NESTING)
    if found is not None:
        assert found.bit_offset == expected == 32 * level
        assert (found.member.name, str(found.type)) == (f"m{level}", "u32")
        assert found.offset == 4 * level


def test_the_padding_of_bit_fields_is_no_anonymous_struct() -> None:
    """A BTF may say that an unnamed bit field is of a struct: it has no members that can be had."""
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    pair = b.struct("", 8, [("a", u32, 0), ("b", u32, 32)])
    b.struct("s", 8, [("", pair, 0, 7), ("c", u32, 32)])
    struct = b.parse().find("struct", "s")
    assert find_member(struct, "a") is None
    assert found_by_layouts(struct, "a") is None
    found = find_member(struct, "c")
    assert found is not None
    assert found.bit_offset == found_by_layouts(struct, "c") == 32


def test_what_is_no_struct_has_no_members() -> None:
    b = BtfBuilder()
    b.int_("u32", 4)
    assert find_member(b.parse().type(1), "a") is None
