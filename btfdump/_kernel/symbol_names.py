"""Symbols by what a user calls them: `init_task`, `pwq_cache@2`, `ext4:ext4_fs_type`.

Static variables and functions of different files share names: some hundreds in every kernel, and
`__this_module` in every module. None of them is taken for granted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf.type_name import VMLINUX
from btfdump._kernel.arguments import text as as_text
from btfdump._targets.memory import symbols_around, symbols_named
from btfdump.errors import AmbiguousSymbolError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._kernel.services import Modules
    from btfdump._targets.memory import Target

SPELLED = r"(?:\w[\w-]*:)?[A-Za-z_][\w.$]*?(?:@\d{1,9})?"
"""A regular expression for what `SymbolNames.find()` understands."""
_PARTS = r"(?a:(?:(\w[\w-]*):)?(.+?)(?:@(\d{1,9}))?)"  # kept by `re` once it is needed
_SHOWN = 8


class FoundSymbol(NamedTuple):
    """A symbol that was meant: its `name`, virtual `address`, and `module` ("vmlinux" is one)."""

    name: str
    address: int
    module: str


class SymbolNames:
    """The symbols of one kernel and its modules by name; every answer is remembered."""

    def __init__(self, target: Target, modules: Modules | None) -> None:
        self._target = target
        self._modules = modules
        self._known: dict[tuple[str, bool], FoundSymbol] = {}

    def find(self, text: str, *, data: bool = False) -> FoundSymbol:
        """Return the symbol that `text` means: `NAME`, `NAME@N`, `MODULE:NAME`, `MODULE:NAME@N`.

        N is the number of the symbol, from 1, among those of the name by ascending address. If
        `data` is set, no function is meant where there is a variable of the name. Raises
        `SymbolNotFoundError`, `AmbiguousSymbolError`, and `MissingDataError` if there is no symbol
        table.
        """
        found = self._known.get((text, data))
        if found is None:
            found = self._known[text, data] = self._find(text, data)
        return found

    def own(self, name: str) -> FoundSymbol:
        """Return the symbol `name` of vmlinux, else that of a module: see `Context.own_symbol()`.

        Raises what `find()` raises.
        """
        try:
            return FoundSymbol(name, self._target.symbol(name), VMLINUX)
        except SymbolNotFoundError:
            if self._modules is None or not self._modules.symbols_named(name):
                raise
        except AmbiguousSymbolError:  # say what there is
            pass
        return self.find(name, data=True)

    def _find(self, text: str, data: bool) -> FoundSymbol:
        as_text(text, "the name of a symbol")
        match = re.fullmatch(_PARTS, text)
        module, name, number = match.groups() if match is not None else (None, text, None)
        every = self.candidates(name)
        found = every
        if module is not None:
            module = module.replace("-", "_")
            found = [one for one in every if one[1] == module]
        if not found:
            raise self._not_found(name, module, every)
        if number is not None:
            if not 1 <= int(number) <= len(found):
                raise SymbolNotFoundError(f"no {text}: {_listing(self._told(name, found))}")
            found = [found[int(number) - 1]]
        elif data and len(found) > 1:
            found = [one for one in found if not one[2]] or found
        if len(found) > 1:
            raise AmbiguousSymbolError(
                f"{_listing(self._told(name, found))}; say which",
                tuple(address for address, *_ in found),
            )
        ((address, owner, _),) = found
        return FoundSymbol(name, address, owner)

    def candidates(self, name: str) -> list[tuple[int, str, bool]]:
        """Return (address, module, whether it is code) for all of a name, by address.

        Raises `MissingDataError` if there is no symbol table.
        """
        found = [(s.address, VMLINUX, s.is_code) for s in symbols_named(self._target, name)]
        if self._modules is not None:
            found += self._modules.symbols_named(name)
        return sorted(found)

    def _not_found(
        self, name: str, module: str | None, elsewhere: Sequence[tuple[int, str, bool]]
    ) -> SymbolNotFoundError:
        if module is not None:
            where = ", ".join(sorted({owner for _, owner, _ in elsewhere}))
            return SymbolNotFoundError(
                f"no symbol {name!r} in {module}" + (f"; there is one in {where}" if where else "")
            )
        try:
            self._target.symbol(name)
        except SymbolNotFoundError as error:  # it says what may be the reason
            return error
        return SymbolNotFoundError(f"no symbol {name!r}")

    def _told(self, name: str, found: Sequence[tuple[int, str, bool]]) -> list[str]:
        """Describe each candidate, as it may be asked for, with its neighbours."""
        owners = [owner for _, owner, _ in found]
        told = []
        for number, (address, owner, is_code) in enumerate(found, 1):
            if len(set(owners)) == len(owners):
                spelled = f"{owner}:{name}"
            elif len(set(owners)) > 1 or owner == VMLINUX:
                spelled = f"{name}@{number}"
            else:
                spelled = f"{owner}:{name}@{number}"
            if number > _SHOWN:
                told.append(spelled)
                continue
            kind = "function " if is_code else ""
            told.append(f"{spelled} ({kind}at {address:#x}{self._place(address, owner)})")
        return told

    def _place(self, address: int, owner: str) -> str:
        if owner == VMLINUX:
            before, after = symbols_around(self._target, address)
        else:
            assert self._modules is not None
            before, after = self._modules.symbols_around(address)
        near = [f"after {before}"] * bool(before) + [f"before {after}"] * bool(after)
        return "".join(f", {text}" for text in ([f"in {owner}"] * (owner != VMLINUX) + near))


def _listing(told: Sequence[str]) -> str:
    name = told[0].partition(" ")[0].partition("@")[0].rpartition(":")[2]
    more = f", and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    is_one = len(told) == 1
    head = f"{len(told)} symbol{' is' if is_one else 's are'} called {name}"
    return f"{head}: {', '.join(told[:_SHOWN])}{more}"
