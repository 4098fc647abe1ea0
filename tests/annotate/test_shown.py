"""What annotations say of arrays, pointers and scalars, as it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotated import dumped, texts
from tests.support.synthetic import World

# Lengths


def counted_world(count: int, tag: str = "len:count") -> tuple[World, int]:
    world = World()
    world.struct("cell", [("a", "u32"), ("b", "u32")])
    world.struct(
        "holder",
        [("count", "u64"), ("cells", "struct cell *"), ("flexible", "u8[]")],
        {"cells": tag, "flexible": tag},
    )
    address = world.new("holder", 64, count=count)
    cells = world.room(8 * 100)
    for i in range(100):
        world.write(cells + 8 * i, world.pack(i + 1, 4) + world.pack(0xFF, 4))
    world.set(address, "holder.cells", cells)
    for i in range(64):
        world.write(address + world.offset("holder.flexible") + i, bytes([i + 1]))
    return world, address


def test_counted_pointer_and_flexible_array():
    world, address = counted_world(3)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    assert document["members"]["flexible"] == [1, 2, 3]
    target = document["members"]["cells"]["target"]
    assert [cell["members"]["a"] for cell in target["value"]["at"].values()] == [1, 2, 3]
    assert target["value"]["length"] == 3


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("counted_by:count", 4),
        ("len:1 << count", 16),
        ("len:count * 2 - 1", 7),
        ("len:(count + 1) / 2", 2),
        ("len:count % 3", 1),
        ("len:count & 6 | 1", 5),
        ("len:count ^ 1", 5),
        ("len:count >> 1", 2),
        ("len:5", 5),
        ("len:0x5", 5),
    ],
)
def test_length_expressions(tag, expected):
    world, address = counted_world(4, tag)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    assert document["members"]["flexible"] == list(range(1, expected + 1))


@pytest.mark.parametrize(
    ("count", "tag", "reason"),
    [
        (1 << 40, "len:count", "not a sensible number of elements"),
        (1 << 63, "len:count", "not a sensible number of elements"),
        (4, "len:0 - count", "not a sensible number of elements"),
        (0, "len:1 / count", "division by zero"),
        (64, "len:1 << count", "shift by 64"),
        (5, "len:none", "none"),
        (5, "len:count.x", "x"),
        (5, "len:count + ", "not an expression"),
        (5, "len:count()", "more than members and arithmetic"),
        (5, "len:__import__('os')", "more than members and arithmetic"),
        (5, "len:9 ** 9 ** 9", "not an expression"),
        (5, "len:'a' * 10", "more than members and arithmetic"),
        (5, "len:flexible", "no integer"),
        (5, "len:cells", "not a sensible number"),
        (5, "len:1if 2else 3", "not an expression"),
        (5, "len:0787", "not an expression"),
        (5, "len:" + "(" * 500 + "1" + ")" * 500, "not an expression"),
        (5, "len:" + "+".join("1" * 3000), ""),
        (1 << 27, "len:count", "not mapped"),
    ],
)
def test_lengths_that_make_no_sense(count, tag, reason):
    world, address = counted_world(count, tag)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    for format_ in ("text", "tree", "json", "jsonl"):
        assert "".join(kernel.dump(value, format_))
    document = dumped(kernel, value, elements=1 << 28)
    notes = texts(document["members"]["flexible"])
    assert len(notes) == 1
    assert reason in notes[0]
    cells = document["members"]["cells"]
    if "target" in cells:  # what is there of the array is shown, with a note on the rest
        assert cells["target"]["value"]["elided"] > 0
        cells = cells["target"]
    else:
        assert cells["value"]["pointer"]
    (about_cells,) = texts(cells)
    assert reason in about_cells


def test_only_what_is_shown_is_read():
    """A length of a hundred million costs no more than the 64 elements shown."""
    world, address = counted_world(100_000_000)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    cells = document["members"]["cells"]["target"]["value"]
    assert len(cells["at"]) == 64
    assert cells["elided"] == 100_000_000 - 64


def nested_world() -> tuple[World, int]:
    """Return structs with tables and their lengths, in an array right behind another struct."""
    world = World()
    world.struct(
        "table",
        [("all", "struct list_head"), ("cells", "u8 *"), ("count", "u32")],
        {"cells": "len:count"},
    )
    world.struct("space", [("first", "struct list_head"), ("tables", "struct table[3]")])
    world.struct("net", [("count", "u64"), ("space", "struct space")])
    address = world.new("net", count=1000)
    for number in range(3):
        cells = world.room(16)
        world.write(cells, bytes(range(1, 17)))
        table = address + world.offset("net.space.tables") + number * world.sizeof("struct table")
        world.set(table, "table.cells", cells)
        world.set(table, "table.count", number + 1)
    return world, address


@pytest.mark.parametrize(
    ("type_", "start", "expected"),
    [
        ("net", "", [1, 2, 3]),
        ("space", "net.space", [1, 2, 3]),
        ("table[3]", "net.space.tables", [1, 2, 3]),
        ("table", "net.space.tables", [1]),
    ],
)
def test_a_length_is_that_of_the_struct_that_has_the_member(type_, start, expected):
    """A struct that ends where the member begins has nothing to do with it."""
    world, address = nested_world()
    kernel = world.kernel()
    value = kernel.value(f"struct {type_}", address + (world.offset(start) if start else 0))
    document = dumped(kernel, value)
    assert texts(document) == []
    assert lengths(document) == expected


def lengths(node: Any) -> list[int]:
    """Return the length of every array behind a pointer `cells` in a JSON document."""
    if isinstance(node, dict):
        cells = node.get("cells")
        found = [cells["target"]["value"]] if isinstance(cells, dict) else []
        own = [len(value) if isinstance(value, list) else value["length"] for value in found]
        return own + [length for inner in node.values() for length in lengths(inner)]
    if isinstance(node, list):
        return [length for inner in node for length in lengths(inner)]
    return []


# Scalars


def test_flags_hex_and_strings():
    world = World()
    world.enum("mode", {"M_READ": 1, "M_WRITE": 2, "M_ALL": 3, "M_HIGH": 1 << 31}, signed=False)
    world.struct(
        "holder",
        [("by_enum", "u32"), ("by_prefix", "u32"), ("plain", "u32"), ("bytes", "u8[8]")],
        {"by_enum": "flags:mode", "by_prefix": "flags:M_", "plain": "show:hex", "bytes": "string"},
    )
    address = world.new("holder", by_enum=3, by_prefix=0x80000011, plain=255, bytes=b"text\0\0\0\0")
    world.id("enum mode")
    kernel = world.kernel()
    text = "".join(kernel.dump(kernel.value("struct holder", address), "text"))
    assert "M_READ|M_WRITE" in text
    assert "M_READ|M_HIGH|0x10" in text
    assert "0xff" in text
    assert '"text"' in text


def test_flags_of_nothing(world):
    world.struct("holder", [("x", "u32")], {"x": "flags:nothing"})
    address = world.new("holder", x=1)
    kernel = world.kernel()
    (note,) = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert note == "tag flags:nothing: no such enum or prefix"
