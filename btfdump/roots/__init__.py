"""Named starting points: what a user may name on the command line.

A root is one file in this folder: a function decorated with `@root("name")` that takes the kernel
and an argument (or None), and yields values; or one decorated with `@table_root("name")` that takes
the kernel and a `Query`, and returns a `Table`. All files are loaded to know the names, so a
function imports within itself what it alone needs.
"""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from btfdump.errors import ExpressionError, ObjectNotFoundError, SymbolNotFoundError
from btfdump.kernel.expression import Path
from btfdump.kernel.value import Value
from btfdump.kernel.variables import find_global

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btfdump.kernel.context import Context
    from btfdump.roots.table import Table

    Tabulate: TypeAlias = "Callable[[Context, Query], Table]"
    Find: TypeAlias = "Callable[[Context, str | None], Iterator[Selected]]"
    Count: TypeAlias = "Callable[[Context], int | None]"


@dataclass(frozen=True)
class Selected:
    """A value that a user's words stand for, and what to call it: `task(1)`, `init_task.comm`.

    `is_plain` means that the output itself says what it is, so that a heading would be noise.
    `fate()` says what has become of a live value since it was read, "" if nothing has.
    """

    value: Value
    name: str
    is_plain: bool = False
    fate: Callable[[], str] = str


@dataclass(frozen=True)
class RootKind:
    """A registered root: `find(kernel, argument)` yields values, all of them if `argument` is None.

    `count(kernel)` returns about how many all are, if that can be said quickly, else None.
    """

    name: str
    argument: str
    help: str
    find: Find
    count: Count | None = None


@dataclass(frozen=True)
class Query:
    """Which rows of a table are wanted: those whose name matches one of `patterns`, or all.

    `filters` holds the values of the options that `TableKind.filters` names.
    """

    patterns: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def wants(self, *names: str) -> bool:
        """Whether one of a row's names matches a pattern, in which * and ? are as in the shell."""
        return not self.patterns or any(
            fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self.patterns
        )


@dataclass(frozen=True)
class TableKind:
    """A registered tabular root; `filters` names the options (`--hook`) that it takes."""

    name: str
    argument: str
    help: str
    filters: tuple[str, ...]
    tabulate: Tabulate

    def table(self, kernel: Context, query: Query) -> Table:
        """Return the table; raises `ExpressionError` for an option that it does not have."""
        for name in query.filters:
            if name not in self.filters:
                raise ExpressionError(f"--{name}: not an option of {self.name!r}")
        return self.tabulate(kernel, query)


FILTERS = ("hook", "flag")
"""The options that some tables take: `TableKind.filters` are of these."""

_registry: dict[str, RootKind] = {}
_tables: dict[str, TableKind] = {}
_loaded: list[bool] = []


def root(name: str, *, argument: str, count: Count | None = None) -> Callable[[Find], Find]:
    """Register a generator as the root `name`; `argument` says in the help what it takes."""

    def register(find: Find) -> Find:
        first_line = (find.__doc__ or "").strip().split("\n", 1)[0]
        _registry[name] = RootKind(name, argument, first_line, find, count)
        return find

    return register


def table_root(
    name: str, *, argument: str = "NAME", filters: tuple[str, ...] = ()
) -> Callable[[Tabulate], Tabulate]:
    """Register a function as the tabular root `name`; see `TableKind`."""

    def register(tabulate: Tabulate) -> Tabulate:
        first_line = (tabulate.__doc__ or "").strip().split("\n", 1)[0]
        _tables[name] = TableKind(name, argument, first_line, filters, tabulate)
        return tabulate

    return register


def kinds() -> dict[str, RootKind]:
    """Return every registered root by name; loads all files of this folder once."""
    _load()
    return _registry


def tables() -> dict[str, TableKind]:
    """Return every registered tabular root by name; loads all files of this folder once."""
    _load()
    return _tables


def _load() -> None:
    if not _loaded:
        _loaded.append(True)
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")


_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)")
_SYMBOL = re.compile(r"\s*([A-Za-z_][\w.$]*?)(?=\s*(?:->|\.|\[|$))")
_WORDS = re.compile(r"[A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)+")
_PLACE = re.compile(r"\s*([A-Za-z_][\w.$]*?)(?:\+(0x[0-9a-fA-F]+))?(?=\s*(?:->|\.|\[|$))")
_ADDRESS = re.compile(r"\s*(0[xX][0-9a-fA-F]+|\d+)")
_TYPE = re.compile(r"(?:struct|union|enum)\s+\w+\s*(?:\[\d*\])?|.*\*\s*")


