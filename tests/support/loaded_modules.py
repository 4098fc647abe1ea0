"""Modules that are loaded in a small kernel: split BTF and symbols, and whether anybody asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import BtfBuilder
from btfdump._kernel.services import ModuleSymbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btfdump._api.kernel import Kernel
    from btfdump._btf import Btf


class ModulesGiven:
    """Modules by name: each fills the builder of its BTF; `symbols` are (address, module, name)."""

    def __init__(
        self,
        base: Btf,
        types: Mapping[str, Callable[[BtfBuilder], object]],
        symbols: list[tuple[int, str, str]],
    ) -> None:
        self.loads = 0
        self._symbols = sorted(symbols)
        self._btfs = []
        for name, fill in types.items():
            builder = BtfBuilder(base.byteorder, base)
            fill(builder)
            self._btfs.append(builder.parse(name, pointer_size=base.pointer_size))

    def btfs(self) -> list[Btf]:
        self.loads += 1
        return self._btfs

    def naming(self, name: str) -> list[Btf]:
        del name
        return self.btfs()

    def symbols_named(self, name: str) -> list[tuple[int, str, bool]]:
        self.loads += 1
        return [(at, module, False) for at, module, symbol in self._symbols if symbol == name]

    def symbols_listed(self) -> list[tuple[str, int, str, bool]]:
        return []

    def symbols_around(self, address: int) -> tuple[str, str]:
        del address
        return "before", ""

    def symbol_at(self, address: int) -> ModuleSymbol | None:
        return next((one for one in self.listed() if one.address == address), None)

    def listed(self) -> Iterator[ModuleSymbol]:
        return (ModuleSymbol(n, at, 8, m, False) for at, m, n in sorted(self._symbols))

    def symbolize(self, address: int) -> str | None:
        return next((f"{n} [{m}]" for at, m, n in self._symbols if at == address), None)


def load(
    kernel: Kernel,
    types: Mapping[str, Callable[[BtfBuilder], object]],
    *symbols: tuple[int, str, str],
) -> ModulesGiven:
    """Let a kernel have these modules instead of those in its memory."""
    given = ModulesGiven(kernel.btf, types, list(symbols))
    kernel._set_modules(given)
    return given
