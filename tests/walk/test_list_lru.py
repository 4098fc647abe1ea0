"""list_lru: one list for each memory node and cgroup, sound and broken."""

from __future__ import annotations

import re

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


class OldLrus(Lrus):
    """As before Linux 5.18: each node has an array of pointers to the lists of cgroups."""

    def __init__(self, platform, *, ids: int = 8) -> None:
        Case.__init__(self, platform, "struct list_lru", "struct list_head")
        world = self.world
        self.nodes = world.room(2 * world.sizeof("struct list_lru_node"))
        self.set_head("node", self.nodes)
        self.set_head("memcg_aware", 1)
        for symbol, number in (("nr_node_ids", 2), ("memcg_nr_cache_ids", ids)):
            world.symbols[symbol] = world.room(4)
            world.write(world.symbols[symbol], world.pack(number, 4))
        self.lists: dict[tuple[int, int], int] = {}
        for node in range(2):
            self.fill(self.list_of(node), [])
            array = world.new("list_lru_memcg", 8 * self.word)
            for memcg in (3, 5):
                one = self.lists[memcg, node] = world.new("list_lru_one")
                world.point(array + world.offset("list_lru_memcg.lru") + memcg * self.word, one)
                self.fill(one, [])
            world.point(self.arrays(node), array)

    def define(self) -> None:
        world = self.world
        world.struct("list_lru_one", [("list", "struct list_head"), ("nr_items", "unsigned long")])
        world.struct("list_lru_memcg", [("rcu", "u64[2]"), ("lru", "struct list_lru_one *[0]")])
        world.struct(
            "list_lru_node",
            [
                ("lock", "int"),
                ("lru", "struct list_lru_one"),
                ("memcg_lrus", "struct list_lru_memcg *"),
            ],
        )
        world.struct("list_lru", [("node", "struct list_lru_node *"), ("memcg_aware", "bool")])

    def arrays(self, node: int) -> int:
        """Return where the pointer of a node to its array is."""
        size = self.world.sizeof("struct list_lru_node")
        return self.nodes + node * size + self.world.offset("list_lru_node.memcg_lrus")

    def list_of(self, node: int, memcg: int = -1) -> int:
        return super().list_of(node) if memcg < 0 else self.lists[memcg, node]


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
    found, wrong = lrus.walk()
    assert found == []
    assert len(wrong) == 2
    for text in wrong:
        assert re.fullmatch("list head at 0x[0-9a-f]+ is unreadable: not mapped", text)


def test_arrays_of_pointers_to_lists_of_cgroups(platform):
    lrus = OldLrus(platform)
    a, b, c, d = lrus.new_items(4)
    lrus.fill(lrus.list_of(0), [a])
    lrus.fill(lrus.list_of(0, 5), [b])
    lrus.fill(lrus.list_of(1, 3), [c, d])
    assert lrus.keyed() == [
        ("node 0", 0),
        ("memcg 5 node 0", 1),
        ("memcg 3 node 1", 2),
        ("memcg 3 node 1", 3),
    ]


def test_no_array_for_cgroups(platform):
    lrus = OldLrus(platform)
    for node in range(2):
        lrus.world.point(lrus.arrays(node), 0)
    assert lrus.walk() == ([], [])


def test_wild_arrays_for_cgroups(platform):
    lrus = OldLrus(platform)
    lrus.world.point(lrus.arrays(1), WILD)
    found, (wrong,) = lrus.walk()
    assert found == []
    assert re.fullmatch("array of lists of memory .* at 0x[0-9a-f]+ is unreadable: .*", wrong)


@pytest.mark.parametrize("ids", [None, 70_000])
def test_how_many_cgroups_is_not_known(platform, ids):
    lrus = OldLrus(platform, ids=ids or 0)
    claim = "the kernel claims 70000 ids" if ids else "no symbol memcg_nr_cache_ids"
    if not ids:
        del lrus.world.symbols["memcg_nr_cache_ids"]
    assert lrus.walk() == ([], [f"lists of memory cgroups are not walked: {claim}"] * 2)
