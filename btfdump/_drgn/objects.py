"""Global variables, functions and enumerators by name, as drgn asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from drgn import FindObjectFlags, Object

from btfdump._btf import types as t
from btfdump._drgn.errors import BadDataError
from btfdump._drgn.named_types import is_named_after, modules_naming
from btfdump._kernel.symbol_names import SymbolNames
from btfdump._kernel.variables import without_padding
from btfdump.errors import (
    AmbiguousSymbolError,
    MissingDataError,
    SymbolNotFoundError,
    UnknownTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import drgn

    from btfdump._drgn.types import DrgnTypes
    from btfdump._kernel.context import Context


class _Doubt(NamedTuple):
    """Why what is there cannot be understood."""

    text: str


class NamedObjects:
    """Finds what one kernel calls by name."""

    def __init__(self, prog: drgn.Program, kernel: Context, types: DrgnTypes) -> None:
        self._prog = prog
        self._kernel = kernel
        self._types = types

    def find(self, name: str, flags: FindObjectFlags, filename: str | None) -> Object | None:
        """Return a variable, an enumerator or a function, None if there is none of the name.

        Raises `BadDataError` if there is a symbol of the name and its type is not known, or if it
        is not known which of several is meant: see `btfdump._drgn.errors`.
        """
        found: Object | _Doubt | None = None
        doubt: _Doubt | None = None
        if FindObjectFlags.VARIABLE in flags:
            found = self._variable(name, filename)
            if isinstance(found, _Doubt):
                found, doubt = None, found
        if found is None and FindObjectFlags.CONSTANT in flags:
            found = self._enumerator(name)
        if found is None and FindObjectFlags.FUNCTION in flags:
            found = self._function(name, filename)
        if found is None:
            found = doubt
        if isinstance(found, _Doubt):
            raise BadDataError((doubt or found).text)
        return found

    def _variable(self, name: str, filename: str | None) -> Object | _Doubt | None:
        """Return a variable, or what keeps it from being understood, or None if there is none."""
        asked = self._in_module(name, filename)
        try:
            found = self._kernel.variable(asked) if asked else self._kernel.own_variable(name)
        except (SymbolNotFoundError, MissingDataError):
            return None
        except UnknownTypeError as error:
            return None if self._is_code(name, (error.address,)) else _Doubt(str(error))
        except AmbiguousSymbolError as error:
            return None if self._is_code(name, error.addresses) else _Doubt(str(error))
        type_, address, facts = found
        if facts.is_flat:
            return _Doubt(
                f"{name} (at {address:#x}) is an array of arrays, {type_} in all: what lengths "
                "they have is not known, as BTF has none such; state its type in an overlay: "
                f'[global] {name} = "TYPE [M][N]"'
            )
        return Object(self._prog, self._types.of(without_padding(type_, facts)), address=address)

    def _function(self, name: str, filename: str | None) -> Object | _Doubt | None:
        """Return a function, or what keeps it from being understood, or None if there is none."""
        asked = self._in_module(name, filename)
        try:
            address = self._kernel.symbol(asked) if asked else self._kernel.own_symbol(name)
        except (SymbolNotFoundError, MissingDataError):
            return None
        except AmbiguousSymbolError as error:
            return _Doubt(str(error)) if self._is_code(name, error.addresses) else None
        if not self._is_code(name, (address,)):
            return None
        for func in self._funcs(name):
            return Object(self._prog, self._types.of(func), address=address)
        return _Doubt(
            f"{name} (at {address:#x}) is in the kernel's code, and BTF does not describe it: it "
            "has no prototypes of functions that the compiler changed or that are in assembly"
        )

    def _funcs(self, name: str) -> Iterator[t.Func]:
        for btf in (self._kernel.btf, *modules_naming(self._kernel, name)):
            for type_ in btf.find_all("func", name):
                if isinstance(type_, t.Func):
                    yield type_

    def _enumerator(self, name: str) -> Object | None:
        for btf in (self._kernel.btf, *modules_naming(self._kernel, name)):
            for enum, index in btf.find_enumerators(name):
                value = enum.enumerators[index].value
                return Object(self._prog, self._types.of(enum), value)
        return None

    def _in_module(self, name: str, filename: str | None) -> str:
        """Return `MODULE:name` where a file is named after a module that has such a symbol."""
        modules = self._kernel.modules
        if filename is None or modules is None:
            return ""
        names = {btf.name for btf in modules.btfs() if is_named_after(btf, filename)}
        owners = [owner for _, owner, _ in modules.symbols_named(name) if owner in names]
        return f"{owners[0]}:{name}" if owners else ""

    def _is_code(self, name: str, addresses: Sequence[int]) -> bool:
        """Whether all symbols of a name at some addresses are functions, or marks in the code."""
        names = SymbolNames(self._kernel.target, self._kernel.modules)
        code = {address for address, _, is_code in names.candidates(name) if is_code}
        return code.issuperset(addresses)
