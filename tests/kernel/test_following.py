"""Paths through pointers, read by compiled code: the same as from value to value, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._decode.layout import StructLayout
from btfdump._kernel.following import Following, Troubles
from btfdump._kernel.pointers import MOVED
from btfdump.errors import BtfdumpError, FaultError, MemberNotFoundError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value

PLATFORMS = [("little", 8), ("big", 8), ("little", 4), ("big", 4)]
PATHS = (
    "id",
    "name",
    "bits",
    "is_on",
    "inner.size",
    "next.id",
    "next.next.name",
    "next.inner.size",
)


def chained(byteorder: Any = "little", pointer_size: int = 8) -> tuple[World, list[int]]:
    """Return three items, each pointing to the next; the last to NULL."""
    world = World(byteorder, pointer_size)
    world.struct("inner", [("pad", "u8"), ("size", "u64")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("is_on", "bool"),
            ("bits", "u32", 3),
            ("name", "char[8]"),
            ("next", "struct item *"),
            ("count", "u32"),
            ("table", "struct item **"),
            ("link", "struct list_head"),
            ("far", "__user struct item *"),
            ("user", "struct item *"),
            ("inner", "struct inner"),
        ],
        {"table": "len:count", "user": "space:user"},
    )
    world.struct("root", [("list", "struct list_head")], {"list": "item:link"})
    items = [world.new("item", id=n - 1, is_on=n, name=b"abc\0\xff" * (n > 0)) for n in range(3)]
    for number, (item, following) in enumerate(zip(items, [*items[1:], 0], strict=True)):
        world.set(item, "item.next", following)
        world.set(item, "item.inner.size", (1 << 63) + number)
    return world, items


def layout_of(value: Value) -> StructLayout:
    assert isinstance(value._layout_, StructLayout)
    return value._layout_


def slowly(value: Value, path: str) -> Any:
    for name in path.split("."):
        if value.is_pointer_ and not int(value):
            return None
        value = value.member_(name)
    return value.value_()


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_what_is_read_is_what_values_say(platform):
    world, items = chained(*platform)
    kernel = world.kernel()
    first = kernel.value("struct item", items[0])
    following = Following(kernel, layout_of(first), PATHS)
    assert following.is_plain
    for item in items:
        value = kernel.value("struct item", item)
        expected = tuple(slowly(value, path) for path in PATHS)
        assert repr(following.of(value)) == repr(expected)
        assert repr(following.at(item, value.read_().bytes_())) == repr(expected)
    assert not following.troubles.taken()


def test_each_object_on_the_way_is_read_once():
    world, items = chained()
    kernel = world.kernel()
    layout = layout_of(kernel.value("struct item", items[0]))
    following = Following(kernel, layout, ("id", "next.id", "next.inner.size", "next.next.id"))
    reads: list[int] = []
    read = kernel.target.read

    def counting(address: int, size: int) -> bytes:
        reads.append(address)
        return read(address, size)

    row = following._row(items[0], None, counting, (FaultError,), following._lost, following._moved)
    assert row == (-1, 0, (1 << 63) + 1, 1)
    assert len(reads) == 3


def test_what_cannot_be_read_is_none_and_counted():
    world, items = chained()
    kernel = world.kernel()
    world.set(items[0], "item.next", 0x10)
    world.set(items[1], "item.next", 0x20)
    troubles = Troubles()
    layout = layout_of(kernel.value("struct item", items[0]))
    following = Following(kernel, layout, ("id", "next.id"), name="item", troubles=troubles)
    assert [following.at(item) for item in items] == [(-1, None), (0, None), (1, None)]
    (trouble,) = troubles.taken()
    assert (trouble.path, trouble.times, trouble.address) == ("item.next", 2, 0x10)
    assert str(trouble).startswith("item.next: 2 times, the first: ")
    assert not troubles.taken()


def test_members_beside_a_hole_are_read():
    world, items = chained()
    kernel = world.kernel()
    layout = layout_of(kernel.value("struct item", items[0]))
    following = Following(kernel, layout, ("id", "inner.size"))
    short = (
        items[2] + kernel.value("struct item", items[2]).size_ - 8
    )  # its `id` lies in another's last bytes
    row = following.at(short)
    assert row[1] is None
    assert isinstance(row[0], int)


def test_a_user_pointer_is_not_followed():
    world, items = chained()
    world.set(items[0], "item.far", items[1])
    world.set(items[0], "item.user", items[1])
    kernel = world.kernel()
    value = kernel.value("struct item", items[0])
    following = Following(kernel, layout_of(value), ("far.id", "user.id"))
    assert following.of(value) == (None, None)
    assert [str(t) for t in following.troubles.taken()] == [
        f"far.id: {items[1]:#x} is a __user pointer (struct item __user *)",
        f"user.id: {items[1]:#x} is a __user pointer (struct item *)",
    ]


@pytest.mark.parametrize("path", ["nothing", "next.nothing", "id.next", "inner.size.x", "name.x"])
def test_paths_that_lead_nowhere(path):
    world, items = chained()
    kernel = world.kernel()
    with pytest.raises(MemberNotFoundError):
        Following(kernel, layout_of(kernel.value("struct item", items[0])), (path,))


def test_a_pointer_of_live_memory_that_changes_is_not_followed():
    world, items = chained()
    kernel = world.kernel()
    target: Any = kernel.target
    slot = items[0] + world.offset("item.next")
    read = target.read

    def moving(address: int, size: int) -> bytes:
        data = read(address, size)
        if address >= items[1] and address < items[1] + 64:
            world.set(items[0], "item.next", items[2])
        return data

    target.is_live = True
    target.read = moving
    value = kernel.value("struct item", items[0])
    following = Following(kernel, layout_of(value), ("id", "next.id"))
    assert following.at(items[0]) == (-1, None)
    (trouble,) = following.troubles.taken()
    assert (trouble.address, trouble.reason) == (slot, MOVED)
    assert following.at(items[0]) == (-1, 1)  # it stays where it is now


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_project_through_pointers(platform):
    world, items = chained(*platform)
    links = [item + world.offset("item.link") for item in items]
    root = world.new("root")
    world.link_list(root, links)
    kernel = world.kernel()
    value = kernel.value("struct root", root)
    expected = [(-1, 0, b"abc\\xff"), (0, 1, None), (1, None, None)]
    rows = list(value.list.project_("id", "next->id", "next.next.name"))
    assert [row[:2] for row in rows] == [row[:2] for row in expected]
    assert [row[2] is None for row in rows] == [False, True, True]
    with pytest.raises(MemberNotFoundError):
        next(value.list.project_("next.nothing"))


def test_project_says_at_the_end_what_could_not_be_read():
    world, items = chained()
    root = world.new("root")
    world.link_list(root, [item + world.offset("item.link") for item in items])
    kernel = world.kernel()
    world.set(items[1], "item.next", 0x30)
    rows = kernel.value("struct root", root).list.project_("id", "next.id")
    assert [next(rows) for _ in items] == [(-1, 0), (0, None), (1, None)]
    with pytest.raises(FaultError, match=r"item\.next: cannot read") as caught:
        next(rows)
    assert caught.value.address == 0x30


def test_project_and_walk_counted_arrays_behind_pointers():
    world, items = chained()
    table = world.room(4 * 8)
    for number, item in enumerate([items[1], 0, items[2], items[0]]):
        world.point(table + 8 * number, item)
    world.set(items[2], "item.table", table)
    world.set(items[2], "item.count", 3)
    kernel = world.kernel()
    first = kernel.value("struct item", items[0])
    found = list(first.walk_("next->next->table"))
    assert [(int(entry.id), entry.key_) for entry in found] == [(0, 0), (1, 2)]
    assert list(first.next.next.table.project_("id", "next.id")) == [(0, 1), (1, None)]
    assert list(first.next.next.walk_("next.table")) == []  # behind NULL
    with pytest.raises(MemberNotFoundError):
        list(first.next.next.table.project_("next.nothing"))


def test_everything_agrees_on_a_real_kernel(opened):
    """Whatever pointers lead to, compiled and not."""
    paths = (
        *("pid", "comm", "mm.total_vm", "mm.exe_file.f_inode.i_ino", "parent.pid", "on_cpu"),
        *("signal.nr_threads", "cred.uid.val", "real_cred.user.uid.val", "files.fdt.max_fds"),
        *("nsproxy.mnt_ns.ns.inum", "bpf_storage.owner", "sched_class", "se.vruntime"),
    )
    tagged = opened("tagged")
    following: Following | None = None
    for task in tagged.tasks():
        following = following or Following(tagged, layout_of(task), paths)
        try:
            expected = tuple(slowly(task, path) for path in paths)
        except BtfdumpError as error:  # pragma: no cover
            pytest.fail(str(error))
        assert following.of(task) == expected
    assert following is not None
    assert not following.troubles.taken()
