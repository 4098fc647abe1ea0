"""Overlay files: annotations for kernels that ship without tags, in TOML.

::

    [struct.task_struct]
    children = "task_struct:sibling"                     # a tag, as btf_decl_tag() would hold it
    "pending.list" = ["sigqueue:list", "sigqueue:node"]  # the first whose type and link exist
    bpf_storage = { tags = ["show:follow", "space:rcu"], see = "include/linux/sched.h" }

    [summary]
    task_struct = ["comm", "pid"]                        # the members of a one-line summary
    path = "{:path}"                                     # or a template of it

    [first]
    task_struct = ["comm", "pid", "__state"]             # those shown before all others

    [last]
    task_struct = ["se", "wakee_flips"]                  # those of interest to few

    [global]
    init_task = "struct task_struct"                     # BTF has no variables but per-CPU ones
    modules = { type = "struct list_head", tag = "module:list" }
    bus_kset = { type = "struct kset *", members = { list = "kobject:entry" } }
    runners = [{ type = "struct list_head", tag = "runner:list" }, "struct runner *"]

    [scalar]
    dev_t = "dev"                                        # what all values of a type mean

    [table.ps.columns]
    policy = "task.policy"                               # see btfdump/_tables/definition.py

Where several structs have a name, the module or the id says which, as in a tag:
`[struct."cxgb4:adapter"]`, `"console@8589" = ["name"]`.

The built-in library is a folder of such files. A library of thousands of lines must cost a cold
start nothing, so a table is parsed when it is asked for, and its file read no sooner (`tables`).
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from btfdump._annotate.grammar import (
    Annotation,
    Condition,
    Length,
    NotUnderstood,
    Skip,
    bare_name,
    parse,
    struct_named,
)
from btfdump._annotate.tables import Folder, Pieces
from btfdump._btf.type_name import TypeName
from btfdump._files import MAX_TEXT, as_text, read_file
from btfdump._files.plain_toml import plain_lines, plain_table
from btfdump.errors import AnnotationError, ExpressionError, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._annotate.tables import Tables
    from btfdump._annotate.template import Template

Alternatives: TypeAlias = "tuple[tuple[Annotation, ...], ...]"
"""Sets of facts about one member; the first set that fits the kernel's types holds."""

_TABLES = ("summary", "first", "last", "global", "container", "opaque", "cache", "scalar")
_NEXT_ENTRY = re.compile(r"\n(?=[^\s\]])")  # what continues an entry is indented, or ends it


class Global(NamedTuple):
    """What an overlay says about a global variable: its C type, and tags as on a member.

    `cond:` among the tags is about the variable's own members, and decides on the type as well.
    `members` is said of members of this variable alone, by path; if it is a pointer, of its target.
    """

    type: str
    alternatives: Alternatives = ()
    members: Mapping[str, Alternatives] = MappingProxyType({})


