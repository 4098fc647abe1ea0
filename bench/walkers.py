"""Walking containers of every kind: btfdump's walkers against drgn's helpers, per entry.

::

    python -m bench.walkers [CORE...] [--runs N]

Both sides read through the same drgn `Program` and know the same types (bench/drgn_types.py); that
they find the same entries is checked first. Each is measured twice: for the addresses of entries
alone, and for one member of each (`Value.project_()`). btfdump reads a linked entry as a whole on
the way, and checks links back, parents, colours and ranges; drgn's helpers read links, and check
nothing.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from drgn import Object, cast
from drgn.helpers.linux.idr import idr_for_each
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.mapletree import mt_for_each
from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each

import btfdump
from bench.drgn_types import BtfTypes, program_of
from bench.harness import Row, alternate, parser, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drgn import Program

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

    Theirs = Callable[[Object], Iterable[Object]]

POINTERS: dict[str, Theirs] = {
    "xarray": lambda head: (entry for _, entry in xa_for_each(head)),
    "idr": lambda head: (entry for _, entry in idr_for_each(head)),
    "maple_tree": lambda head: (entry for *_, entry in mt_for_each(head)),
}
NAMES = {
    "list_head": "list_for_each_entry()",
    "hlist_head": "hlist_for_each_entry()",
    "rb_root": "rbtree_inorder_for_each_entry()",
    "xarray": "xa_for_each()",
    "idr": "idr_for_each()",
    "maple_tree": "mt_for_each()",
}
LINKED: dict[str, Callable[[str, Object, str], Iterable[Object]]] = {
    "list_head": list_for_each_entry,
    "hlist_head": hlist_for_each_entry,
    "rb_root": rbtree_inorder_for_each_entry,
}


MEMBERS = {
    "inode": "i_ino",
    "dentry": "d_flags",
    "mount": "mnt_id",
    "folio": "index",
    "page": "index",
    "super_block": "s_dev",
    "kernfs_node": "hash",
    "pid": "level",
    "vm_area_struct": "vm_start",
}
"""The member that is read of an entry."""


def heads(kernel: Kernel) -> dict[str, list[Value]]:
    """Return real containers of several kinds, those that have more than one entry."""
    super_blocks = list(kernel["super_blocks"].walk_())
    inodes = [inode for sb in super_blocks for inode in sb.s_inodes.walk_()]
    found = {
        "list_head": [sb.s_inodes for sb in super_blocks],
        "hlist_head": hlists(kernel, super_blocks),
        "rb_root": rb_roots(kernel),
        "xarray": [inode.i_mapping.i_pages for inode in inodes],
        "idr": [kernel["init_pid_ns"].idr],
        "maple_tree": [task.mm.mm_mt for task in kernel.tasks() if int(task.mm)],
    }
    return {
        kind: [value for value in values if len(list(islice(value.walk_(), 2))) == 2]
        for kind, values in found.items()
    }


def hlists(kernel: Kernel, super_blocks: Iterable[Value]) -> list[Value]:
    """Return children of dentries, an hlist since Linux 6.8 (da549bdd15c2), else super blocks."""
    roots = [sb.s_root.deref_() for sb in super_blocks if int(sb.s_root)]
    if all(root.has_member_("d_children") for root in roots):
        return [root.d_children for root in roots]
    return [fs.fs_supers for fs in kernel["file_systems"].walk_()]


def rb_roots(kernel: Kernel) -> list[Value]:
    """Return a namespace's mounts, a tree since Linux 6.8 (2eea9ce4310d), else names in kernfs."""
    namespace = kernel["init_task"].nsproxy.mnt_ns.deref_()
    if namespace.mounts.type_.name == "rb_root":  # a count before
        return [namespace.mounts]
    root = kernel.value("struct cgroup_root", kernel.symbol("cgrp_dfl_root"))
    return [root.cgrp.kn.dir.children]


def ours(values: Iterable[Value], member: str | None) -> list[int]:
    """Walk with btfdump."""
    if member is None:
        return [entry.address_ for value in values for entry in value.walk_()]
    return [found for value in values for (found,) in value.project_(member)]


def theirs(walks: Iterable[Callable[[], Iterable[Object]]], member: str | None) -> list[int]:
    """Walk with drgn's helpers."""
    if member is None:
        return [entry.value_() for walk in walks for entry in walk()]
    return [entry.member_(member).value_() for walk in walks for entry in walk()]


def helper(prog: Program, value: Value) -> Callable[[], Iterable[Object]]:
    """Return what walks a container with a helper of drgn."""
    expansion = value.expansion_()
    head = Object(prog, f"struct {expansion.head}", address=value.address_).address_of_()
    element = f"struct {expansion.element.name}"
    if expansion.head not in POINTERS:
        return partial(LINKED[expansion.head], element, head, expansion.node)
    walk, pointer = POINTERS[expansion.head], prog.type(f"{element} *")
    # xa_for_each() gives value entries too: integers, marked by bit 0.
    return lambda: (cast(pointer, e) for e in walk(head) if not e.value_() & 1)


def compare(core: str, runs: int) -> None:
    rows = []
    with btfdump.open_core(core) as kernel:
        prog = program_of(kernel)
        BtfTypes(prog, kernel.btf).register()
        for kind, values in heads(kernel).items():
            walks = [helper(prog, value) for value in values]
            count = len(ours(values, None))
            for member in (None, MEMBERS[values[0].expansion_().element.name]):
                assert ours(values, member) == theirs(walks, member), f"{kind}: they disagree"
                sides = {
                    "ours": partial(ours, values, member),
                    "drgn": partial(theirs, walks, member),
                }
                times = alternate(sides, runs)
                mine, other = times["ours"].over(count), times["drgn"].over(count)
                what = f"  and {member}" if member else f"{kind}, {count} entries in {len(values)}"
                rows.append(Row(what, mine, "" if member else NAMES[kind], other))
    table(f"{core}: walking containers, times for one entry", rows)


def main(argv: Sequence[str] | None = None) -> None:
    args = parser("walkers", __doc__, 9).parse_args(argv)
    for core in args.core:
        compare(core, args.runs)


if __name__ == "__main__":
    main()
