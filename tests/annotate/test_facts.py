"""Facts: who is believed, what is refused, and how a choice is made."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import CorruptDataError
from tests.support.annotated import dumped, holder, ids, items, overlay, texts
from tests.support.synthetic import World

# Who is believed


def test_tag(world):
    address = holder(world, "item:one")
    value = world.kernel().value("struct holder", address).head
    assert ids(value) == [1, 2, 3]
    assert value.expansion_().provenance == "tag"
    assert str(value.expansion_().element) == "struct item"


@pytest.mark.parametrize(
    "tag", ["contains:item:one", "contains:struct:item:one", "struct item:one", " item : one "]
)
def test_other_spellings(world, tag):
    address = holder(world, tag)
    assert ids(world.kernel().value("struct holder", address).head) == [1, 2, 3]


def test_overlay_comes_before_the_tag(world):
    address = holder(world, "item:one", node="two")
    kernel = world.kernel([overlay('[struct.holder]\nhead = "item:two"')])
    value = kernel.value("struct holder", address).head
    assert ids(value) == [1, 2, 3]
    assert value.expansion_().provenance == "overlay mine.toml"


def test_the_last_overlay_given_comes_first(world):
    address = holder(world, node="two")
    kernel = world.kernel(
        [
            overlay('[struct.holder]\nhead = "item:one"', "a.toml"),
            overlay('[struct.holder]\nhead = "item:two"', "b.toml"),
        ]
    )
    value = kernel.value("struct holder", address).head
    assert value.expansion_().provenance == "overlay b.toml"
    assert ids(value) == [1, 2, 3]


def task_world(tag: str = "") -> tuple[World, int]:
    """A struct that the library knows: task_struct.children by sibling."""
    world = World()
    members = [
        ("id", "int"),
        ("children", "struct list_head"),
        ("sibling", "struct list_head"),
        ("other", "struct list_head"),
    ]
    world.struct("task_struct", members, {"children": tag} if tag else {})
    parent = world.new("task_struct", id=1)
    child = world.new("task_struct", id=2)
    node = "other" if tag else "sibling"
    world.link_list(
        parent + world.offset("task_struct.children"),
        [child + world.offset(f"task_struct.{node}")],
    )
    return world, parent


def test_library():
    world, parent = task_world()
    value = world.kernel().value("struct task_struct", parent).children
    assert value.expansion_().provenance == "library"
    assert ids(value) == [2]


def test_tag_comes_before_the_library():
    world, parent = task_world("task_struct:other")
    value = world.kernel().value("struct task_struct", parent).children
    assert value.expansion_().provenance == "tag"
    assert ids(value) == [2]


def test_a_bad_tag_is_reported_and_the_library_speaks():
    world, parent = task_world("no_such:other")
    kernel = world.kernel()
    task = kernel.value("struct task_struct", parent)
    assert task.children.expansion_().provenance == "library"
    notes = texts(dumped(kernel, task))
    assert 'tag "no_such:other": no struct no_such in the BTF' in notes


# Alternatives


def test_first_alternative_that_fits(world):
    address = holder(world, node="two")
    kernel = world.kernel(
        [overlay('[struct.holder]\nhead = ["item:gone", "item:two", "item:one"]')]
    )
    value = kernel.value("struct holder", address).head
    assert ids(value) == [1, 2, 3]
    assert value.facts_.problems == []


def test_no_alternative_fits(world):
    address = holder(world)
    kernel = world.kernel([overlay('[struct.holder]\nhead = ["item:gone", "lost:two"]')])
    head = kernel.value("struct holder", address).head
    with pytest.raises(CorruptDataError, match=r"no member gone.*no struct lost"):
        head.expansion_()
    notes = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert len(notes) == 2


# What is refused

REFUSED = {
    "item:none": "struct item has no member none",
    "nothing:one": "no struct nothing in the BTF",
    "item:id": "struct item member id is int, expected struct list_head",
    "item:hash": "struct item member hash is struct hlist_node, expected struct list_head",
    "item:deep": "expected struct list_head",
    "item:deep.none": "has no member deep.none",
    "item:one[]": "has no member one[]",
    "just some words": "is not understood: expected NAME:NODE",
    "wrap": None,  # exactly one link: understood
}


@pytest.mark.parametrize("tag", [tag for tag, reason in REFUSED.items() if reason])
def test_refused_at_its_place(world, tag):
    reason = REFUSED[tag]
    assert reason is not None
    address = holder(world, tag)
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    with pytest.raises(CorruptDataError) as error:
        list(value.head.walk_())
    assert reason in str(error.value)
    assert error.value.address == value.head.address_
    document = dumped(kernel, value)
    (note,) = document["members"]["head"]["notes"]
    assert reason in note["text"]
    assert note["text"].startswith("tag ")
    for format_ in ("text", "tree"):
        lines = "".join(kernel.dump(value, format_)).splitlines()
        (at,) = [i for i, line in enumerate(lines) if "! " in line]
        assert reason in lines[at]
        assert any("head" in line for line in lines[:at])


def test_untagged(world):
    address = holder(world)
    value = world.kernel().value("struct holder", address)
    with pytest.raises(
        CorruptDataError, match="no tag, overlay or library entry names its element"
    ):
        list(value.head.walk_())


def test_tags_that_are_not_ours_are_silent(world):
    world.struct(
        "holder",
        [("n", "int"), ("head", "struct list_head"), ("p", "struct item *")],
        {
            "n": ["some words here", "arg:ctx", "mutex_lock: x", "item:one", "whatever"],
            "head": ["item:one", "spin_lock:lock"],
            "p": ["nonsense", "bpf_kfunc"],
        },
    )
    address = world.new("holder", n=1)
    items(world, address + world.offset("holder.head"), "one", 5)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct holder", address))
    assert texts(document) == []
    assert document["members"]["head"]["count"] == 1


def test_a_container_whose_own_structs_are_not_in_the_btf_says_so(world):
    world.struct("list_lru", [("node", "void *")])
    world.struct("holder", [("lru", "struct list_lru")], {"lru": "item:one"})
    address = world.new("holder", lru=b"\1" * 8)
    kernel = world.kernel()
    notes = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert notes == [
        "struct list_lru cannot be walked: "
        "no struct list_lru_node in the BTF of this kernel, which keeps none of its modules"
    ]


def test_an_overlay_for_a_member_that_is_none(world):
    address = holder(world, "item:one")
    kernel = world.kernel(
        [overlay('[struct.holder]\nn = "item:one"\nnone = "item:one"\n"head.next" = "item:one"')]
    )
    value = kernel.value("struct holder", address)
    facts = kernel.facts(value._layout_)
    assert facts.problems == ["overlay mine.toml: struct holder has no member none"]
    assert facts.members[0].problems == [
        'overlay mine.toml "item:one": the member is not a container'
    ]
    assert ids(value.head) == [1, 2, 3]


# Paths


def test_dotted_node(world):
    address = holder(world, "item:deep.inner", node="deep.inner")
    assert ids(world.kernel().value("struct holder", address).head) == [1, 2, 3]


def test_node_inside_an_anonymous_union(world):
    world.union("<u>", [("alias", "struct list_head"), ("raw", "u64")])
    world.struct("thing", [("id", "int"), ("", "union <u>")])
    world.struct("holder", [("head", "struct list_head")], {"head": "thing:alias"})
    address = world.new("holder")
    thing = world.new("thing", id=9)
    world.link_list(address, [thing + world.offset("thing.alias")])
    assert ids(world.kernel().value("struct holder", address).head) == [9]


def test_head_by_dotted_path(world):
    """A fact of the outer struct about a head inside an inner one comes before the inner's own."""
    world.struct("queue", [("n", "int"), ("list", "struct list_head")], {"list": "item:one"})
    world.struct("holder", [("x", "int"), ("pending", "struct queue")])
    address = world.new("holder")
    items(world, address + world.offset("holder.pending.list"), "two", 4, 5)
    kernel = world.kernel([overlay('[struct.holder]\n"pending.list" = "item:two"')])
    value = kernel.value("struct holder", address)
    assert ids(value.pending.list) == [4, 5]
    document = dumped(kernel, value)
    container = document["members"]["pending"]["members"]["list"]
    assert (container["node"], container["count"]) == ("two", 2)
    assert container["provenance"] == "overlay mine.toml"
    # Alone, the queue is what its own tag says.
    inner = kernel.value("struct queue", value.pending.address_)
    assert inner.list.expansion_().node == "one"


