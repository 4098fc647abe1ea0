"""Containers of every kind in small kernels made by hand, and how to walk them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._annotate.overlay import Overlay
from btfdump._kernel.value import Value
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import CorruptDataError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._api.kernel import Kernel
    from btfdump._btf.wire import ByteOrder

PLATFORMS: list[tuple[ByteOrder, int]] = [("little", 8), ("big", 8), ("little", 4), ("big", 4)]
WILD = 0xDEAD0000


class Case:
    """A `struct item` linked by `link`, and a `struct holder` whose `head` is the container.

    `define` adds the structs of the container; `head` and `link` are C types.
    """

    def __init__(
        self, platform: tuple[ByteOrder, int], head: str, link: str = "", tag: str = ""
    ) -> None:
        self.members: list[tuple[str, str]] = []
        self.world = world = World(*platform)
        self.define()
        self.word = world.pointer_size
        members = [("id", "int"), *self.members, *([("link", link)] if link else [])]
        members.append(("tail", "char[40]"))
        world.struct("item", members)
        tag = tag or ("item:link" if link else "item")
        world.struct("holder", [("pad", "u64"), ("head", head)], {"head": tag})
        self.holder = world.new("holder")
        self.head = self.holder + world.offset("holder.head")
        self.items: list[int] = []

    def define(self) -> None:
        """Add the structs of the container to the world."""

    def new_items(self, count: int) -> list[int]:
        """Make items; return the addresses of their links, or their own without links."""
        made = [self.world.new("item", id=len(self.items) + i) for i in range(count)]
        self.items += made
        try:
            offset = self.world.offset("item.link")
        except AssertionError:
            offset = 0
        return [item + offset for item in made]

    def set_head(self, path: str, value: int) -> None:
        self.world.set(self.holder, f"holder.head.{path}", value)

    @cached_property
    def kernel(self) -> Kernel:
        """The kernel, opened at the first use: the world must be complete by then."""
        return self.world.kernel()

    def value(self) -> Value:
        return self.kernel.value("struct holder", self.holder).head

    def walk(self) -> tuple[list[int], list[str]]:
        """Return the ids of the entries and what is wrong, after checking walk_() against it."""
        found = list(self.value().entries_())
        wrong = [item for item in found if isinstance(item, Anomaly)]
        values = [item for item in found if isinstance(item, Value)]
        plain, trouble = [], ""
        try:
            for value in self.value().walk_():
                plain.append(value.address_)  # noqa: PERF401 - what came before the error counts
        except CorruptDataError as error:
            trouble = str(error)
        assert plain == [value.address_ for value in values]
        lost = [item.message for item in wrong if item.ends]
        assert trouble == (lost[0] if lost else "")
        return [self.items.index(v.address_) for v in values], [item.message for item in wrong]

    def keyed(self) -> list[tuple[object, object]]:
        """Return (key, id of the object, or value of a value entry) of everything found."""
        found: list[tuple[object, object]] = []
        for item in self.value().entries_():
            if isinstance(item, Value):
                found.append((item.key_, self.items.index(item.address_)))
            elif isinstance(item, ValueEntry):
                found.append((item.key, (item.meaning, item.value)))
            else:
                found.append(("!", item.message))
        return found


def define_rbtree(world: World) -> None:
    word = "unsigned long"
    world.struct(
        "rb_node",
        [
            ("__rb_parent_color", word),
            ("rb_right", "struct rb_node *"),
            ("rb_left", "struct rb_node *"),
        ],
    )
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct(
        "rb_root_cached", [("rb_root", "struct rb_root"), ("rb_leftmost", "struct rb_node *")]
    )


def plant(world: World, links: Sequence[int]) -> int:
    """Make a sound red-black tree of rb_nodes, which lie in order; return its root.

    Halving gives a tree whose levels are full but for the last one: that one is red.
    """
    depth = len(links).bit_length()

    def build(low: int, high: int, parent: int, level: int) -> int:
        if low >= high:
            return 0
        # The left side takes what fills its levels, so that only the last level has gaps.
        middle = (low + high) // 2
        node = links[middle]
        is_black = level < depth or level == 1
        world.set(node, "rb_node.__rb_parent_color", parent | is_black)
        world.set(node, "rb_node.rb_left", build(low, middle, node, level + 1))
        world.set(node, "rb_node.rb_right", build(middle + 1, high, node, level + 1))
        return node

    return build(0, len(links), 0, 1)


def define_xarray(world: World, slots: int = 16) -> None:
    world.struct("xarray", [("xa_lock", "int"), ("xa_flags", "u32"), ("xa_head", "void *")])
    world.struct(
        "xa_node",
        [
            ("shift", "u8"),
            ("offset", "u8"),
            ("count", "u8"),
            ("nr_values", "u8"),
            ("parent", "struct xa_node *"),
            ("array", "struct xarray *"),
            ("slots", f"void *[{slots}]"),
        ],
    )


def define_maple(world: World) -> None:
    """Nodes of 256 bytes, as in include/linux/maple_tree.h, for either word size."""
    eight = world.pointer_size == 8
    slots, wide = (16, 10) if eight else (32, 21)
    world.struct("maple_metadata", [("end", "u8"), ("gap", "u8")])
    world.struct("<meta>", [("pad", f"void *[{slots - 1}]"), ("meta", "struct maple_metadata")])
    world.union("<slots>", [("slot", f"void *[{slots}]"), ("", "struct <meta>")])
    world.struct(
        "maple_range_64",
        [
            ("parent", "void *"),
            ("pivot", f"unsigned long[{slots - 1}]"),
            ("", "union <slots>"),
        ],
    )
    world.struct(
        "maple_arange_64",
        [
            ("parent", "void *"),
            ("pivot", f"unsigned long[{wide - 1}]"),
            ("slot", f"void *[{wide}]"),
            ("gap", f"unsigned long[{wide}]"),
            ("meta", "struct maple_metadata"),
        ],
    )
    world.struct("<dense>", [("parent", "void *"), ("slot", f"void *[{31 if eight else 63}]")])
    world.union(
        "<node>",
        [
            ("", "struct <dense>"),
            ("mr64", "struct maple_range_64"),
            ("ma64", "struct maple_arange_64"),
        ],
    )
    world.struct("maple_node", [("", "union <node>")])
    world.struct("maple_tree", [("ma_lock", "int"), ("ma_flags", "u32"), ("ma_root", "void *")])


def overlay(text: str) -> Overlay:
    return Overlay(text, "overlay test.toml")
