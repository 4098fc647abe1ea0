"""Control groups: all of a hierarchy, and columns of them (kernel/cgroup/cgroup.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._tables.functions import column, objects
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_MOST_CGROUPS = 1 << 20
_MOST_SETS = 1 << 20
_MEMORY = "memory"


@objects("struct cgroup")
def cgroup_tree(kernel: Context) -> Callable[[Value], Iterator[Value]]:
    """The control groups of a `struct cgroup_root`, each followed by those inside it."""
    del kernel

    def of(root: Value) -> Iterator[Value]:
        seen: set[int] = set()
        pending: list[Iterator[Value]] = [iter((root.cgrp,))]
        while pending:
            group = next(pending[-1], None)
            if group is None:
                pending.pop()
                continue
            if group.address_ in seen or len(seen) == _MOST_CGROUPS:
                raise CorruptDataError("a control group is inside itself", group.address_)
            seen.add(group.address_)
            yield group
            pending.append(group.member_("self").children.walk_())

    return of


@column()
def cgroup_tasks(kernel: Context) -> Callable[[Value], int]:
    """How many tasks, threads included, are in a control group itself, not in those inside it."""
    del kernel

    def of(group: Value) -> int:
        count = 0
        for number, (tasks,) in enumerate(group.cset_links.project_("cset.nr_tasks")):
            if number == _MOST_SETS:
                raise CorruptDataError(f"more than {number} sets of tasks", group.address_)
            count += tasks or 0
        return count

    return of


@column()
def controllers(kernel: Context) -> Callable[[Value], list[str]]:
    """The names of the controllers that a control group has: cpu, memory, ..."""
    del kernel
    return lambda group: [css.ss.name.string_() for css in group.subsys if css]


@column()
def cgroup_memory(kernel: Context) -> Callable[[Value], int | None]:
    """Bytes that are charged to a control group: `usage` of its `struct mem_cgroup`.

    None where there is no such controller, and for the first group, whose use is not counted.
    """
    page = KernelSurroundings(kernel).page_size

    def of(group: Value) -> int | None:
        if not page or not int(group.level):
            return None
        for css in group.subsys:
            if css and css.ss.name.string_() == _MEMORY:
                return (
                    int(value_at(kernel, "struct mem_cgroup", int(css)).memory.usage.counter) * page
                )
        return None

    return of