def select(kernel: Context, text: str) -> Iterator[Selected]:
    """Yield what `task(1).signal->thread_head`, `init_task.children[0]` or `SYMBOL` stands for.

    Raises `ExpressionError` for a text that cannot be understood, and `SymbolNotFoundError`,
    `MemberNotFoundError` or `ObjectNotFoundError` for what does not exist.
    """
    call = _CALL.match(text)
    if call is not None:
        kind = kinds().get(call[1])
        if kind is None:
            known = ", ".join(f"{k.name}({k.argument})" for k in kinds().values())
            raise ExpressionError(f"{text}: no root {call[1]}(...); there are {known}")
        path = Path.parse(text[call.end() :], where=call[0])
        for found in kind.find(kernel, call[2].strip() or None):
            name = f"{found.name}{path.text}"
            yield Selected(path.follow(found.value), name, not path.steps, found.fate)
        return
    symbol = _SYMBOL.match(text)
    if symbol is None:
        raise ExpressionError(f"{text!r} is neither a root, nor a symbol, nor 'TYPE' ADDRESS")
    path = Path.parse(text[symbol.end() :], where=symbol[0])
    if not kernel.is_per_cpu(symbol[1]):
        yield Selected(path.follow(global_value(kernel, symbol[1])), text)
        return
    for cpu, value in per_cpu_values(kernel, symbol[1], path):
        rest = Path(path.text, path.steps[1:] if path.steps[:1] == (cpu,) else path.steps)
        yield Selected(rest.follow(value), f"{symbol[1]}[{cpu}]{text_after_cpu(path)}")


def per_cpu_values(kernel: Context, name: str, path: Path) -> Iterator[tuple[int, Value]]:
    """Yield (CPU, value) for a per-CPU variable: the CPU that `path` starts with, or all.

    Mirrors per_cpu() (include/linux/percpu-defs.h).
    """
    variable = global_value(kernel, name)
    offsets = kernel.target.per_cpu_offsets
    wanted = path.steps[0] if path.steps and isinstance(path.steps[0], int) else None
    if wanted is not None and not 0 <= wanted < len(offsets):
        raise ObjectNotFoundError(f"{name}[{wanted}]: the kernel has CPUs 0 to {len(offsets) - 1}")
    for cpu, offset in enumerate(offsets):
        if wanted is None or cpu == wanted:
            address = kernel.wrap(variable.address_ + offset)
            yield cpu, Value(kernel, variable.type_, address, facts=variable.facts_)


def text_after_cpu(path: Path) -> str:
    """Return the text of a path without the CPU number that it may start with."""
    if path.steps and isinstance(path.steps[0], int):
        return path.text[path.text.index("]") + 1 :]
    return path.text


def at_address(kernel: Context, type_name: str, text: str) -> Selected:
    """Return the value of C type `type_name` at an address or symbol, and the path from there."""
    match = _ADDRESS.match(text)
    if match is not None:
        address = int(match[1], 0)
    else:
        match = _PLACE.match(text)
        if match is None:
            raise ExpressionError(f"{text!r} is neither an address nor a symbol")
        address = kernel.symbol(match[1]) + int(match[2] or "0", 16)
        if kernel.is_per_cpu(match[1]):
            raise ExpressionError(f"{match[1]} is per-CPU: say {match[1]}[0] for that of CPU 0")
    if address >= 1 << kernel.layouts.pointer_size * 8:
        raise ExpressionError(f"address {match[1]} does not fit into a pointer")
    path = Path.parse(text[match.end() :], where=match[0])
    value = Value(kernel, kernel.type(type_name), address)
    return Selected(path.follow(value), text, not path.steps)


def global_value(kernel: Context, name: str) -> Value:
    """Return a global variable as a value.

    Raises `SymbolNotFoundError` if there is none, `ExpressionError` if its type is not known.
    """
    try:
        return find_global(kernel, name)
    except SymbolNotFoundError as error:
        hint = f"; did you mean {name}(...)?" if name in kinds() else ""
        raise SymbolNotFoundError(f"{error}{hint}") from error


def is_type(word: str, following: str = "") -> bool:
    """Whether a word of the command line is a C type, by its form or by the address after it."""
    if _CALL.match(word):
        return False
    word = word.strip()
    return bool(
        _TYPE.fullmatch(word)
        or _ADDRESS.match(following)
        or (" " in word and _WORDS.fullmatch(word) and following)
    )