def test_node_by_the_heads_index():
    """pid.tasks[i] -> task_struct.pid_links[i]"""
    world = World()
    world.struct("task", [("id", "int"), ("links", "struct hlist_node[3]")])
    world.struct(
        "pid", [("n", "int"), ("tasks", "struct hlist_head[3]")], {"tasks": "task:links[]"}
    )
    pid = world.new("pid")
    tasks = [world.new("task", id=i) for i in range(4)]
    size = world.pointer_size
    groups = {0: [0, 1], 2: [3, 2]}
    for index, members in groups.items():
        world.link_hlist(
            pid + world.offset("pid.tasks") + index * size,
            [tasks[i] + world.offset("task.links") + index * 2 * size for i in members],
        )
    kernel = world.kernel()
    value = kernel.value("struct pid", pid)
    assert [ids(value.tasks[i]) for i in range(3)] == [[0, 1], [], [3, 2]]
    document = dumped(kernel, value)
    at = document["members"]["tasks"]["at"]
    assert {
        key: [e["members"].get("id", 0) for e in group["elements"]] for key, group in at.items()
    } == {"0": [0, 1], "2": [3, 2]}


def test_arrays_of_heads(world):
    world.struct("holder", [("heads", "struct list_head[4]")], {"heads": "item:one"})
    address = world.new("holder")
    for index in range(4):
        items(world, address + 16 * index, "one", *range(index * 10, index * 10 + index))
    value = world.kernel().value("struct holder", address)
    assert [ids(head) for head in value.heads] == [[], [10], [20, 21], [30, 31, 32]]


