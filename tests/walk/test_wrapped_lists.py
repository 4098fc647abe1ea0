"""plist_head, klist, sk_buff_head, and the lists and trees of BPF programs."""

from __future__ import annotations

import pytest

from btfdump._walk import FAMILIES, walker_of
from tests.support.containers import WILD, Case, define_rbtree, plant


class Rings(Case):
    """A container made of a list_head at `head_path` and list_heads at `link_path` of its links."""

    head_type, link_type, head_path, link_path = "", "", "", ""

    def __init__(self, platform, count: int) -> None:
        link = f"struct {self.link_type}"
        super().__init__(platform, f"struct {self.head_type}", link)
        self.links = self.new_items(count)
        self.relink(self.links)
        for number, link_ in enumerate(self.links):
            self.prepare(link_, number)

    def ring(self, link: int) -> int:
        return link + self.world.offset(f"{self.link_type}.{self.link_path}")

    def relink(self, links: list[int]) -> None:
        head = self.head + self.world.offset(f"{self.head_type}.{self.head_path}")
        self.world.link_list(head, [self.ring(link) for link in links])

    def prepare(self, link: int, number: int) -> None:
        """Set what else a link has."""


class Plists(Rings):
    head_type, link_type, head_path, link_path = (
        "plist_head",
        "plist_node",
        "node_list",
        "node_list",
    )

    def define(self) -> None:
        lists = [("prio_list", "struct list_head"), ("node_list", "struct list_head")]
        self.world.struct("plist_node", [("prio", "int"), *lists])
        self.world.struct("plist_head", [("node_list", "struct list_head")])

    def prepare(self, link: int, number: int) -> None:
        self.world.set(link, "plist_node.prio", number // 2 - 1)


class Klists(Rings):
    head_type, link_type, head_path, link_path = "klist", "klist_node", "k_list", "n_node"

    def define(self) -> None:
        node = [("n_klist", "void *"), ("n_node", "struct list_head"), ("n_ref", "int")]
        self.world.struct("klist_node", node)
        head = [("k_lock", "int"), ("k_list", "struct list_head"), ("get", "void *")]
        self.world.struct("klist", head)

    def prepare(self, link: int, number: int) -> None:
        self.world.set(link, "klist_node.n_klist", self.head)


class BpfLists(Rings):
    head_type, link_type, head_path, link_path = "bpf_list_head", "bpf_list_node", "", ""

    def define(self) -> None:
        words = self.world.pointer_size // 4
        self.world.struct("bpf_list_head", [("__opaque", f"u64[{words}]")])
        self.world.struct("bpf_list_node", [("__opaque", "u64[3]")])
        kern = [("list_head", "struct list_head"), ("owner", "void *")]
        self.world.struct("bpf_list_node_kern", kern)

    def ring(self, link: int) -> int:
        return link

    def relink(self, links: list[int]) -> None:
        self.world.link_list(self.head, links)

    def prepare(self, link: int, number: int) -> None:
        self.world.set(link, "bpf_list_node_kern.owner", self.head)


@pytest.fixture(params=[Plists, Klists, BpfLists], ids=lambda kind: kind.head_type)
def make(request, platform):
    return lambda count: request.param(platform, count)


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_sound(make, count):
    assert make(count).walk() == (list(range(count)), [])


def test_cycle(make):
    rings = make(4)
    rings.world.point(rings.ring(rings.links[3]), rings.ring(rings.links[1]))
    found, wrong = rings.walk()
    assert found == [0, 1, 2, 3]
    assert "cycle" in wrong[-1]


def test_wild_pointer(make):
    """What lies behind is recovered from the tail, as in any list_head."""
    rings = make(4)
    rings.world.point(rings.ring(rings.links[1]), WILD)
    found, wrong = rings.walk()
    assert found == [0, 1, 2, 3]
    assert wrong[0] == f"entry at {WILD:#x} is unreadable: not mapped"


def test_the_head_is_unreadable(make):
    rings = make(2)
    rings.value()
    rings.world.target.unmap(rings.head, rings.value().size_)
    found, wrong = rings.walk()
    assert found == []
    assert "unreadable: not mapped" in wrong[0]


def test_an_unsorted_plist(platform):
    plists = Plists(platform, 4)
    plists.relink([plists.links[i] for i in (0, 2, 1, 3)])
    found, wrong = plists.walk()
    assert found == [0, 2, 1, 3]
    assert wrong == ["priority -1 comes after 0: the list is not sorted"]


def test_dead_nodes_of_a_klist_are_skipped(platform):
    klists = Klists(platform, 4)
    klists.world.set(klists.links[1], "klist_node.n_klist", klists.head | 1)
    assert klists.walk() == ([0, 2, 3], [])


def test_a_node_of_another_klist(platform):
    klists = Klists(platform, 2)
    klists.world.set(klists.links[1], "klist_node.n_klist", 0x1230)
    found, wrong = klists.walk()
    assert found == [0, 1]
    assert wrong == [f"n_klist is 0x1230, not {klists.head:#x}: the node of another klist"]


def test_a_node_that_a_bpf_list_does_not_own(platform):
    lists = BpfLists(platform, 2)
    lists.world.set(lists.links[1], "bpf_list_node_kern.owner", 0)
    assert lists.walk() == ([0, 1], [f"owner is 0x0, not {lists.head:#x}"])


def test_a_bpf_list_that_was_never_used_is_empty(platform):
    lists = BpfLists(platform, 0)
    lists.world.write(lists.head, bytes(2 * lists.word))
    assert lists.walk() == ([], [])


class BpfTrees(Case):
    def __init__(self, platform, count: int) -> None:
        super().__init__(platform, "struct bpf_rb_root", "struct bpf_rb_node")
        self.links = self.new_items(count)
        if count:
            self.world.point(self.head, plant(self.world, self.links))
            self.world.point(self.head + self.word, self.links[0])
        for link in self.links:
            self.world.set(link, "bpf_rb_node_kern.owner", self.head)

    def define(self) -> None:
        define_rbtree(self.world)
        self.world.struct("bpf_rb_root", [("__opaque", "u64[2]")])
        self.world.struct("bpf_rb_node", [("__opaque", "u64[4]")])
        kern = [("rb_node", "struct rb_node"), ("owner", "void *")]
        self.world.struct("bpf_rb_node_kern", kern)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_bpf_tree(platform, count):
    assert BpfTrees(platform, count).walk() == (list(range(count)), [])


def test_a_node_that_a_bpf_tree_does_not_own(platform):
    trees = BpfTrees(platform, 3)
    trees.world.set(trees.links[1], "bpf_rb_node_kern.owner", 0x10)
    assert trees.walk() == ([0, 1, 2], [f"owner is 0x10, not {trees.head:#x}"])


class Queues(Case):
    """sk_buff_head: its elements are chained by their own first two members."""

    def __init__(self, platform, count: int) -> None:
        super().__init__(platform, "struct sk_buff_head", tag="sk_buff")
        self.items = [self.world.new("sk_buff", len=i) for i in range(count)]
        self.world.link_list(self.head, self.items)

    def define(self) -> None:
        chain = [("next", "struct sk_buff *"), ("prev", "struct sk_buff *")]
        self.world.struct("sk_buff", [*chain, ("len", "u32")])
        self.world.struct("sk_buff_head", [*chain, ("qlen", "u32")])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_sk_buff_head(platform, count):
    assert Queues(platform, count).walk() == (list(range(count)), [])


def test_cycle_of_sk_buffs(platform):
    queues = Queues(platform, 3)
    queues.world.point(queues.items[2], queues.items[0])
    found, wrong = queues.walk()
    assert found == [0, 1, 2]
    assert "cycle" in wrong[0]


def test_every_walker_is_loaded_by_the_name_of_its_head():
    for head in FAMILIES:
        walker = walker_of(head)
        assert walker is not None
        assert walker.head == head
        assert walker.help
    assert walker_of("no_such_head") is None
