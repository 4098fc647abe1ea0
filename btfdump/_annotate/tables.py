"""The tables of overlay files, as text: what is not asked for is not parsed, nor even read.

`Pieces` are those of one file, cut at its headings. `Folder` is the built-in library: more than a
hundred files about the kernel and its modules, of which a look at one dump needs a few. A file
called `index` beside them says in which of them each thing is spoken of::

    global.init_task<TAB>task.toml
    struct.task_struct<TAB>address_spaces.toml task.toml

Its lines are sorted, and are compared with the files by tests/annotate/test_tables.py.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache, cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

INDEX = "index"
"""The name of the file in the library's folder that says what is where."""

_BARE = str.maketrans("", "", "\"' ")


class Tables(Protocol):
    """Tables by name, [struct.task_struct] or [global], each in any number of pieces of text."""

    def structs(self) -> list[str]:
        """Return the names of the structs and unions that have a table."""

    def names(self, table: str) -> list[str]:
        """Return the names of the entries of a table."""

    def may_have(self, table: str, entry: str) -> bool:
        """Whether a table, that of no struct, may have an entry; False is certain."""

    def pieces(self, table: str, entry: str | None = None) -> Sequence[str]:
        """Return what stands under the headings of a table.

        With `entry`, pieces that have no such entry may be left out.
        """


class Pieces:
    """The tables of one file."""

    def __init__(self, text: str) -> None:
        self._tables: dict[str, list[str]] = {}
        for piece in f"\n{text}".split("\n[")[1:]:
            end = piece.find("]")
            name = piece[:end]
            if not name.replace(".", "_").isidentifier():  # quotes and spaces, in users' files
                name = name.translate(_BARE)
            self._tables.setdefault(name, []).append(piece[end + 1 :])

    def structs(self) -> list[str]:
        """Return the names of the structs and unions that have a table."""
        return [name[7:] for name in self._tables if name.startswith("struct.")]

    def names(self, table: str) -> list[str]:
        """Return what stands before the equals signs of a table; there may be more of them."""
        lines = "".join(self._tables.get(table, ())).splitlines()
        return [line[: line.index(" =")].strip('"') for line in lines if " =" in line]

    def may_have(self, table: str, entry: str) -> bool:
        """Whether a table may have an entry: it is not looked into."""
        return table in self._tables

    def pieces(self, table: str, entry: str | None = None) -> Sequence[str]:
        """Return what stands under the headings of a table; all of it, whatever `entry` is."""
        return self._tables.get(table, ())


class Folder:
    """The tables of all files in a folder: a file is read when something of it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def structs(self) -> list[str]:
        """Return the names of the structs and unions that have a table."""
        return [line[7 : line.index("\t")] for line in self._lines_of("struct.")]

    def names(self, table: str) -> list[str]:
        """Return the names of the entries of a table."""
        start = len(table) + 1
        return [line[start : line.index("\t")] for line in self._lines_of(f"{table}.")]

    def may_have(self, table: str, entry: str) -> bool:
        """Whether a table has an entry."""
        return entry in self._entries(table)

    @cache  # noqa: B019 - there is one library
    def _entries(self, table: str) -> frozenset[str]:
        return frozenset(self.names(table))

    def pieces(self, table: str, entry: str | None = None) -> Sequence[str]:
        """Return what stands under the headings of a table in those files that have `entry`.

        For a struct, whose table has a name of its own, those are the files that have the table.
        """
        if table.startswith("struct."):
            files: Iterable[str] = self._files(table)
        elif entry is not None:
            files = self._files(f"{table}.{entry}")
        else:
            lines = self._lines_of(f"{table}.")
            files = sorted({file for line in lines for file in _files_in(line)})
        return [piece for file in files for piece in self._read(file).pieces(table)]

    @cached_property
    def _index(self) -> list[str]:
        return (self._path / INDEX).read_text("utf-8").splitlines()

    def _lines_of(self, prefix: str) -> Iterator[str]:
        """Yield the lines of the index that begin with `prefix`."""
        for number in range(bisect_left(self._index, prefix), len(self._index)):
            if not self._index[number].startswith(prefix):
                return
            yield self._index[number]

    def _files(self, name: str) -> Sequence[str]:
        line = next(self._lines_of(f"{name}\t"), None)
        return _files_in(line) if line is not None else ()

    @cache  # noqa: B019 - there is one library
    def _read(self, file: str) -> Pieces:
        return Pieces((self._path / file).read_text("utf-8"))


def _files_in(line: str) -> list[str]:
    return line[line.index("\t") + 1 :].split(" ")


def make_index(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the index of a folder: `files` has the tables of each, parsed, by the file's name."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        for table, entries in files[file].items():
            for entry in entries:
                found.setdefault(f"{table}.{entry}", []).append(file)
    return "".join(f"{name}\t{' '.join(found[name])}\n" for name in sorted(found))
