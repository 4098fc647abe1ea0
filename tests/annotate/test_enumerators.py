"""Expressions and flags name enumerators: the BTF at hand tells what they are worth."""

from __future__ import annotations

import pytest

from btfdump._annotate.enumerators import bit_names, without_enumerators
from btfdump._annotate.lookup import Lookup
from btfdump._btf import BtfBuilder, types
from btfdump.errors import AnnotationError, CorruptDataError
from tests.support.annotated import dumped, holder, ids, overlay, texts
from tests.support.synthetic import World


def lookup_of(**enums: dict[str, int]) -> tuple[Lookup, types.Composite]:
    """Return a look-up in a BTF with these enums and a `struct item` with the members flags, n."""
    b = BtfBuilder()
    for name, values in enums.items():
        b.enum(name, values, signed=any(value < 0 for value in values.values()))
    int_ = b.int_("int", 4)
    b.struct("item", 8, [("flags", int_, 0), ("n", int_, 32)])
    btf = b.parse("vmlinux")
    item = btf.find("struct", "item")
    assert isinstance(item, types.Composite)
    return Lookup(btf), item


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flags & CURSOR", "flags & 4096"),
        ("flags & (CURSOR ?: 8)", "flags & (4096)"),
        ("flags & (GONE ?: 8)", "flags & (8)"),
        ("flags & (GONE?:0x20)", "flags & (0x20)"),
        ("flags >> (GONE ?: BIT ?: 63)", "flags >> (3)"),
        ("flags >> (GONE ?: LOST ?: 63) & 1", "flags >> (63) & 1"),
        ("flags >> BIT & 1", "flags >> 3 & 1"),
        ("n == NEGATIVE", "n == (-2)"),
        ("flags & GONE", "flags & GONE"),  # what is out there may have it
        ("a.CURSOR + a->BIT", "a.CURSOR + a->BIT"),  # members
        ("n", "n"),  # a member comes before an enumerator
        ("n ?: 7", "5"),  # what has a default is none
        ("0x10 + 10", "0x10 + 10"),
    ],
)
def test_enumerators_in_expressions(text, expected):
    lookup, item = lookup_of(e={"CURSOR": 4096, "BIT": 3, "n": 5}, f={"NEGATIVE": -2})
    assert without_enumerators(text, item, item.btf, lookup) == expected


def test_a_number_among_flags():
    """A symbolic link was shown as DIRECTORY|REGULAR, whose bits its number has."""
    kinds = {"MISS": 0, "WHITEOUT": 1 << 4, "DIR": 2 << 4, "AUTODIR": 3 << 4, "REGULAR": 4 << 4}
    kinds |= {"SPECIAL": 5 << 4, "SYMLINK": 6 << 4, "KIND": 7 << 4}
    lookup, item = lookup_of(flags={"HASH": 1, "ALL": 0xF, **kinds})
    shown = bit_names("flags", item.btf, lookup)
    single = {1: "HASH", 16: "WHITEOUT", 32: "DIR", 64: "REGULAR"}
    assert shown == {**single, 48: "AUTODIR", 80: "SPECIAL", 96: "SYMLINK"}


def test_no_choice_is_there():
    lookup, item = lookup_of(e={"BIT": 3})
    with pytest.raises(AnnotationError, match="no enumerator GONE or LOST in the BTF"):
        without_enumerators("flags >> (GONE ?: LOST)", item, item.btf, lookup)


def test_enums_that_disagree():
    lookup, item = lookup_of(e={"BIT": 3}, f={"BIT": 4}, g={"SAME": 1}, h={"SAME": 1})
    with pytest.raises(AnnotationError, match="the enumerator BIT is ambiguous: 3, 4"):
        without_enumerators("flags >> BIT", item, item.btf, lookup)
    assert without_enumerators("flags >> SAME", item, item.btf, lookup) == "flags >> 1"


def test_the_nearest_enum_counts():
    lookup, item = lookup_of(e={"BIT": 3})
    b = BtfBuilder(base=item.btf)  # type: ignore[arg-type]
    b.enum("f", {"BIT": 4})
    module = b.parse("module")
    assert without_enumerators("BIT", item, module, lookup) == "4"
    assert without_enumerators("BIT", item, item.btf, lookup) == "3"