# NAME alone


def storage_world(backwards: int) -> tuple[World, int]:
    """The shape of BPF local storage, whose element has two links of the right type."""
    world = World()
    world.struct(
        "elem",
        [
            ("map_node", "struct hlist_node"),
            ("snode", "struct hlist_node"),
            ("storage", "struct storage *"),
            ("id", "int"),
        ],
    )
    world.struct("storage", [("n", "int"), ("list", "struct hlist_head")], {"list": "elem"})
    storage = world.new("storage", n=7)
    elements = [world.new("elem", id=i, storage=storage * backwards) for i in (1, 2)]
    world.link_hlist(
        storage + world.offset("storage.list"),
        [element + world.offset("elem.snode") for element in elements],
    )
    return world, storage


def test_name_alone_with_one_link(world):
    world.struct("holder", [("head", "struct list_head")], {"head": "single"})
    world.struct("single", [("id", "int"), ("link", "struct list_head")])
    address = world.new("holder")
    entry = world.new("single", id=3)
    world.link_list(address, [entry + world.offset("single.link")])
    value = world.kernel().value("struct holder", address).head
    assert value.expansion_().provenance == "tag"
    assert ids(value) == [3]


def test_name_alone_is_decided_by_evidence():
    world, storage = storage_world(1)
    kernel = world.kernel()
    value = kernel.value("struct storage", storage)
    assert value.list.expansion_().node == "snode"
    assert value.list.expansion_().provenance == "inferred"
    assert ids(value.list) == [1, 2]
    document = dumped(kernel, value)
    assert document["members"]["list"]["provenance"] == "inferred"
    assert document["members"]["list"]["count"] == 2


def test_name_alone_without_evidence_prints_the_candidates():
    world, storage = storage_world(0)
    kernel = world.kernel()
    value = kernel.value("struct storage", storage)
    with pytest.raises(CorruptDataError, match="ambiguous: elem:map_node, elem:snode"):
        value.list.expansion_()
    (note,) = texts(dumped(kernel, value))
    assert "ambiguous: elem:map_node, elem:snode" in note
    for format_ in ("text", "tree"):
        assert "elem:map_node, elem:snode" in "".join(kernel.dump(value, format_))


