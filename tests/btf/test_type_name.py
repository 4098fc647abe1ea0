"""The name of a type, taken apart, and in which BTF it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder
from btfdump._btf.type_name import TypeName, choice_of
from btfdump._btf.types import Struct
from btfdump.errors import ExpressionError
from tests.support.effort import hangs_after

if TYPE_CHECKING:
    from btfdump._btf import Btf


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("struct foo", ("", "struct", "foo", None, 0, ())),
        ("ext4:struct foo", ("ext4", "struct", "foo", None, 0, ())),
        ("snd-hda : union foo * *", ("snd_hda", "union", "foo", None, 2, ())),
        ("struct console@13447 *", ("", "struct", "console", 13447, 1, ())),
        ("8021q:u8[0x10][2]", ("8021q", "", "u8", None, 0, (16, 2))),
        ("const  unsigned   long *[3]", ("", "", "unsigned long", None, 1, (3,))),
        ("void *", ("", "", "void", None, 1, ())),
    ],
)
def test_names_taken_apart(text, parts):
    name = TypeName.parse(text)
    assert (
        name.module,
        name.keyword,
        name.name,
        name.type_id,
        name.stars,
        name.lengths,
    ) == parts


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 100_000 + "!",
        ("a" + " " * 500) * 4 + "!",
        "const " * 20_000 + "!",
        "const " * 300 + "!",
        "a " * 1000 + "@",
        "a" + "*" * 2000 + "!",
        "a" + "[" * 2000,
        "x:" * 1000,
        "a" * 2047 + "!",
    ],
    ids=lambda text: f"{text[:6]!r} {len(text)}",
)
def test_a_text_that_is_no_name_is_soon_known_to_be_none(text):
    """A tag of some thousand spaces took hours."""
    with hangs_after(10), pytest.raises(ExpressionError, match="is not a type name"):
        TypeName.parse(text)


def test_a_long_name():
    name = TypeName.parse(f"some_module : struct   {'x' * 511} @ 12 * * [ 16 ]")
    assert (name.name, name.type_id, name.stars, name.lengths) == ("x" * 511, 12, 2, (16,))


def parsed(name: str, base: Btf | None, *structs: str) -> Btf:
    builder = BtfBuilder("little", base)
    for struct in structs:
        builder.struct(struct, 0, [])
    return builder.parse(name)


@pytest.fixture
def btfs() -> list[Btf]:
    """The kernel's BTF, and those of two modules."""
    own = parsed("vmlinux", None, "item", "item")
    return [own, parsed("snd-hda", own, "item"), parsed("xfs", own, "other", "item")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("struct item", ["vmlinux", "snd-hda", "xfs"]),
        ("vmlinux:struct item", ["vmlinux"]),
        ("snd_hda:struct item", ["snd-hda"]),
        ("snd-hda:struct item", ["snd-hda"]),
        ("ext4:struct item", []),
    ],
)
def test_where_a_type_may_be(btfs, text, expected):
    own, *modules = btfs
    owners = TypeName.parse(text).owners("item", own, lambda name: modules * (name == "item"))
    assert [btf.name for btf in owners] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("struct item", []),
        ("struct item@2", ["vmlinux"]),
        ("xfs:struct item@2", []),
        ("struct item@3", ["snd-hda"]),
        ("struct item@4", ["xfs"]),
        ("struct other@3", ["xfs"]),
        ("struct item@5", []),
        ("struct item@0", []),
    ],
)
def test_types_by_their_ids(btfs, text, expected):
    own, *modules = btfs
    found = list(TypeName.parse(text).numbered(own, lambda name: modules))
    assert [type_.btf.name for type_ in found] == expected


def test_a_choice_means_the_type_itself(btfs):
    own, *modules = btfs
    for btf in btfs:
        for struct in btf.iter_types():
            assert isinstance(struct, Struct)
            name = TypeName.parse(choice_of(struct))
            assert list(name.numbered(own, lambda name: modules)) == [struct]
