"""What holds of a member depends on the place: conditions, enclosing structs, paths, cursors."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump.errors import AnnotationError
from tests.support.annotated import dumped, holder, ids, items, overlay, texts
from tests.support.synthetic import World

# container_of:


def nested() -> tuple[World, int, list[int]]:
    """A list of bases, each inside of an outer object."""
    world = World()
    world.struct("base", [("pad", "u64"), ("node", "struct list_head")])
    world.struct("outer", [("id", "int"), ("base", "struct base")])
    world.struct("holder", [("head", "struct list_head"), ("last", "struct base *")])
    address = world.new("holder")
    outers = [world.new("outer", id=i) for i in (7, 8)]
    world.link_list(address, [o + world.offset("outer.base.node") for o in outers])
    world.set(address, "holder.last", outers[1] + world.offset("outer.base"))
    return world, address, outers


def test_base_elements_are_shown_as_what_they_are_in():
    world, address, outers = nested()
    source = overlay('[struct.holder]\nhead = { tags = ["base:node", "container_of:outer:base"] }')
    kernel = world.kernel([source])
    head = kernel.value("struct holder", address).head
    assert [item.address_ for item in head.walk_()] == outers
    assert ids(head) == [7, 8]


def test_a_pointer_to_a_base():
    world, address, outers = nested()
    source = overlay('[struct.holder]\nlast = "container_of:outer:base"')
    kernel = world.kernel([source])
    value = kernel.value("struct holder", address)
    assert value.last.deref_().address_ == outers[1]
    assert int(value.last.id) == 8
    target = dumped(kernel, value, depth=1)["members"]["last"]["target"]
    assert (target["address"], target["type"]) == (f"{outers[1]:#x}", "struct outer")


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("container_of:nothing:base", "no struct nothing in the BTF"),
        ("container_of:outer:nothing", "struct outer has no member nothing"),
    ],
)
def test_an_outer_struct_that_is_not_there(tag, problem):
    world, address, _ = nested()
    kernel = world.kernel([overlay(f'[struct.holder]\nlast = "{tag}"')])
    notes = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert notes == [f"overlay mine.toml {tag}: {problem}"]


def test_container_of_on_what_is_neither_pointer_nor_container():
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world)
    world.set(address, "holder.n", 1)
    kernel = world.kernel([overlay('[struct.holder]\nn = "container_of:item:one"')])
    notes = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert notes == [
        "overlay mine.toml container_of:item:one: the member is neither a pointer nor a container"
    ]


# skip:


def test_cursors_are_passed_over():
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world, ["item:one", "skip:id & 2"])
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert ids(value.head) == [1]
    assert [row[0] for row in value.head.project_("id")] == [1]
    shown = dumped(kernel, value)["members"]["head"]
    assert [e["members"]["id"] for e in shown["elements"]] == [1]
    assert shown["count"] == 1


def test_skip_by_what_is_not_there():
    """Nothing is lost: every entry is kept, and why."""
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world, ["item:one", "skip:nothing"])
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert ids(value.head) == [1, 2, 3]
    notes = texts(dumped(kernel, value))
    assert notes == ["skip:nothing: struct item has no member 'nothing'"] * 3


# Paths through pointers


def two_tables() -> tuple[World, int]:
    """One type of bucket, in two tables that hold different things."""
    world = World()
    world.struct("a", [("id", "int"), ("node", "struct hlist_node")])
    world.struct("b", [("pad", "u64[4]"), ("id", "int"), ("node", "struct hlist_node")])
    world.struct("bucket", [("pad", "u64"), ("chain", "struct hlist_head")])
    world.struct("info", [("one", "struct bucket *"), ("two", "struct bucket *")])
    address = world.new("info")
    for member, kind, number in (("one", "a", 10), ("two", "b", 20)):
        table = world.room(4 * 16)
        item = world.new(kind, id=number)
        world.link_hlist(table + 2 * 16 + 8, [item + world.offset(f"{kind}.node")])
        world.set(address, f"info.{member}", table)
    return world, address


TABLES = overlay(
    """\
[struct.info]
one = "len:4"
"one.chain" = "a:node"
two = "len:4"
"two.chain" = "b:node"
"""
)


def test_one_head_two_elements_by_the_way_that_leads_there():
    world, address = two_tables()
    kernel = world.kernel([TABLES])
    value = kernel.value("struct info", address)
    assert ids(value.one[2].chain) == [10]
    assert ids(value.two[2].chain) == [20]
    members = dumped(kernel, value)["members"]
    for name, element, number in (("one", "struct a", 10), ("two", "struct b", 20)):
        chain = members[name]["target"]["value"]["at"]["2"]["members"]["chain"]
        assert chain["element"] == element
        assert [e["members"]["id"] for e in chain["elements"]] == [number]


def test_the_way_outranks_what_the_struct_says_of_itself():
    world, address = two_tables()
    source = overlay('[struct.bucket]\nchain = "b:node"')
    kernel = world.kernel([source, TABLES])
    value = kernel.value("struct info", address)
    assert ids(value.one[2].chain) == [10]
    chain = dumped(kernel, value)["members"]["one"]["target"]["value"]["at"]["2"]
    assert chain["members"]["chain"]["element"] == "struct a"


def test_a_path_through_two_pointers():
    world, address = two_tables()
    world.struct("net", [("info", "struct info *")])
    net = world.new("net", info=address)
    source = overlay(
        '[struct.net]\n"info.two.chain" = "b:node"\n[struct.info]\none = "len:4"\ntwo = "len:4"'
    )
    kernel = world.kernel([source])
    value = kernel.value("struct net", net)
    assert ids(value.info.two[2].chain) == [20]


def test_a_path_that_leads_nowhere():
    world, address = two_tables()
    kernel = world.kernel([overlay('[struct.info]\n"one.nothing" = "a:node"')])
    notes = texts(dumped(kernel, kernel.value("struct info", address)))
    assert notes == ["overlay mine.toml: struct info has no member one.nothing"]


# Containers by their type


def test_what_every_container_of_a_type_holds():
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head"), ("two", "struct list_head")])
    world.struct(
        "holder",
        [("said", "struct list_head"), ("plain", "struct list_head"), ("link", "struct list_head")],
        {"said": "item:two", "link": "role:link"},
    )
    address = world.new("holder")
    items(world, address + world.offset("holder.said"), "two", 1)
    items(world, address + world.offset("holder.plain"), "one", 2)
    kernel = world.kernel([overlay('[container]\nlist_head = "item:one"')])
    value = kernel.value("struct holder", address)
    assert ids(value.said) == [1]
    assert ids(value.plain) == [2]
    assert value.link.facts_ is not None
    assert not value.link.facts_.is_container


# Files


def test_tables_of_an_overlay(tmp_path):
    path = tmp_path / "o.toml"
    path.write_text(
        '[container]\nsk_buff_head = "sk_buff"\n'
        '[struct.a]\nb = [["cond:x", "item:one"], "item:two"]\n'
        'c = { tags = ["item:one", "skip:id"] }'
    )
    assert len(Overlay.load(path).members("a")["b"]) == 2
    path.write_text("[container]\nsk_buff_head = 3\n")
    with pytest.raises(AnnotationError, match=r"container.sk_buff_head: expected a tag"):
        Overlay.load(path)
    path.write_text('[struct.a]\nb = [["cond:x", 3]]\n')
    with pytest.raises(AnnotationError, match="tag '3' is not understood"):
        Overlay.load(path)