def test_name_alone_of_an_empty_list():
    world, storage = storage_world(1)
    world.point(storage + world.offset("storage.list"), 0)
    kernel = world.kernel()
    with pytest.raises(CorruptDataError, match="ambiguous"):
        kernel.value("struct storage", storage).list.expansion_()
    document = dumped(kernel, kernel.value("struct storage", storage))
    assert texts(document) == []  # there is nothing in it to be ambiguous about


def test_name_alone_without_a_link(world):
    world.struct("holder", [("head", "struct hlist_head")], {"head": "wrap"})
    address = world.new("holder", head=b"\1" * 8)
    kernel = world.kernel()
    (note,) = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert note == 'tag "wrap": struct wrap has no member of struct hlist_node'


def test_real_local_storage_by_name_alone(opened):
    """The talk's own form, on a kernel where two members could be the link."""
    plain = opened("stock")
    kernel = Kernel(
        plain.target,
        plain.btf,
        [overlay('[struct.bpf_local_storage]\nlist = "bpf_local_storage_elem"')],
    )
    expected = plain.task(1).bpf_storage.list
    found = kernel.task(1).bpf_storage.list
    assert found.expansion_().provenance == "inferred"
    assert found.expansion_().node == "snode"
    assert [e.address_ for e in found.walk_()] == [e.address_ for e in expected.walk_()]


# Several structs of one name


def two_of_a_name(same: bool) -> tuple[Kernel, int]:
    b = BtfBuilder()
    int_ = b.int_("int", 4, signed=True)
    head = b.next_id
    b.struct("list_head", 16, [("next", head + 1, 0), ("prev", head + 1, 64)])
    b.ptr(head)
    b.struct("item", 24, [("id", int_, 0), ("link", head, 64)])
    b.struct("item", 24 if same else 32, [("id", int_, 0), ("link", head, 64 if same else 128)])
    holder = b.struct("holder", 16, [("head", head, 0)])
    b.decl_tag("item:link", holder, 0)
    target = BufferTarget({0x1000: (0x1000).to_bytes(8, "little") * 2})
    return Kernel(target, b.parse()), 0x1000


def test_copies_of_a_struct_are_one():
    kernel, address = two_of_a_name(same=True)
    assert kernel.value("struct holder", address).head.expansion_().node == "link"


def test_different_structs_of_one_name():
    kernel, address = two_of_a_name(same=False)
    with pytest.raises(
        CorruptDataError,
        match=r"ambiguous: vmlinux:struct item@\d+:link, vmlinux:struct item@\d+:link",
    ):
        kernel.value("struct holder", address).head.expansion_()


# Rings


def test_rings_are_not_walked_by_themselves():
    """task_struct.tasks leads from any task to all others: not from each of them again."""
    world = World()
    world.struct(
        "task_struct",
        [("pid", "int"), ("tasks", "struct list_head")],
        {"tasks": "task_struct:tasks"},
    )
    tasks = [world.new("task_struct", pid=i) for i in range(4)]
    links = [task + world.offset("task_struct.tasks") for task in tasks]
    world.link_list(links[0], links[1:])
    kernel = world.kernel()
    value = kernel.value("struct task_struct", tasks[0])
    assert value.tasks.expansion_().is_ring
    assert [int(v.pid) for v in value.tasks.walk_()] == [1, 2, 3]
    document = dumped(kernel, value)
    assert "elements" not in document["members"]["tasks"]
    assert "next" in document["members"]["tasks"]["members"]


def test_a_condition_of_the_library_does_not_outrank_a_tag():
    """The tag says without one what the struct's list holds."""
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head"), ("two", "struct list_head")])
    members = [("pid", "int"), ("head", "struct list_head")]
    world.struct("shelf", members, {"head": "item:one"})
    address = world.new("shelf", pid=1)
    kernel = world.kernel()
    text = '[struct.shelf]\nhead = { tags = ["cond:pid", "item:two"] }\n'
    for source, node in (("library", "one"), ("overlay mine.toml", "two")):
        said = Overlay(text, source)
        kernel.annotations._overlays = () if source == "library" else (said,)
        kernel.annotations._library = said if source == "library" else None
        kernel._facts.clear()
        kernel._members.clear()
        assert kernel.value("struct shelf", address).head.expansion_().node == node