class Overlay:
    """Annotations: of one file, or of the library.

    `source` is their name in the output: "library", "overlay FILE".
    """

    def __init__(self, text: str | Tables, source: str, path: str = "") -> None:
        self.source = source
        self._path = path
        self._whole: dict[str, dict[str, Any]] | None = None
        self._declared: dict[str, dict[str, Any]] = {}
        self._which: dict[str, list[str]] = {}  # names that say which of several is meant
        self._tables: Tables = Pieces(text) if isinstance(text, str) else text

    @classmethod
    def load(cls, path: str | Path) -> Overlay:
        """Read a user's overlay file and check all of it.

        Raises `AnnotationError` if the file cannot be read or anything in it is not understood.
        """
        try:
            text = as_text(read_file(path, MAX_TEXT, "expected an overlay in TOML"), path)
        except TargetError as error:
            raise AnnotationError(f"cannot read overlay {error}") from error
        overlay = cls(text, f"overlay {Path(path).name}", str(path))
        overlay._check(text)
        return overlay

    def structs(self) -> list[str]:
        """Return the names of the structs and unions that have entries, as in annotations."""
        if self._whole is None:
            return self._tables.structs()
        return [name[7:] for name in self._whole if name.startswith("struct.")]

    def tables(self) -> list[str]:
        """Return the names of the tables that a user's overlay declares (btfdump/_tables)."""
        return list(self._declared)

    def table(self, name: str) -> dict[str, Any] | None:
        """Return what it declares of a table, None if nothing."""
        return self._declared.get(name)

    def names_of(self, struct: str) -> tuple[str, ...]:
        """Return the names under which something may be said of structs called `struct` in BTF.

        Those come first that say which of them is meant.
        """
        return (*self._which.get(struct, ()), struct)

    def globals(self) -> list[str]:
        """Return the names of the global variables that have entries."""
        return list(self._table("global"))

    def containers(self) -> list[str]:
        """Return the types of containers that have entries."""
        return list(self._table("container"))

    def members(self, struct: str) -> dict[str, Alternatives]:
        """Return the facts about the members of `struct`, by member path."""
        return {
            key: self._alternatives(f"{struct}.{key}", value)
            for key, value in self._table(f"struct.{struct}").items()
        }

    def see(self, struct: str, member: str) -> str:
        """Return where the kernel's source shows what is said about a member; "" if not stated.

        In the library this is `FILE` or `FILE: FUNCTION()`, with versions in words after it.
        """
        return _see(self._table(f"struct.{struct}").get(member))

    def sees_of_global(self, name: str) -> list[str]:
        """Return the same for what is said about a global variable, for each alternative."""
        entry = self._table("global").get(name)
        return [_see(choice) for choice in (entry if isinstance(entry, list) else [entry])]

    def see_of_container(self, head: str) -> str:
        """Return the same for what all containers of type `struct head` hold."""
        return _see(self._table("container").get(head))

    def is_proven(self, struct: str, member: str) -> bool:
        """Whether the line says that entries in a real dump confirm it (tests/annotate).

        If `struct` is "", `member` is a global variable.
        """
        table = self._table(f"struct.{struct}") if struct else self._table("global", member)
        value = table.get(member)
        choices = value if isinstance(value, list) else [value]
        return any(isinstance(choice, dict) and bool(choice.get("proven")) for choice in choices)

    def texts(self, struct: str, member: str) -> tuple[tuple[str, ...], ...]:
        """Return what is said about a member, as it is written: alternatives, each of them tags."""
        return _texts(self._table(f"struct.{struct}").get(member, []))

    def container_texts(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Return what is said about all containers of a type, by the type; see `texts()`."""
        return {head: _texts(value) for head, value in self._table("container").items()}

    def summary(self, struct: str) -> tuple[str, ...] | tuple[Template, ...] | None:
        """Return what stands for the whole object in one line: member paths, or templates."""
        stated = self._entry("summary", struct)
        if stated is None:
            return None
        if isinstance(stated, list) and all(isinstance(path, str) for path in stated):
            return tuple(stated)
        from btfdump._annotate.template import templates

        try:
            return templates(stated)
        except AnnotationError as error:
            raise self._error(f"summary.{struct}", str(error)) from error

    def summaries(self) -> list[str]:
        """Return the names of the structs that have a summary."""
        return list(self._table("summary"))

    def first(self, struct: str) -> list[str] | None:
        """Return the names of the members that matter most, in the order in which to show them."""
        return self._members_in("first", struct)

    def last(self, struct: str) -> list[str] | None:
        """Return the names of the members that are of interest to few."""
        return self._members_in("last", struct)

    def _members_in(self, table: str, struct: str) -> list[str] | None:
        names = self._table(table, struct).get(struct)
        if names is None:
            return None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._error(f"{table}.{struct}", "expected a list of members")
        return names

    def interests(self, table: str) -> list[str]:
        """Return the names of the structs that have a list of members in [first] or [last]."""
        return self._names_in(table)

    def opaque(self, struct: str) -> list[str]:
        """Return the names of structs that may really be there if `struct` hides its members."""
        return self._structs_of("opaque", struct)

    def slab_cache(self, name: str) -> list[str]:
        """Return the names of the structs that a slab cache of that name may hold."""
        return self._structs_of("cache", name)

    def slab_caches(self) -> list[str]:
        """Return the names of the slab caches that have entries."""
        return list(self._table("cache"))

    def _structs_of(self, table: str, entry: str) -> list[str]:
        names = self._table(table, entry).get(entry, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._error(f"{table}.{entry}", f"expected a list of structs, not {names!r}")
        return names

    def container(self, head: str) -> Alternatives:
        """Return the facts about containers of type `struct head` where nothing else is known."""
        value = self._table("container", head).get(head)
        return self._alternatives(f"container.{head}", value) if value is not None else ()

    def scalars(self) -> list[str]:
        """Return the names of the types, typedefs or structs, of whose values something is said."""
        return self._names_in("scalar")

    def scalar(self, name: str) -> Alternatives:
        """Return what all values of a type mean."""
        value = self._table("scalar", name).get(name)
        return self._alternatives(f"scalar.{name}", value) if value is not None else ()

    def scalar_texts(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return what is said of all values of a type, as it is written; see `texts()`."""
        return _texts(self._table("scalar", name).get(name, []))

    def see_of_scalar(self, name: str) -> str:
        """Return where the kernel's source shows what values of a type mean."""
        return _see(self._table("scalar", name).get(name))

    def _names_in(self, table: str) -> list[str]:
        """Return the names of the entries of a table, of a library without reading its files."""
        return list(self._table(table)) if self._whole is not None else self._tables.names(table)

    def global_(self, name: str) -> tuple[Global, ...]:
        """Return what may be said about the global variable `name`, in order of preference."""
        entry = self._entry("global", name)
        if entry is None:
            return ()
        choices = entry if isinstance(entry, list) else [entry]
        return tuple(self._global(name, choice) for choice in choices)

    def _entry(self, table: str, name: str) -> Any:
        """Return one entry of a table, of a library without parsing the hundreds of others."""
        if self._whole is None:
            if not self._tables.may_have(table, name):
                return None
            bodies = [body for body in self._tables.pieces(table, name) if name in body]
            if not bodies:
                return None
            found = [(body, at) for body in bodies if (at := body.find(f"\n{name} = ")) >= 0]
            if len(found) == 1:
                ((body, start),) = found
                following = _NEXT_ENTRY.search(body, start + 1)
                entry = body[start : following.start() if following else None]
                return self._parse_piece(entry, f"table [{table}]").get(name)
        return self._table(table, name).get(name)

    def _global(self, name: str, entry: Any) -> Global:
        type_ = entry.get("type") if isinstance(entry, dict) else entry
        if not isinstance(type_, str):
            raise self._error(f"global.{name}", f"expected a C type, not {type_!r}")
        try:
            TypeName.parse(type_)
        except ExpressionError as error:
            raise self._error(f"global.{name}", f"expected a C type: {error}") from error
        if not isinstance(entry, dict):
            return Global(type_)
        stated = entry.get("members", {})
        if not isinstance(stated, dict):
            raise self._error(f"global.{name}.members", f"expected a table, not {stated!r}")
        members = {
            path: self._alternatives(f"global.{name}.members.{path}", value)
            for path, value in stated.items()
        }
        tags = {key: value for key, value in entry.items() if key not in ("type", "members")}
        if tags.keys() <= {"see", "proven"}:
            return Global(type_, (), members)
        return Global(type_, self._alternatives(f"global.{name}", tags), members)

    @cache  # noqa: B019 - an overlay lives as long as the kernel that uses it
    def _table(self, name: str, entry: str | None = None) -> dict[str, Any]:
        """Return what a table says: all of it, or what is needed to know of one entry."""
        if self._whole is not None:
            return self._whole.get(name, {})
        if entry is not None and not self._tables.may_have(name, entry):
            return {}
        merged: dict[str, Any] = {}
        for body in self._tables.pieces(name, entry):
            merged.update(self._parsed(name, body))
        return merged

    @cache  # noqa: B019 - an overlay lives as long as the kernel that uses it
    def _parsed(self, name: str, body: str) -> dict[str, Any]:
        found, rest = plain_lines(body)
        if rest:
            found |= self._parse_piece(rest, f"table [{name}]")
        return found

    def _parse_piece(self, text: str, where: str) -> dict[str, Any]:
        """Parse what stands under a heading, or an entry of it."""
        plain = plain_table(text)
        return plain if plain is not None else self._parse(text, where)

    def _parse(self, text: str, where: str) -> dict[str, Any]:
        return load_toml(text, f"{self._path or self.source}: {where}")

    def _check(self, text: str) -> None:
        """Parse everything, so that a mistake is reported once, at the start."""
        tables = self._parse(text, "file")
        self._declared = self._declarations(tables.pop("table", {}))
        for name in tables.keys() - {"struct", *_TABLES}:
            expected = ", ".join(f"[{table}]" for table in _TABLES)
            raise self._error(
                f"[{name}]", f"expected [struct.NAME], [table.NAME] or one of {expected}"
            )
        structs = tables.pop("struct", {})
        if isinstance(structs, dict):
            tables |= {f"struct.{n}": t for n, t in self._by_struct("struct", structs).items()}
        else:
            tables["struct"] = structs
        for by_struct in ("summary", "first", "last"):
            if isinstance(table := tables.get(by_struct), dict):
                tables[by_struct] = self._by_struct(by_struct, table)
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise self._error(f"[{name}]", f"expected a table, not {table!r}")
        self._whole = tables
        self._check_entries()

    def _declarations(self, tables: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(tables, dict):
            raise self._error("[table]", f"expected [table.NAME], not {tables!r}")
        for name, stated in tables.items():
            if not isinstance(stated, dict):
                raise self._error(f"table.{name}", f"expected a table, not {stated!r}")
        return tables

    def _check_entries(self) -> None:
        for struct in self.structs():
            self.members(struct)
        for struct in self._table("summary"):
            self.summary(struct)
        for table in ("first", "last"):
            for struct in self._table(table):
                self._members_in(table, struct)
        for name in self._table("global"):
            self.global_(name)
        for head in self._table("container"):
            self.container(head)
        for table in ("opaque", "cache"):
            for entry in self._table(table):
                self._structs_of(table, entry)
        for name in self._table("scalar"):
            self.scalar(name)

    def _by_struct(self, where: str, table: dict[str, Any]) -> dict[str, Any]:
        """Return a table of structs by their names as annotations have them."""
        found: dict[str, Any] = {}
        for written, value in table.items():
            name = struct_named(written)
            if name is None:
                raise self._error(
                    f"{where}.{written}", "expected the name of a struct, MODULE:NAME or NAME@ID"
                )
            if name in found:
                raise self._error(f"{where}.{written}", f"{name} is there twice")
            found[name] = value
            bare = bare_name(name)
            if name != bare and name not in self._which.setdefault(bare, []):
                self._which[bare].append(name)
        return found

    def _alternatives(self, where: str, value: Any) -> Alternatives:
        if isinstance(value, str):
            return ((self._annotation(where, value),),)
        if isinstance(value, list):
            return tuple(self._together(where, one) for one in value)
        if isinstance(value, dict) and value.keys() <= {"tag", "tags", "see", "proven"}:
            if isinstance(value.get("tag"), str | list):
                return self._alternatives(where, value["tag"])
            tags = value.get("tags")
            if isinstance(tags, list):
                return (self._together(where, tags),)
        raise self._error(
            where, f"expected a tag, a list of tags or {{ tag = ..., see = ... }}, not {value!r}"
        )

    def _together(self, where: str, value: Any) -> tuple[Annotation, ...]:
        """Parse one alternative: a tag, or a list of tags that hold together."""
        texts = value if isinstance(value, list) else [value]
        return tuple(self._annotation(where, text) for text in texts)

    def _annotation(self, where: str, text: Any) -> Annotation:
        annotation = parse(text) if isinstance(text, str) else NotUnderstood(repr(text))
        if isinstance(annotation, NotUnderstood):
            reason = annotation.reason or "expected NAME:NODE or key:value"
            raise self._error(where, f"tag {annotation.text!r} is not understood: {reason}")
        if self._path and isinstance(annotation, Length | Condition | Skip):
            self._check_expression(where, text, annotation.expression)
        return annotation

    def _check_expression(self, where: str, text: str, expression: str) -> None:
        """Refuse what is no expression, whatever the kernel has: of the library, tests do so."""
        from btfdump._annotate.postfix import steps_of, with_one_choice

        try:
            steps_of(with_one_choice(expression))
        except ExpressionError as error:
            raise self._error(where, f"tag {text!r} {error}") from None

    def _error(self, where: str, reason: str) -> AnnotationError:
        return AnnotationError(f"{self._path or self.source}: {where}: {reason}")


def _see(value: Any) -> str:
    return str(value.get("see", "")) if isinstance(value, dict) else ""


def _texts(value: Any) -> tuple[tuple[str, ...], ...]:
    if isinstance(value, dict):
        value = [value["tags"]] if "tags" in value else value["tag"]
    alternatives = value if isinstance(value, list) else [value]
    return tuple(tuple(a) if isinstance(a, list) else (a,) for a in alternatives)


def load_toml(text: str, where: str) -> dict[str, Any]:
    """Parse TOML; raises `AnnotationError`, which begins with `where`."""
    toml = _toml()
    try:
        return toml.loads(text)  # type: ignore[no-any-return]
    except (toml.TOMLDecodeError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise AnnotationError(f"{where}: {reason}") from error


def _toml() -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib


@cache
def library() -> Overlay:
    """Return the built-in library: every file in `annotate/overlays`, as one overlay."""
    return Overlay(Folder(Path(__file__).parent / "overlays"), "library")