def world_of(**enum: int) -> World:
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    world.enum("item_flags", enum)
    world.id("enum item_flags")
    return world


@pytest.mark.parametrize(
    "tags", [["item:one", "skip:id & CURSOR"], ["skip:id & CURSOR", "item:one"]]
)
def test_cursors_by_name(tags):
    world = world_of(CURSOR=2)
    address = holder(world, tags)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert ids(value.head) == [1]
    assert texts(dumped(kernel, value)) == []


@pytest.mark.parametrize(("bit", "expected"), [(1, [1, 2, 3]), (3, None)])
def test_conditions_by_name(bit, expected):
    world = world_of(BIT=bit)
    address = holder(world, ["cond:n >> BIT & 1", "item:one"])
    world.set(address, "holder.n", 2)
    head = world.kernel().value("struct holder", address).head
    if expected is None:
        with pytest.raises(CorruptDataError, match="on a condition that is not met here"):
            ids(head)
    else:
        assert ids(head) == expected


def test_lengths_by_name():
    world = world_of(COUNT=3)
    world.struct("holder", [("n", "int"), ("bytes", "u8[]")], {"bytes": "len:n * COUNT"})
    address = world.new("holder", 16, n=2)
    world.write(address + world.offset("holder.bytes"), bytes(range(1, 17)))
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    assert document["members"]["bytes"] == [1, 2, 3, 4, 5, 6]


def test_an_ambiguous_enumerator_is_reported_at_its_place():
    world = world_of(BIT=1)
    world.enum("other_flags", {"BIT": 2})
    world.id("enum other_flags")
    address = holder(world)
    kernel = world.kernel([overlay('[struct.holder]\nhead = [["cond:n >> BIT", "item:one"]]')])
    (note,) = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert note.endswith("the enumerator BIT is ambiguous: 1, 2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("A ?: " * 30 + "1", "31 alternatives"), ("n+" * 3000 + "n", "characters, more than 4096")],
)
@pytest.mark.parametrize("key", ["skip", "len", "cond"])
def test_a_tag_with_too_many_choices_is_reported_at_its_place(key, text, reason):
    world = world_of(A=1)
    address = holder(world, ["item:one", f"{key}:{text}"])
    kernel = world.kernel()
    (note,) = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert note.startswith(f'tag "{key}:{text[:100]}')
    assert "is not understood: it has " in note
    assert reason in note


# vacant:


def heads(tag: str) -> tuple[World, int]:
    """Return three lists with an item each, the second poisoned as by list_del()."""
    world = world_of(UNUSED=1)
    tags = {"heads": ["item:one", tag]}
    world.struct("holder", [("heads", "struct list_head[3]")], tags)
    address = world.new("holder")
    for number in range(3):
        item = world.new("item", id=number + 1)
        world.link_list(address + 16 * number, [item + world.offset("item.one")])
    world.write(address + 16, world.pack(0xDEAD000000000100) + world.pack(0xDEAD000000000122))
    return world, address


@pytest.mark.parametrize("tag", ["vacant:UNUSED", "vacant:1", "vacant:GONE ?: 1"])
def test_a_head_that_is_none(tag):
    world, address = heads(tag)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert [ids(value.heads[number]) for number in range(3)] == [[1], [], [3]]
    assert texts(dumped(kernel, value)) == []
    text = "".join(kernel.dump(value, "text"))
    assert text.count("1 x struct item") == 2
    assert "[1] = (struct list_head){ .next = 0xdead000000000100" in text


@pytest.mark.parametrize("number", ["GONE", "9" * 4000])
def test_a_vacant_head_that_nothing_names(number):
    world, address = heads(f"vacant:{number}")
    kernel = world.kernel()
    notes = texts(dumped(kernel, kernel.value("struct holder", address)))
    note, *_ = [note for note in notes if note.startswith(f"tag vacant:{number[:4]}")]
    assert note.endswith("neither a number nor an enumerator")
