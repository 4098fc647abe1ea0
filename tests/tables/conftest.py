"""A kernel of three holders with things, for declared tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._annotate.overlay import Overlay
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

OVERLAY = """
[global]
holders = { type = "struct list_head", tag = "holder:link" }

[struct.holder]
things = "len:count"
size = "unit:pages"
mode = "flags:M_"

[table.holders]
help = "holders"
names = ["id", "name"]
rows = [{ as = "holder", each = "holders" }]

[table.holders.columns]
id = "holder.id"
name = ["holder.newer_name", "holder.name"]
size = { path = "holder.size", total = true }
twice = { path = "holder.size * 2 + 1", spare = 1 }
mode = "holder.mode"
boss = "holder.boss.id"
label = "holder.label"
gone = "holder.nothing"
at = { call = "address", of = "holder", means = "address", spare = 2 }

[table.things]
help = "things of holders"
argument = "ID"
names = ["holder"]
rows = [
    { as = "holder", each = "holders", only = "holder.id != 2", unless = "threads" },
    { as = "thing", each = ["holder.stuff", "holder.things"], key = "number" },
]

[table.things.options]
threads = "those of holder 2 as well"

[table.things.columns]
holder = "holder.id"
number = "number"
weight = { path = "thing.weight", means = "unit:bytes" }
"""


def owned() -> World:
    """Return the types, and three holders: 1 with things 0 and 2, 2 with one thing, 3 with none."""
    world = World()
    world.enum("modes", {"M_READ": 1, "M_WRITE": 2})
    world.struct("thing", [("weight", "u64")])
    world.struct(
        "holder",
        [
            ("id", "int"),
            ("name", "char[8]"),
            ("size", "u64"),
            ("mode", "u32"),
            ("count", "u32"),
            ("things", "struct thing **"),
            ("boss", "struct holder *"),
            ("label", "char *"),
            ("link", "struct list_head"),
        ],
    )
    things = [world.new("thing", weight=100 * number) for number in range(1, 4)]
    table = world.room(3 * 8)
    for at, thing in ((0, things[0]), (2, things[1])):
        world.point(table + 8 * at, thing)
    single = world.room(8)
    world.point(single, things[2])
    text = world.room(16)
    world.write(text, b"red \x1b[31m\0")
    boss = world.new("holder", id=1, name=b"ann", size=4, mode=3, count=3, things=table, label=text)
    second = world.new("holder", id=2, name=b"bob", size=1, count=1, things=single, boss=boss)
    third = world.new("holder", id=3, name=b"cy", mode=4, boss=second)
    head = world.new("list_head")
    world.link_list(head, [one + world.offset("holder.link") for one in (boss, second, third)])
    world.symbols["holders"] = head
    world.holders = [boss, second, third]  # type: ignore[attr-defined]
    return world


@pytest.fixture
def world() -> Any:
    return owned()


@pytest.fixture
def overlay(tmp_path: Any) -> Overlay:
    path = tmp_path / "mine.toml"
    path.write_text(OVERLAY, "utf-8")
    return Overlay.load(path)


@pytest.fixture
def kernel(world: World, overlay: Overlay) -> Kernel:
    return world.kernel([overlay])
