"""list_lru: one list for each memory node and cgroup, sound and broken."""

from __future__ import annotations

import pytest

from tests.support.containers import WILD, Case, define_xarray


class Lrus(Case):
    """LRU lists of two memory nodes, and of memory cgroups 3 and 5."""

    def __init__(self, platform, *, nodes: int = 2, is_aware: bool = True) -> None:
        super().__init__(platform, "struct list_lru", "struct list_head")
        world = self.world
        self.nodes = world.room(2 * world.sizeof("struct list_lru_node"))
        self.set_head("node", self.nodes)
        self.set_head("memcg_aware", is_aware)
        count = world.room(4)
        world.write(count, world.pack(nodes, 4))
        world.symbols["nr_node_ids"] = count
        for node in range(2):
            self.fill(self.list_of(node), [])
        self.groups = {}
        size = world.sizeof("struct list_lru_one")
        array = world.new("xa_node")
        for memcg in (3, 5):
            group = self.groups[memcg] = world.new("list_lru_memcg", 2 * size)
            slots = array + world.offset("xa_node.slots")
            world.point(slots + memcg * self.word, group)
            for node in range(2):
                self.fill(self.list_of(node, memcg), [])
        self.set_head("xa.xa_head", array | 2)

    def define(self) -> None:
        define_xarray(self.world)
        world = self.world
        world.struct("list_lru_one", [("list", "struct list_head"), ("nr_items", "unsigned long")])
        world.struct("list_lru_node", [("lock", "int"), ("lru", "struct list_lru_one")])
        world.struct("list_lru_memcg", [("rcu", "u64[2]"), ("node", "struct list_lru_one[0]")])
        world.struct(
            "list_lru",
            [
                ("node", "struct list_lru_node *"),
                ("memcg_aware", "bool"),
                ("xa", "struct xarray"),
            ],
        )

    def list_of(self, node: int, memcg: int = -1) -> int:
        world = self.world
        if memcg < 0:
            at = self.nodes + node * world.sizeof("struct list_lru_node")
            return at + world.offset("list_lru_node.lru.list")
        at = self.groups[memcg] + world.offset("list_lru_memcg.node")
        return at + node * world.sizeof("struct list_lru_one")

    def fill(self, head: int, links: list[int]) -> None:
        self.world.link_list(head, links)


@pytest.fixture
def make(platform):
    return lambda **how: Lrus(platform, **how)


def test_empty(make):
    assert make().walk() == ([], [])


def test_nodes_and_cgroups(make):
    lrus = make()
    a, b, c, d = lrus.new_items(4)
    lrus.fill(lrus.list_of(0), [a])
    lrus.fill(lrus.list_of(1), [b])
    lrus.fill(lrus.list_of(1, 5), [c, d])
    assert lrus.keyed() == [
        ("node 0", 0),
        ("node 1", 1),
        ("memcg 5 node 1", 2),
        ("memcg 5 node 1", 3),
    ]


def test_not_aware_of_cgroups(make):
    lrus = make(is_aware=False)
    lrus.fill(lrus.list_of(1, 5), lrus.new_items(1))
    assert lrus.walk() == ([], [])


@pytest.mark.parametrize("nodes", [0, 100_000])
def test_absurd_number_of_nodes(make, nodes):
    wrong = [f"the kernel claims {nodes} memory nodes"]
    assert make(nodes=nodes).walk() == ([], wrong)


def test_wild_nodes(make):
    lrus = make(is_aware=False)
    lrus.set_head("node", WILD)
    wrong = ["list head is unreadable: not mapped"] * 2
    assert lrus.walk() == ([], wrong)
