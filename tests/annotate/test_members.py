"""Members by path, as annotations name them: where they are, and of which type."""

from __future__ import annotations

import pytest

from btfdump._annotate.members import (
    CHAIN,
    container_type,
    head_type,
    link_offset,
    links_of,
    next_offset,
    resolve,
    struct_name,
)
from btfdump._btf.members import find_member


@pytest.fixture
def types_of(world):
    """Return the name of a struct -> that struct, of a kernel with nested ones."""
    world.struct("<anon>", [("hidden", "struct list_head"), ("number", "u64")])
    world.struct("node", [("next", "struct node *"), ("any", "void *"), ("item", "struct item *")])
    world.struct(
        "box",
        [
            ("count", "u64"),
            ("heads", "struct list_head[4]"),
            ("wraps", "struct wrap[2]"),
            ("", "struct <anon>"),
            ("item", "struct item *"),
            ("table", "struct hlist_head *"),
            ("plain", "u32 *"),
            ("nodes", "struct node"),
        ],
    )
    btf = world.kernel().btf
    return lambda name: btf.find("struct", name)


def test_names_of_containers(types_of):
    member = {m.name: m.type for m in types_of("box").members}
    assert head_type(member["heads"]) == "list_head"
    assert head_type(member["table"]) is None
    assert struct_name(member["wraps"]) == "wrap"
    assert struct_name(member["count"]) is None
    assert container_type(member["heads"]) == "list_head"
    assert container_type(member["table"]) == "hlist_head"
    assert container_type(member["item"]) == CHAIN
    assert container_type(member["plain"]) is None
    assert container_type(member["wraps"]) is None


def test_paths(types_of, world):
    box = types_of("box")
    offset = world.offset
    found = resolve(box, "wraps[].inner")
    assert found is not None
    assert (str(found.type), found.offset, found.stride) == (
        "struct list_head", offset("box.wraps") + offset("wrap.inner"), world.sizeof("struct wrap"),
    )  # fmt: skip
    hidden = resolve(box, "hidden.prev")
    assert hidden is not None
    assert (hidden.offset, hidden.stride) == (offset("box.hidden") + 8, 0)
    for path in ("none", "count.x", "count[]", "item.id", "heads.next"):
        assert resolve(box, path) is None
    assert find_member(box, "number") is not None
    assert find_member(box.members[0].type, "number") is None


def test_places_lead_through_pointers(types_of):
    box = types_of("box")
    found = resolve(box, "item.deep.inner", is_within=False)
    assert found is not None
    assert (str(found.type), found.pieces) == ("struct list_head", ["item", "deep.inner"])
    found = resolve(box, "nodes.next.item.id", is_within=False)
    assert found is not None
    assert found.pieces == ["nodes.next", "item", "id"]
    assert resolve(box, "item.none", is_within=False) is None
    assert resolve(box, "plain.x", is_within=False) is None


def test_links(types_of, world):
    item, node = types_of("item"), types_of("node")
    assert link_offset(item, "two", "list_head") == (world.offset("item.two"), 0)
    assert link_offset(item, "deep.x", None) == (world.offset("item.deep"), 0)
    assert link_offset(item, "none", "list_head") == "struct item has no member none"
    assert link_offset(item, "hash", "list_head") == (
        "struct item member hash is struct hlist_node, expected struct list_head"
    )
    assert [name for name, _ in links_of(item, "list_head")] == ["one", "two"]
    assert links_of(item, "rb_node") == []
    assert links_of(item, None) == [("", 0)]
    assert next_offset(node, "next") == (0, 0)
    assert next_offset(node, "any") == (8, 0)
    assert next_offset(node, "none") == "struct node has no member none"
    assert next_offset(node, "item") == (
        "struct node member item is struct item *, expected struct node *"
    )
