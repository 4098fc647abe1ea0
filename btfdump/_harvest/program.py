"""Everything that was scanned, by name, and what a name means in a given file."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from btfdump._decode.paths import split_path
from btfdump._harvest.syntax import CType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._harvest.scan import FileFacts, Function
    from btfdump._harvest.syntax import Expression

_WELL_KNOWN = {"current": CType("struct task_struct", 1)}


class Program:
    """Functions, macros, globals and struct definitions of many files.

    `problems` says which files could not be read.
    """

    def __init__(self, files: Iterable[FileFacts]) -> None:
        self._functions: dict[tuple[str, str], Function] = {}
        self._anywhere: dict[str, Function | None] = {}
        self._globals: dict[tuple[str, str], CType] = {}
        self._global_files: dict[str, list[str]] = {}
        self._structs: dict[str, dict[str, bool]] = {}
        self._renamed: dict[str, set[str]] = {}
        self._prototypes: dict[str, list[str]] = {}
        self._constants: dict[str, dict[str, Expression]] = {}
        self._static: set[tuple[str, str]] = set()
        self.functions: list[Function] = []
        self.problems: list[str] = []
        for file in files:
            if file.problem:
                self.problems.append(file.problem)
            for function in file.functions:
                self._add(function)
            for name, type_ in file.globals.items():
                self._globals[file.path, name] = type_
                self._global_files.setdefault(name, []).append(file.path)
            for name, path in file.renamed.items():
                self._renamed.setdefault(name, set()).add(path)
            for name, value in file.constants.items():
                self._constants.setdefault(name, {})[file.path] = value
            for name in file.prototypes:
                self._prototypes.setdefault(name, []).append(file.path)
            self._static.update((file.path, name) for name in file.static)
            for name, fits in file.structs.items():
                self._structs.setdefault(name, {})[file.path] = fits

    def _add(self, function: Function) -> None:
        self.functions.append(function)
        self._functions.setdefault((function.file, function.name), function)
        if function.file.endswith(".h"):
            # Two headers that define one name: which is meant depends on what is included.
            known = self._anywhere.get(function.name, function)
            self._anywhere[function.name] = function if known is function else None
        else:
            self._anywhere.setdefault(function.name, function)

    def find(self, file: str, name: str) -> Function | None:
        """Return the function or macro that `name` calls in `file`."""
        found = self._functions.get((file, name))
        return found if found is not None else self._anywhere.get(name)

    def type_of_global(self, file: str, name: str) -> CType | None:
        """Return the declared type of a global variable."""
        found = self._globals.get((file, name)) or _WELL_KNOWN.get(name)
        if found is None:
            files = self._global_files.get(name, ())
            declared = {self._globals[path, name] for path in files}
            found = declared.pop() if len(declared) == 1 else None
        return found

    def member_path(self, name: str) -> list[str]:
        """Return the members that a macro stands for: `sk_node` -> `__sk_common.skc_node`."""
        paths = self._renamed.get(name, {name})
        return list(split_path(next(iter(paths)))) if len(paths) == 1 else [name]

    def is_unique_global(self, name: str) -> bool:
        """Whether exactly one .c file defines a global variable of that name."""
        files = self._global_files.get(name, ())
        return len({path for path in files if path.endswith(".c")}) == 1

    def constant(self, file: str, name: str) -> Expression | None:
        """Return what a macro without parameters stands for in a file.

        That is what the file itself says, or what all headers that have it say; None if these
        differ.
        """
        known = self._constants.get(name, {})
        if file in known:
            return known[file]
        values = {value for path, value in known.items() if path.endswith(".h")}
        return values.pop() if len(values) == 1 else None

    def definitions(self, struct: str) -> list[str]:
        """Return the files that define the BTF's struct of a name."""
        return [path for path, fits in self._structs.get(struct, {}).items() if fits]

    def declaring(self, name: str) -> list[str]:
        """Return the files that declare a global variable."""
        return self._global_files.get(name, [])

    def is_local(self, name: str) -> bool:
        """Whether a global variable is static: no other file can name it."""
        return any((path, name) in self._static for path in self.declaring(name))

    def prototypes(self, function: str) -> list[str]:
        """Return the headers that declare a function which is passed a link."""
        return self._prototypes.get(function, [])

    def means_the_same(self, file: str, struct: str) -> bool:
        """Whether `struct` in `file` is the struct of the BTF, and not another of the same name.

        If there are several definitions the nearest is meant, and it must have all the members that
        the BTF knows. A struct that no scanned file defines gets the benefit of the doubt.
        """
        definitions = self._structs.get(struct)
        if not definitions:
            return True
        nearest = max(definitions, key=lambda path: (nearness(path, file), definitions[path]))
        return definitions[nearest]


def nearness(path: str, file: str) -> int:
    """Return how many folders two files share; more than any other if they are one file."""
    if path == file:
        return len(path)
    pairs = zip(path.split("/")[:-1], file.split("/")[:-1], strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
