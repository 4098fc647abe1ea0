"""What the containers of the module garden (tagged/garden/garden.c) hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drgn import cast, container_of
from drgn.helpers.linux.idr import idr_for_each_entry
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.llist import llist_for_each_entry
from drgn.helpers.linux.mapletree import mt_for_each
from drgn.helpers.linux.plist import plist_for_each_entry
from drgn.helpers.linux.radixtree import radix_tree_for_each
from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each, xa_is_value, xa_to_value

from .common import text
from .objects import members

if TYPE_CHECKING:
    from collections.abc import Iterable

    import drgn

PLANT = "struct plant"
LISTS = ("list", "empty", "two_tags", "no_member", "no_type", "no_grammar", "wrong_link")


def garden(prog: drgn.Program) -> dict[str, Any] | None:
    """Return the garden's members and the names in its containers, or None without the module."""
    try:
        root = prog["garden"]
    except KeyError:
        return None
    return {
        "addr": hex(root.address_),
        "value": members(root),
        "containers": _linked(root) | _indexed(root),
    }


def _linked(root: drgn.Object) -> dict[str, list[str]]:
    found = {
        name: _names(list_for_each_entry(PLANT, root.member_(name).address_of_(), "in_list"))
        for name in LISTS
    }
    found["hash"] = _names(hlist_for_each_entry(PLANT, root.hash.address_of_(), "in_hash"))
    for index in range(4):
        head = root.table[index].address_of_()
        found[f"table[{index}]"] = _names(hlist_for_each_entry(PLANT, head, "in_hash"))
    for index in range(1 << root.bucket_bits.value_()):
        for name, head in (
            (f"buckets[{index}]", root.buckets + index),
            (f"pots[{index}].plants", root.pots[index].plants.address_of_()),
        ):
            found[name] = _names(hlist_for_each_entry(PLANT, head, "in_hash"))
    found["llist"] = _names(llist_for_each_entry(PLANT, root.llist.first, "in_llist"))
    found["plist"] = _names(plist_for_each_entry(PLANT, root.plist.address_of_(), "in_plist"))
    for name, tree in (
        ("tree", root.tree),
        ("cached", root.cached.rb_root),
        ("queue", root.queue.rb_root.rb_root),
    ):
        member = "in_queue.node" if name == "queue" else "in_tree"
        found[name] = _names(rbtree_inorder_for_each_entry(PLANT, tree.address_of_(), member))
    nodes = list_for_each_entry("struct klist_node", root.klist.k_list.address_of_(), "n_node")
    found["klist"] = _names(container_of(node, PLANT, "in_klist") for node in nodes)
    return found


def _indexed(root: drgn.Object) -> dict[str, list[list[Any]]]:
    return {
        "xarray": _pairs(xa_for_each(root.xarray.address_of_())),
        "xarray_one": _pairs(xa_for_each(root.xarray_one.address_of_())),
        "radix": _pairs(radix_tree_for_each(root.radix.address_of_())),
        "idr": _pairs(idr_for_each_entry(root.idr.address_of_(), PLANT)),
        "maple": _ranges(root.maple),
        "maple_deep": _ranges(root.maple_deep),
    }


def _names(plants: Iterable[drgn.Object]) -> list[str]:
    return [text(plant.name) for plant in plants]


def _name(entry: drgn.Object) -> str | int:
    if xa_is_value(entry):
        number: int = xa_to_value(entry).value_()
        return number
    return text(cast(f"{PLANT} *", entry).name)


def _pairs(entries: Iterable[tuple[int, drgn.Object]]) -> list[list[Any]]:
    return [[index, _name(entry)] for index, entry in entries]


def _ranges(tree: drgn.Object) -> list[list[Any]]:
    return [[first, last, _name(entry)] for first, last, entry in mt_for_each(tree.address_of_())]
