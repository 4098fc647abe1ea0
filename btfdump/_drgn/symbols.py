"""Symbols of a kernel and its modules by name and by address, as drgn asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgn import Symbol, SymbolBinding, SymbolKind

from btfdump._drgn.errors import BadDataError
from btfdump._targets.memory import symbol_covering, symbol_room, symbols_every, symbols_named
from btfdump._targets.symbols import REACH, the_one
from btfdump.errors import AmbiguousSymbolError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.services import ModuleSymbol
    from btfdump._targets.symbols import Symbol as KernelSymbol


class NamedSymbols:
    """Finds the symbols of one kernel, each with the name that a person expects at its address."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel

    def find(self, name: str | None, address: int | None, one: bool) -> list[Symbol]:
        """Return the symbols of a name, or those around an address, or all.

        With `one`, at most one. Raises `BadDataError` if one is asked for by a name that several
        have, and nothing tells which is meant.
        """
        try:
            if address is not None:
                found = list(self._at(address))
                if name is not None and any(symbol.name != name for symbol in found):
                    found = [s for s in self._named(name) if _covers(s, address)]
            elif name is None:
                found = list(self._every())
            elif one:
                found = self._the_one(name)
            else:
                found = list(self._named(name))
        except MissingDataError:  # there is no table of symbols
            return []
        return found[:1] if one else found

    def _the_one(self, name: str) -> list[Symbol]:
        found = symbols_named(self._kernel.target, name)
        try:
            address = the_one(name, found)
        except AmbiguousSymbolError as error:
            raise BadDataError(str(error)) from None
        if address is not None:
            (chosen,) = (one for one in found if one.address == address)
            return [self._of_kernel(name, chosen)]
        of_modules = list(self._named(name))
        if len(of_modules) > 1:
            shown = ", ".join(f"{symbol.address:#x}" for symbol in of_modules[:8])
            raise BadDataError(
                f"{len(of_modules)} symbols of modules are called {name}: at {shown}"
                f"{', ...' if len(of_modules) > 8 else ''}; say which by its address"
            )
        return of_modules

    def _named(self, name: str) -> Iterator[Symbol]:
        for found in symbols_named(self._kernel.target, name):
            yield self._of_kernel(name, found)
        modules = self._kernel.modules
        if modules is None:
            return
        for address, _, is_code in modules.symbols_named(name):
            around = modules.symbol_at(address)
            yield _symbol(name, address, around.size if around else 0, is_code, False)

    def _at(self, address: int) -> Iterator[Symbol]:
        covering = symbol_covering(self._kernel.target, address) if address else None
        if covering is not None:
            name, found, room = covering
            yield _symbol(name, found.address, room, found.is_code, found.is_global)
        elif self._kernel.modules is not None:
            of_module = self._kernel.modules.symbol_at(address)
            if of_module is not None:
                yield _of_module(of_module)

    def _every(self) -> Iterator[Symbol]:
        for name, found, room in symbols_every(self._kernel.target):
            yield _symbol(name, found.address, min(room, REACH), found.is_code, found.is_global)
        if self._kernel.modules is not None:
            yield from map(_of_module, self._kernel.modules.listed())

    def _of_kernel(self, name: str, found: KernelSymbol) -> Symbol:
        room, is_size = symbol_room(self._kernel.target, found.address)
        size = room if is_size else min(room, REACH)  # as far as an address is named after it
        return _symbol(name, found.address, size, found.is_code, found.is_global)


def _of_module(found: ModuleSymbol) -> Symbol:
    return _symbol(found.name, found.address, found.size, found.is_function, False)


def _symbol(name: str, address: int, size: int, is_code: bool, is_global: bool) -> Symbol:
    return Symbol(
        name,
        address,
        size,
        SymbolBinding.GLOBAL if is_global else SymbolBinding.LOCAL,
        SymbolKind.FUNC if is_code else SymbolKind.OBJECT,
    )


def _covers(symbol: Symbol, address: int) -> bool:
    return bool(symbol.address <= address < symbol.address + max(symbol.size, 1))
