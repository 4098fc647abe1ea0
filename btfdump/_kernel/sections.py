"""Variables in BTF: which section each is in, and whether it is the one that a symbol stands for.

BTF knows a variable by its name and its offset in a section (`BTF_KIND_DATASEC`), and static ones
share names: a per-CPU `cleanup_list` and another one that BTF does not describe, or, in what
`pahole --btf_features=+global_var` writes, a `state` in each of ten files. Where a section begins,
those of its variables tell whose names are their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._btf.wire import Kind
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._btf.types import TypeTable
    from btfdump._kernel.symbol_names import FoundSymbol

PER_CPU = ".data..percpu"  # include/asm-generic/vmlinux.lds.h, PERCPU_SECTION
_ASKED = 64
"""The most variables of a section that are looked up to learn where it begins."""
_PAGE = 4096  # to which linkers align the sections of a kernel, or further


class Placement(NamedTuple):
    """Where a variable is: `offset` bytes into a section."""

    section: types.Datasec
    offset: int


class Sections:
    """The sections of the BTF of one kernel and its modules, each looked at once."""

    def __init__(self, find: Callable[[str], FoundSymbol]) -> None:
        self._find = find
        self._places: dict[TypeTable, dict[int, Placement]] = {}
        self._starts: dict[types.Datasec, int | None] = {}

    def is_per_cpu(self, var: types.Var) -> bool:
        """Whether a variable is in the section of per-CPU variables."""
        place = self._places_in(var.btf).get(var.id)
        return place is not None and place.section.name == PER_CPU

    def meant(self, symbol: FoundSymbol, found: Sequence[types.Var]) -> list[types.Var]:
        """Return the variables of a symbol's name whose place in their section fits its address.

        A variable that is in no section, or in a section whose start is not known, is kept.
        """
        if len(found) == 1:
            place = self._places_in(found[0].btf).get(found[0].id)
            if place is None or not (symbol.address - place.offset) % _PAGE:
                return list(found)
        return [var for var in found if self._may_be(symbol, var)]

    def _may_be(self, symbol: FoundSymbol, var: types.Var) -> bool:
        place = self._places_in(var.btf).get(var.id)
        if place is None:
            return True
        start = self._start(place.section, symbol.module)
        return start is None or start + place.offset == symbol.address

    def _places_in(self, btf: TypeTable) -> dict[int, Placement]:
        known = self._places.get(btf)
        if known is None:
            known = self._places[btf] = {
                part.type_id: Placement(section, part.offset)
                for section in btf.iter_types(Kind.DATASEC)
                if isinstance(section, types.Datasec) and section.btf is btf
                for part in section.variables
            }
        return known

    def _start(self, section: types.Datasec, module: str) -> int | None:
        """Return the virtual address where a section begins, None if nothing in it tells."""
        if section not in self._starts:
            self._starts[section] = self._find_start(section, module)
        return self._starts[section]

    def _find_start(self, section: types.Datasec, module: str) -> int | None:
        seen: set[int] = set()
        for part in section.variables[:_ASKED]:
            var = section.btf.type(part.type_id)
            if len(section.btf.find_all("var", var.name)) != 1:
                continue
            try:
                symbol = self._find(var.name)
            except BtfdumpError:  # none, or several
                continue
            if symbol.module != module:
                continue
            start = symbol.address - part.offset
            if start in seen:  # two of them agree
                return start
            seen.add(start)
        return seen.pop() if len(seen) == 1 else None
