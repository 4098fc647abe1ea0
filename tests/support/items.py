"""An item with a member of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder
    from btfdump._kernel.value import Value


def world_of_items(byteorder: ByteOrder, pointer_size: int) -> World:
    world = World(byteorder, pointer_size)
    world.enum("color", {"RED": 0, "GREEN": 2})
    world.union("<u>", [("raw", "u32"), ("half", "u16")])
    world.struct("inner", [("x", "int"), ("y", "int")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("name", "char[8]"),
            ("text", "char *"),
            ("next", "struct item *"),
            ("inner", "struct inner"),
            ("numbers", "s16[4]"),
            ("grid", "struct inner[2]"),
            ("color", "enum color"),
            ("on", "bool"),
            ("low", "u32", 3),
            ("high", "u32", 9),
            ("", "union <u>"),
            ("ratio", "double"),
            ("list", "struct list_head"),
            ("link", "struct list_head"),
            ("type_", "int"),
            ("class", "int"),
            ("items", "struct item *[3]"),
            ("call", "fn *"),
        ],
        {"list": "item:link"},
    )
    return world


def full_item(world: World) -> Value:
    """Return an item with everything set, which points to a second one."""
    text = world.room(200)
    world.write(text, b"x" * 150 + b"\0")
    second = world.new("item", id=2)
    first = world.new(
        "item",
        **{
            "id": -1,
            "name": b"abc\0\0\0\0\0",
            "text": text,
            "next": second,
            "color": 2,
            "on": 1,
            "raw": 0x11223344,
            "type_": 5,
            "class": 6,
            "call": 0x1234,
        },
    )
    world.set(first, "item.inner.y", 7)
    numbers = b"".join(world.pack(n, 2) for n in (-1, 2, -3, 4))
    world.write(first + world.offset("item.numbers"), numbers)
    world.write(first + world.offset("item.grid") + 8, world.pack(8, 4) + world.pack(9, 4))
    bits = 5 | 300 << 3 if world.byteorder == "little" else 5 << 13 | 300 << 4
    world.set(first, "item.low", world.pack(bits, 2))
    world.link_list(first + world.offset("item.list"), [second + world.offset("item.link")])
    world.point(first + world.offset("item.items") + world.pointer_size, second)
    world.symbols["first"] = first
    world.symbols["counter"] = first
    world.variable("counter", "int")
    return world.kernel().value("struct item", first)
