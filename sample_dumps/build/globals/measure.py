"""How well the table types a kernel: against the DWARF of that kernel, name by name."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._btf.reader import Btf
from btfdump._btf.wire import Kind
from btfdump._decode.layout import Layouts
from btfdump._kernel.spelled import spelling
from btfdump._kernel.tabulated import TabulatedTypes
from btfdump._kernel.type_names import TypeNames
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.memory import symbols_named

if TYPE_CHECKING:
    from btfdump._annotate.global_types import GlobalTypes
    from btfdump._kernel.context import Context

    from .dwarf import Vmlinux

_NOT_IN_KALLSYMS = re.compile(r"\$|\.L|L0|__(crc_|kstrtab_|kstrtabns_|ksymtab_|kcrctab_|efistub_)")
"""Names that scripts/mksysmap and scripts/kallsyms.c leave out."""


@dataclass
class Measured:
    """What became of the names that DWARF types.

    `same` are typed as DWARF has it, but for qualifiers and lengths; `lengths` counts arrays among
    them, and those of just DWARF's length. `shared` are the names of several symbols, which are
    refused as such. `refused` and `different` have a text for each name.
    """

    same: int = 0
    lengths: tuple[int, int] = (0, 0)
    shared: int = 0
    unknown: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    different: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of names that DWARF types, but for those of several symbols."""
        return self.same + len(self.unknown) + len(self.refused) + len(self.different)


def measure(vmlinux: Vmlinux, btf: bytes, table: GlobalTypes) -> Measured:
    """Type every variable of a kernel by the table, and compare with what its DWARF says.

    Only what a dump has is used: the BTF, and the names and addresses of symbols, not their sizes.
    """
    symbols = [(s.name, s.address) for s in vmlinux.symbols if not _NOT_IN_KALLSYMS.match(s.name)]
    target = BufferTarget(
        symbols=symbols, release=vmlinux.release, machine=vmlinux.machine, btf=btf
    )
    parsed = Btf.from_bytes(btf, name="vmlinux", check=False)
    layouts = Layouts(parsed.byteorder, 8)
    tabulated = TabulatedTypes(target, TypeNames(parsed, None), parsed, layouts, table)
    by_name: dict[str, set[int]] = defaultdict(set)
    for name, address in symbols:
        by_name[name].add(address)
    measured = Measured()
    arrays = exact = 0
    for variable in vmlinux.variables:
        name = variable.name
        if len(by_name[name]) > 1:
            measured.shared += 1
            continue
        found = tabulated.find(name, variable.address)
        if not found:
            measured.unknown.append(name)
        elif isinstance(found, str):
            measured.refused[name] = f"{variable.type}: {found}"
        elif _flat(spelling(found.type)) != _flat(variable.type):
            told = f"{spelling(found.type)} ({found.series})"
            measured.different[name] = f"{told}, not {variable.type}"
        else:
            measured.same += 1
            if variable.length is not None:
                arrays += 1
                exact += getattr(found.type, "length", None) == variable.length
    measured.lengths = exact, arrays
    return measured


def measure_by_btf(kernel: Context, table: GlobalTypes) -> Measured:
    """Type the variables of a kernel that its own BTF describes, the per-CPU ones, and compare.

    For kernels without DWARF: one that clang built, a big-endian one.
    """
    names = TypeNames(kernel.btf, None)
    tabulated = TabulatedTypes(kernel.target, names, kernel.btf, kernel.layouts, table)
    measured = Measured()
    for variable in kernel.btf.iter_types(Kind.VAR):
        name = variable.name
        found_symbols = [s for s in symbols_named(kernel.target, name) if not s.is_code]
        if not isinstance(variable, types.Var) or len(found_symbols) != 1:
            measured.shared += 1
            continue
        found = tabulated.find(name, found_symbols[0].address)
        wanted = spelling(variable.target)
        if not found:
            measured.unknown.append(name)
        elif isinstance(found, str):
            measured.refused[name] = f"{wanted}: {found}"
        elif _flat(spelling(found.type)) != wanted:
            measured.different[name] = f"{spelling(found.type)} ({found.series}), not {wanted}"
        else:
            measured.same += 1
    return measured


def _flat(text: str) -> str:
    """Drop the dimensions of an array but one: BTF has but one of each array."""
    return re.sub(r"(\[\])+", "[]", text)
