"""What overlays say of a table: `[table.NAME]`, in TOML.

::

    [table.files]
    help = "open files of processes: descriptor, type, path, flags"
    argument = "PID or NAME"
    names = ["pid", "comm"]
    rows = [
        { as = "task", each = "task", only = "task.pid == task.tgid" },
        { as = "file", each = "task.files.fdt.fd", key = "fd" },
    ]

    [table.files.columns]
    pid = "task.tgid"
    comm = "task.comm"
    fd = "fd"
    path = { call = "path", of = "file" }
    size = { path = "file.f_inode.i_size", means = "unit:bytes", total = true, spare = 1 }

`rows` are levels, each inside the one before: what is walked, a root (`task`), a global variable
or a member path from a level; or what a function in Python (`call`) yields of paths, levels or keys
(`of`). `as` is what one of its objects is called, and `key` its index in an array, its key in a
tree or table, or, of a per-CPU variable, which is walked CPU by CPU, its CPU. `only` says which
objects count, or do unless an option is given (`unless`). `names` are the columns that an argument
of the table is compared with, and `default` the arguments that count where none is given.

A column is a member path, or an expression over such; or a function in Python (`call`) of paths,
levels or keys (`of`). `means` is said of its values in the words of annotations, where the member
itself has no meaning that fits; `without` is a prefix that the names of its values lose. `total`
asks for the sum. Columns with more to `spare` are left out first where there is little room, and
`hidden` ones are there for JSON, conditions and --columns alone.

Everywhere, a list has alternatives, of which the first counts that the kernel's types have.

An overlay that gives `rows` replaces a table of that name; one that does not adds to its columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

from btfdump._annotate.postfix import steps_of
from btfdump.errors import AnnotationError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._annotate.postfix import PathStep

Steps: TypeAlias = "tuple[PathStep, ...]"
Choice: TypeAlias = "tuple[Steps, ...]"
"""Expressions of which the first counts whose members a kernel has; () stands for None."""

_LEVEL = frozenset(("as", "each", "call", "of", "key", "only", "unless"))
_COLUMN = frozenset(("path", "call", "of", "means", "total", "spare", "hidden", "without", "see"))
_TABLE = frozenset(("help", "argument", "names", "rows", "columns", "options", "tree", "default"))
MOST_LEVELS = 8
"""Levels of rows inside each other: those of the library have three."""


class Level(NamedTuple):
    """One level of rows; `only` and `each` have alternatives.

    Where `call` names a function, its objects are what that yields of `arguments`.
    """

    name: str
    each: tuple[tuple[str, ...], ...]
    key: str = ""
    only: Choice = ()
    unless: str = ""
    call: str = ""
    arguments: tuple[Choice, ...] = ()


class Column(NamedTuple):
    """One column: `choices` of what is shown, or `arguments` of a function, each with choices."""

    name: str
    choices: Choice = ()
    call: str = ""
    arguments: tuple[Choice, ...] = ()
    means: str = ""
    is_summed: bool = False
    spare: int = 0
    is_hidden: bool = False
    without: str = ""
    see: str = ""


@dataclass(frozen=True)
class TableDefinition:
    """A table as it is declared, by `source`: "library", or an overlay.

    `tree` names the columns of a row's own number and its parent's, for `--tree`.
    """

    name: str
    source: str
    help: str = ""
    argument: str = "NAME"
    names: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    columns: tuple[Column, ...] = ()
    options: Mapping[str, str] | None = None
    tree: tuple[str, ...] = ()
    default: tuple[str, ...] = ()

    def extended(self, other: TableDefinition) -> TableDefinition:
        """Return this table with the columns of another declaration, or that if it has rows."""
        if other.levels:
            return other
        columns = {column.name: column for column in (*self.columns, *other.columns)}
        return replace(
            self,
            help=other.help or self.help,
            source=f"{self.source}, {other.source}",
            columns=tuple(columns.values()),
        )


def define(name: str, stated: Mapping[str, Any], source: str) -> TableDefinition:
    """Return what a table of TOML says; raises `AnnotationError`, naming the entry."""
    return _Reading(f"{source}: table.{name}").definition(name, stated, source)


class _Reading:
    """The reading of one table: `where` is what errors begin with."""

    def __init__(self, where: str) -> None:
        self.where = where

    def definition(self, name: str, stated: Mapping[str, Any], source: str) -> TableDefinition:
        self.known(stated, _TABLE, "")
        columns = stated.get("columns", {})
        rows = stated.get("rows", [])
        options = stated.get("options", {})
        if not isinstance(columns, dict) or not isinstance(options, dict):
            self.refuse("columns", "a table [table.NAME.columns]", columns)
        if not isinstance(rows, list) or len(rows) > MOST_LEVELS:
            self.refuse("rows", f"a list of at most {MOST_LEVELS} levels", rows)
        return TableDefinition(
            name,
            source,
            self.text(stated, "help"),
            self.text(stated, "argument") or "NAME",
            self.texts(stated, "names"),
            tuple(self.level(f"rows[{at}]", level) for at, level in enumerate(rows)),
            tuple(self.column(column, said) for column, said in columns.items()),
            {option: str(said) for option, said in options.items()},
            self.texts(stated, "tree"),
            self.texts(stated, "default"),
        )

    def level(self, where: str, stated: Any) -> Level:
        if (
            not isinstance(stated, dict)
            or "as" not in stated
            or ("each" in stated) == ("call" in stated)
        ):
            self.refuse(where, '{ as = "NAME", each = "PATH" }, or call = ...', stated)
        self.known(stated, _LEVEL, where)
        each = self.listed(stated["each"], f"{where}.each") if "each" in stated else []
        paths = []
        for text in each:
            steps = self.steps(text, f"{where}.each")
            if len(steps) != 1 or not isinstance(steps[0][1], tuple):
                self.refuse(f"{where}.each", "a member path, or a root", text)
            paths.append(steps[0][1])
        return Level(
            self.text(stated, "as"),
            tuple(paths),
            self.text(stated, "key"),
            self.choice(stated["only"], f"{where}.only") if "only" in stated else (),
            self.text(stated, "unless"),
            self.text(stated, "call"),
            self.arguments(stated, where),
        )

    def column(self, name: str, stated: Any) -> Column:
        where = f"columns.{name}"
        if isinstance(stated, str | list):
            return Column(name, self.choice(stated, where))
        if not isinstance(stated, dict) or ("path" in stated) == ("call" in stated):
            self.refuse(where, "a path, or a table with path = ... or call = ...", stated)
        self.known(stated, _COLUMN, where)
        spare = stated.get("spare", 0)
        if type(spare) is not int or spare < 0:
            self.refuse(f"{where}.spare", "a number", spare)
        return Column(
            name,
            self.choice(stated["path"], where) if "path" in stated else (),
            self.text(stated, "call"),
            self.arguments(stated, where),
            self.text(stated, "means"),
            stated.get("total") is True,
            spare,
            stated.get("hidden") is True,
            self.text(stated, "without"),
            self.text(stated, "see"),
        )

    # Pieces

    def arguments(self, stated: Mapping[str, Any], where: str) -> tuple[Choice, ...]:
        of = stated.get("of", [])
        return tuple(
            self.choice(one, f"{where}.of", is_optional=True)
            for one in (of if isinstance(of, list) else [of])
        )

    def choice(self, stated: Any, where: str, *, is_optional: bool = False) -> Choice:
        return tuple(
            self.steps(text, where) if text or not is_optional else ()
            for text in self.listed(stated, where)
        )

    def steps(self, text: str, where: str) -> Steps:
        try:
            return steps_of(text)
        except ExpressionError as error:
            raise AnnotationError(f"{self.where}.{where}: {text!r} {error}") from error

    def listed(self, stated: Any, where: str) -> list[str]:
        found = stated if isinstance(stated, list) else [stated]
        if not found or not all(isinstance(one, str) for one in found):
            self.refuse(where, "a text, or a list of alternatives", stated)
        return found

    def text(self, stated: Mapping[str, Any], key: str) -> str:
        found = stated.get(key, "")
        if not isinstance(found, str):
            self.refuse(key, "a text", found)
        return found

    def texts(self, stated: Mapping[str, Any], key: str) -> tuple[str, ...]:
        found = stated.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            self.refuse(key, "a list of columns", found)
        return tuple(found)

    def known(self, stated: Mapping[str, Any], keys: frozenset[str], where: str) -> None:
        for key in stated.keys() - keys:
            place = f"{where}.{key}" if where else key
            raise AnnotationError(
                f"{self.where}.{place}: expected one of {', '.join(sorted(keys))}"
            )

    def refuse(self, where: str, expected: str, found: object) -> NoReturn:
        raise AnnotationError(f"{self.where}.{where}: expected {expected}, not {found!r}")
