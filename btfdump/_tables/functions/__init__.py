"""Column functions: what a table shows that no member path says.

A function in a file of this folder, or of another package, decorated with `@column()`, is given
the kernel and returns what makes a cell of the arguments that `of` lists: values of members,
objects of levels, or keys. What that raises of btfdump's own errors is counted, and the cell is
None; where the function itself raises one, the kernel lacks the column. `FUNCTIONS` has its name,
the one after `call` in a table; the first line of its docstring is its help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btfdump._plugins.registry import Registry, first_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from btfdump._kernel.context import Context
    from btfdump._plugins.entry_points import Guard

    Call: TypeAlias = Callable[..., Any]
    Make: TypeAlias = Callable[[Context], Call]


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
    },
)
"""By the name that a table calls it by."""


def column() -> Callable[[Make], Make]:
    """Declare a function to be a column function."""

    def declare(make: Make) -> Make:
        FUNCTIONS.declare(make, ColumnFunction(make))
        return make

    return declare
