"""Functions of tables: what a table shows that no member path says.

A function in a file of this folder, or of another package, decorated with `@column()`, is given
the kernel and returns what makes a cell of the arguments that `of` lists: values of members,
objects of levels, or keys. What that raises of btfdump's own errors is counted, and the cell is
None; where the function itself raises one, the kernel lacks the column. `FUNCTIONS` has its name,
the one after `call` in a table; the first line of its docstring is its help.

A function decorated with `@objects("struct NAME")` is given the kernel as well, and returns what
yields the objects of a level, values of that type: `OBJECTS` has its name. An object's `key_` is
what the level calls its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btfdump._plugins.registry import Registry, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._plugins.entry_points import Guard

    Call: TypeAlias = Callable[..., Any]
    Make: TypeAlias = Callable[[Context], Call]
    Walk: TypeAlias = Callable[..., Iterator[Value]]
    MakeWalk: TypeAlias = Callable[[Context], Walk]


@dataclass(frozen=True)
class ColumnFunction:
    """A registered column function: `make(kernel)` returns what is called with its arguments."""

    make: Make

    @property
    def help(self) -> str:
        """The line that describes it."""
        return first_line(self.make)

    def registered(self, name: str, guard: Guard | None) -> ColumnFunction:
        """Return it as registered under `name`."""
        del name
        return self if guard is None else ColumnFunction(guard.call(self.make))


@dataclass(frozen=True)
class ObjectsFunction:
    """A registered function of objects: what `make(kernel)` returns yields values of `type`."""

    make: MakeWalk
    type: str

    @property
    def help(self) -> str:
        """The line that describes it."""
        return first_line(self.make)

    def registered(self, name: str, guard: Guard | None) -> ObjectsFunction:
        """Return it as registered under `name`."""
        del name
        if guard is None:
            return self

        from btfdump._kernel.value import Value

        make = guard.call(self.make)
        return ObjectsFunction(lambda kernel: guard.each(make(kernel), Value), self.type)


FUNCTIONS: Registry[ColumnFunction] = Registry(
    "column",
    __name__,
    {
        "state": "tasks:state",
        "rss": "tasks:rss",
        "cpu_time": "tasks:cpu_time",
        "age": "tasks:age",
        "waits_in": "tasks:waits_in",
        "address": "files:address",
        "path": "files:path",
        "file_type": "files:file_type",
        "mount_options": "files:mount_options",
        "rss_split": "tasks:rss_split",
        "permissions": "memory:permissions",
        "mapping": "memory:mapping",
        "module_size": "modules:module_size",
        "module_base": "modules:module_base",
        "users": "modules:users",
        "first": "modules:first",
        "endpoint": "endpoints:endpoint",
        "rx_bytes": "traffic:rx_bytes",
        "rx_packets": "traffic:rx_packets",
        "tx_bytes": "traffic:tx_bytes",
        "tx_packets": "traffic:tx_packets",
        "mac": "net:mac",
        "addresses": "net:addresses",
        "neighbour_address": "net:neighbour_address",
        "neighbour_mac": "net:neighbour_mac",
        "slabs": "slabs:slabs",
        "objects": "slabs:objects",
        "used": "slabs:used",
        "slab_memory": "slabs:slab_memory",
        "symbol": "symbols:symbol",
        "irq_counts": "interrupts:irq_counts",
        "irq_total": "interrupts:irq_total",
        "irq_actions": "interrupts:irq_actions",
        "irq_handlers": "interrupts:irq_handlers",
        "irq_affinity": "interrupts:irq_affinity",
        "scheduling": "runqueues:scheduling",
        "timer_data": "timers:timer_data",
        "param_module": "params:param_module",
        "param_name": "params:param_name",
        "param_type": "params:param_type",
        "param_value": "params:param_value",
        "in_flight": "blocks:in_flight",
        "completed": "blocks:completed",
        "block_kind": "blocks:block_kind",
        "cgroup_tasks": "cgroups:cgroup_tasks",
        "controllers": "cgroups:controllers",
        "cgroup_memory": "cgroups:cgroup_memory",
        "pending_signals": "signals:pending_signals",
        "shared_signals": "signals:shared_signals",
        "blocked_signals": "signals:blocked_signals",
        "ignored_signals": "signals:ignored_signals",
        "caught_signals": "signals:caught_signals",
        "signal_handlers": "signals:signal_handlers",
        "zone_free": "zones:zone_free",
        "watermark_min": "zones:watermark_min",
        "watermark_low": "zones:watermark_low",
        "watermark_high": "zones:watermark_high",
        "pool_workqueues": "workqueues:pool_workqueues",
        "active_works": "workqueues:active_works",
        "inactive_works": "workqueues:inactive_works",
        "pending_works": "workqueues:pending_works",
        "running_works": "workqueues:running_works",
        "time_left": "timers:time_left",
    },
)
"""By the name that a table calls it by."""

OBJECTS: Registry[ObjectsFunction] = Registry(
    "object",
    __name__,
    {
        "queued": "runqueues:queued",
        "parameters": "params:parameters",
        "block_devices": "blocks:block_devices",
        "cgroup_tree": "cgroups:cgroup_tree",
    },
    "@objects",
)
"""By the name that a level of a table calls it by."""


def column() -> Callable[[Make], Make]:
    """Declare a function to be a column function."""

    def declare(make: Make) -> Make:
        FUNCTIONS.declare(make, ColumnFunction(make))
        return make

    return declare


def objects(type_: str) -> Callable[[MakeWalk], MakeWalk]:
    """Declare a function to be one of objects, which are of the C type `type_`."""

    def declare(make: MakeWalk) -> MakeWalk:
        OBJECTS.declare(make, ObjectsFunction(make, type_))
        return make

    return declare
