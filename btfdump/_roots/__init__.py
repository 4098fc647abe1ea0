"""Named starting points: what a user may name on the command line.

A root is a function in a file of this folder or in another package: one decorated with `@root(...)`
takes the kernel and an argument (or None), and yields values; one decorated with
`@table_root(...)` takes the kernel and a `Query`, and returns a `Table`. `ROOTS`, or the entry
point of the other package, has its name; the first line of its docstring is its help.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._plugins.registry import Registry, first_line
from btfdump.errors import ExpressionError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._plugins.entry_points import Guard
    from btfdump._roots.table import Table

    Tabulate: TypeAlias = "Callable[[Context, Query], Table]"
    Find: TypeAlias = "Callable[[Context, str | None], Iterator[Selected]]"
    Count: TypeAlias = "Callable[[Context], int | None]"


class Selected(NamedTuple):
    """A value that a user's words stand for, and what to call it: `task(1)`, `init_task.comm`.

    `is_plain` means that the output itself says what it is, so that a heading would be noise.
    `doubt` says why the value is hardly of the type that the user says it is, "" if it may be.
    `fate()` says what has become of a live value since it was read, "" if nothing has.
    """

    value: Value
    name: str
    is_plain: bool = False
    fate: Callable[[], str] = str
    doubt: str = ""


@dataclass(frozen=True, eq=False)
class RootKind:
    """A registered root: `find(kernel, argument)` yields values, all of them if `argument` is None.

    `count(kernel)` returns about how many all are, if that can be said quickly, else None.
    """

    argument: str
    help: str
    find: Find
    count: Count | None = None
    name: str = ""

    def registered(self, name: str, guard: Guard | None) -> RootKind:
        """Return it as the root `name`."""
        if guard is None:
            return replace(self, name=name)

        from btfdump._kernel.value import Value

        count = guard.call(self.count) if self.count is not None else None
        parts = {"value": (Value,), "name": (str,), "doubt": (str,)}
        find = guard.each(self.find, Selected, parts=parts)
        return replace(self, name=name, find=find, count=count)

    def selected(self, kernel: Context, argument: str | None) -> Iterator[Selected]:
        """Yield what `find()` does; raises `ObjectNotFoundError` if that is nothing."""
        is_none = True
        for found in self.find(kernel, argument):
            is_none = False
            yield found
        if is_none:
            asked = self.name if argument is None else f"{self.name}({argument})"
            raise ObjectNotFoundError(f"{asked}: there is nothing of that kind")


@dataclass(frozen=True, eq=False)
class Query:
    """Which rows of a table are wanted: those whose name matches one of `patterns`, or all.

    `filters` holds the values of the options that `TableKind.filters` names. `asked` is what
    `wants()` has been asked, and which patterns matched.
    """

    patterns: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: dict[str, bool] = field(default_factory=dict, compare=False)

    def wants(self, *names: str) -> bool:
        """Whether one of a row's names matches a pattern, in which * and ? are as in the shell.

        Ask about every row: a pattern that matches none is reported.
        """
        return self.wanted_by(
            lambda pattern: any(fnmatch.fnmatchcase(name, pattern) for name in names)
        )

    def wanted(self, names: Sequence[str]) -> list[bool]:
        """Return of each of many names whether a row of it is wanted, as `wants()` tells of one."""
        if not self.patterns:
            return [True] * len(names)
        columns = []
        for pattern in self.patterns:
            matches = re.compile(fnmatch.translate(pattern)).match
            column = [matches(name) is not None for name in names]
            self.asked[pattern] = any(column) or self.asked.get(pattern, False)
            columns.append(column)
        # Not by map(): a file of this folder has that name, and is loaded by some.
        return [any(found) for found in zip(*columns, strict=True)]

    def wanted_by(self, matches: Callable[[str], bool]) -> bool:
        """Whether a row matches a pattern, as `matches` tells, for tables that read them so.

        Ask about every row, as with `wants()`.
        """
        if not self.patterns:
            return True
        is_wanted = False
        for pattern in self.patterns:
            found = matches(pattern)
            self.asked[pattern] = found or self.asked.get(pattern, False)
            is_wanted |= found
        return is_wanted

    def unmatched(self, rows: int) -> list[str]:
        """Return the patterns that matched none of a table's rows, of which `rows` were shown.

        A table of another package that shows rows without asking has no use for patterns.
        """
        if rows and not self.asked:
            return []
        return [pattern for pattern in self.patterns if not self.asked.get(pattern)]


@dataclass(frozen=True, eq=False)
class TableKind:
    """A registered tabular root; `filters` names the options (`--hook`) that it takes."""

    argument: str
    help: str
    filters: tuple[str, ...]
    tabulate: Tabulate
    name: str = ""

    def registered(self, name: str, guard: Guard | None) -> TableKind:
        """Return it as the tabular root `name`."""
        if guard is None:
            return replace(self, name=name)

        from collections.abc import Mapping  # for what packages bring alone, as the others here

        from btfdump._kernel.notes import Note
        from btfdump._roots.table import Table

        make = guard.call(self.tabulate, Table)

        def tabulate(kernel: Context, query: Query) -> Table:
            table = make(kernel, query)
            return replace(table, rows=guard.each(lambda: table.rows, Mapping, Note)())

        return replace(self, name=name, tabulate=tabulate)

    def table(self, kernel: Context, query: Query) -> Table:
        """Return the table; raises `ExpressionError` for an option that it does not have."""
        for name in query.filters:
            if name not in self.filters:
                raise ExpressionError(f"--{name}: not an option of {self.name!r}")
        return self.tabulate(kernel, query)


FILTERS = {
    "hook": "of a table of kernel functions: those of this hook",
    "flag": "of a table of kernel functions: those with this flag",
    "since": "of log: from so many seconds after the start on, or '10s ago' before its last record",
    "level": "of log: those of these levels (err,warn), or as urgent: warn+",
}
"""The options that some tables take, and their help: `TableKind.filters` are of these."""
FLAGS = {
    "threads": "of ps: every thread, not only the first of each process",
    "tree": "of ps: children below their parents",
    "paths": "of who: the shortest ways to it from a task, a variable or a stack",
}
"""Such options without a value."""

ROOTS: Registry[RootKind | TableKind] = Registry(
    "root",
    __name__,
    {
        "task": "task:find_tasks",
        "map": "map:find_map",
        "globals": "globals:list_globals",
        "maps": "maps:list_maps",
        "progs": "progs:list_progs",
        "links": "links:list_links",
        "kfuncs": "kfuncs:list_kfuncs",
        "struct-ops": "struct_ops:list_struct_ops",
        "tcp-cc": "struct_ops:list_congestion_controls",
        "trampolines": "trampolines:list_trampolines",
        "lsm-hooks": "trampolines:list_lsm_hooks",
        "who": "who:list_holders",
        "log": "log:list_log",
        "sys": "sys:list_system",
        "stack": "stack:list_stacks",
        "sockets": "sockets:list_sockets",
        "routes": "routes:list_routes",
        "locks": "locks:list_locks",
        "waiters": "waiters:list_waiters",
        "ipcs": "ipcs:list_ipc_objects",
        "bpf-iters": "iterators:list_iterators",
        "tables": "tables:list_tables",
        "ps": "declared:ps",
        "files": "declared:files",
        "vm": "declared:vm",
        "mounts": "declared:mounts",
        "net": "declared:net",
        "neighbours": "declared:neighbours",
        "modules": "declared:modules",
        "slabs": "declared:slabs",
        "runq": "declared:runq",
        "irqs": "declared:irqs",
        "mem": "mem:list_memory",
        "slab": "slab:list_slab_objects",
        "zones": "declared:zones",
        "swaps": "declared:swaps",
        "cgroups": "declared:cgroups",
        "signals": "declared:signals",
        "blocks": "declared:blocks",
        "devices": "devices:list_devices",
        "kallsyms": "kallsyms:list_symbols",
        "params": "declared:params",
        "timers": "declared:timers",
        "workqueues": "declared:workqueues",
        "workers": "declared:workers",
        "hrtimers": "declared:hrtimers",
    },
    "@root or @table_root",
)
"""By the word that a user says: roots of objects, and tables."""

VERBS: Registry[RootKind | TableKind] = Registry(
    "verb",
    __name__,
    {
        "p": "p:find_value",
        "list": "list_of_links:list_links",
        "rd": "rd:list_words",
        "search": "search:list_places",
        "sym": "sym:list_symbols",
        "vtop": "vtop:list_pages",
    },
    "@root or @table_root",
)
"""What yields to a symbol or a type of its name: what engineers know from crash (verbs.toml)."""


def root(
    *,
    argument: str,
    count: Count | None = None,
    registry: Registry[RootKind | TableKind] = ROOTS,
) -> Callable[[Find], Find]:
    """Declare a generator to be a root: `find(kernel, argument)` yields what it selects.

    `argument` names in the help what the root takes, and `count(kernel)` returns how many objects
    there are in all, roughly, if that is quickly found out, else None. The first line of the
    generator's docstring is its help.
    """

    def declare(find: Find) -> Find:
        registry.declare(find, RootKind(argument, first_line(find), find, count))
        return find

    return declare


def table_root(
    *,
    argument: str = "NAME",
    filters: tuple[str, ...] = (),
    registry: Registry[RootKind | TableKind] = ROOTS,
) -> Callable[[Tabulate], Tabulate]:
    """Declare a function to be a tabular root: `tabulate(kernel, query)` returns a `Table`.

    `argument` names in the help what the table takes, and `filters` the options of `FILTERS` that
    it understands. The first line of the function's docstring is its help.
    """

    def declare(tabulate: Tabulate) -> Tabulate:
        registry.declare(tabulate, TableKind(argument, first_line(tabulate), filters, tabulate))
        return tabulate

    return declare


def table_of(name: str) -> TableKind | None:
    """Return the tabular root of that name, None if there is none; raises `PluginError`."""
    found = ROOTS.get(name)
    return found if isinstance(found, TableKind) else None


def root_of(name: str) -> RootKind | None:
    """Return the root of that name that yields objects, None if there is none.

    Raises `PluginError`.
    """
    found = ROOTS.get(name)
    return found if isinstance(found, RootKind) else None
