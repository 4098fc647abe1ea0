"""Types by their C names, as drgn asks for them: those of vmlinux first, then of the modules.

Where several types have a name, that comes first which comes first in the BTF, as in DWARF.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from drgn import TypeKind

from btfdump._btf.wire import Kind
from btfdump._drgn.errors import BadDataError
from btfdump._drgn.types import C_SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import drgn

    from btfdump._btf import types as t
    from btfdump._btf.reader import Btf
    from btfdump._drgn.types import DrgnTypes
    from btfdump._kernel.context import Context

_KINDS = {
    TypeKind.STRUCT: (Kind.STRUCT,),
    TypeKind.UNION: (Kind.UNION,),
    TypeKind.ENUM: (Kind.ENUM, Kind.ENUM64),
    TypeKind.TYPEDEF: (Kind.TYPEDEF,),
    TypeKind.INT: (Kind.INT,),
    TypeKind.BOOL: (Kind.INT,),
    TypeKind.FLOAT: (Kind.FLOAT,),
}
_IN_MODULES = frozenset({Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.TYPEDEF})
_NAMES = {c: of_gcc for of_gcc, c in C_SPELLINGS.items()}


class NamedTypes:
    """Finds the types of one kernel by name; what was found is remembered."""

    def __init__(self, kernel: Context, types: DrgnTypes) -> None:
        self._kernel = kernel
        self._types = types
        self._known: dict[tuple[str, str | None], tuple[drgn.Type, ...]] = {}

    def find(self, kinds: drgn.TypeKindSet, name: str, filename: str | None) -> drgn.Type | None:
        """Return the first type of a name that is of one of `kinds`, None if there is none.

        Raises `BadDataError` where several differ and `filename` would have to tell which is meant:
        BTF has no files. That of a module tells, where it is named like the module.
        """
        key = name, filename
        for known in self._known.get(key, ()):
            if known.kind in kinds:
                return known
        wanted = frozenset(kind for one in _KINDS if one in kinds for kind in _KINDS[one])
        candidates = self._candidates(wanted, name)
        chosen = meant(name, filename, list(candidates)) if filename else candidates
        for type_ in chosen:
            found = self._types.of(type_)
            if found.kind in kinds:
                self._known[key] = (*self._known.get(key, ()), found)
                return found
        return None

    def _candidates(self, wanted: frozenset[Kind], name: str) -> Iterator[t.Type]:
        vmlinux = self._kernel.btf
        for spelling in dict.fromkeys((name, _NAMES.get(name, name))):
            yield from (type_ for type_ in vmlinux.find_all(None, spelling) if type_.kind in wanted)
        if wanted.isdisjoint(_IN_MODULES):
            return
        for btf in modules_naming(self._kernel, name):
            for type_ in btf.find_all(None, name):
                if type_.btf is btf and type_.kind in wanted:
                    yield type_


def modules_naming(kernel: Context, name: str) -> Sequence[Btf]:
    """Return the BTF of the modules that may have the name; the others are not parsed."""
    return kernel.modules.naming(name) if kernel.modules is not None else ()


def meant(name: str, filename: str, found: Sequence[t.Type]) -> Sequence[t.Type]:
    """Return those of several types of a name that may be declared in a file.

    Raises `BadDataError` if they differ and nothing tells.
    """
    of_module = [type_ for type_ in found if is_named_after(type_.btf, filename)]
    if of_module or len(found) < 2:
        return of_module or found
    from btfdump._btf.alike import distinct

    different = distinct(found)
    if len(different) > 1:
        raise BadDataError(
            f"{len(different)} different types are called {name}: BTF does not tell which of them "
            f"is that of {filename}; ask without the file for the first of them"
        )
    return different


def is_named_after(btf: t.TypeTable, filename: str) -> bool:
    """Whether a module is called like a file, or like a directory that the file is in."""
    path = PurePosixPath(filename)
    names = {part.replace("-", "_") for part in (*path.parts[:-1], path.stem)}
    return getattr(btf, "base", None) is not None and getattr(btf, "name", "") in names
