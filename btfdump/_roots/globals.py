"""Globals: the variables of a kernel, what type they have, and how that is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf.type_name import VMLINUX
from btfdump._btf.types import Array
from btfdump._kernel.notes import Note
from btfdump._kernel.symbol_names import FoundSymbol, SymbolNames
from btfdump._roots import table_root
from btfdump._roots.symbol_pattern import SymbolPattern
from btfdump._roots.table import Table
from btfdump._targets.memory import symbols_lack, symbols_listed, symbols_named
from btfdump.errors import SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf.types import Type
    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Cell, Row

_SECTIONS = (
    (".data..percpu", "__per_cpu_start", "__per_cpu_end"),
    (".init", "__init_begin", "__init_end"),
    (".rodata", "__start_rodata", "__end_rodata"),
    (".data", "_sdata", "_edata"),
    (".bss", "__bss_start", "__bss_stop"),
    (".brk", "__brk_base", "__brk_limit"),
)
"""The kernel's sections by the symbols around them: include/asm-generic/vmlinux.lds.h."""


_MADE = (
    r"__(?:ksymtab|kstrtab|kstrtabns|crc)_|__UNIQUE_ID___addressable_"
    r"|\.L|CSWTCH\.|switch\.table\.|__func__\."
)
"""How the names begin of what EXPORT_SYMBOL(), __ADDRESSABLE() and the compiler make.

See include/linux/export.h and compiler.h; labels that begin with .L are none of the kernel's
symbols, either (include/linux/module_symbol.h). GCC and clang make CSWTCH.1 and switch.table.f of
a switch.
"""
_REMARK = "members and values: inspect CORE NAME"
_LEFT_OUT = (
    "left out: what the compiler and EXPORT_SYMBOL() made, unless a pattern says how its names "
    "begin (__ksymtab_*)"
)
_ONLY_EXPORTS = "only what the kernel exports is listed, with functions that BTF does not have: {}"


@table_root(argument="[MODULE:]NAME[@N]")
def list_globals(kernel: Context, query: Query) -> Table:
    """Global variables: type, address, section, how the type is known."""
    columns = ("name", "type", "address", "section", "known")
    wanted = _Wanted(kernel, query)
    remark = "" if query.patterns else f"{_REMARK}; {_LEFT_OUT}"
    if query.patterns and wanted.is_vague:
        remark = _LEFT_OUT
    rows = (one if isinstance(one, Note) else _row(one) for one in _variables(kernel, wanted))
    return Table("globals", columns, rows, remark, wanted.lack)


class ListedVariable(NamedTuple):
    """A variable: its symbol, the `name` that means just this one, and the section that it is in.

    `known` is its type, who tells that, and what else is known; or why the type is not known.
    """

    symbol: FoundSymbol
    name: str
    section: str | None
    known: tuple[Type, str, MemberFacts] | str


def listed_variables(kernel: Context, query: Query) -> Iterator[ListedVariable | Note]:
    """Yield the variables that a query asks for, those of vmlinux first, by name."""
    return _variables(kernel, _Wanted(kernel, query))


def _variables(kernel: Context, wanted: _Wanted) -> Iterator[ListedVariable | Note]:
    if wanted.lack and wanted.is_open:
        yield Note(_ONLY_EXPORTS.format(wanted.lack))
    of_modules: dict[str, list[_Listed]] = {}
    for one in _of_modules(kernel):
        if wanted.has_name(one.name):
            of_modules.setdefault(one.name, []).append(one)
    by_name: dict[str, set[int]] = {}
    for name, address in symbols_listed(kernel.target):
        if wanted.has_name(name):
            by_name.setdefault(name, set()).add(address)
    yield from _of_vmlinux(kernel, wanted, by_name, of_modules)
    yield from _of_all_modules(kernel, wanted, by_name, of_modules)


def _of_vmlinux(
    kernel: Context,
    wanted: _Wanted,
    by_name: Mapping[str, set[int]],
    of_modules: Mapping[str, Sequence[_Listed]],
) -> Iterator[ListedVariable]:
    sections = list(_sections(kernel))
    for name in sorted(by_name):
        others = any(not one.is_code for one in of_modules.get(name, ()))
        addresses = by_name[name]
        if len(addresses) == 1:
            (address,) = addresses
            listed = [_Listed(name, address, VMLINUX, is_own=True)]
        else:
            listed = _several(kernel, name)
        for one, spelled in _spelled(listed, is_plain=not others):
            if wanted.has(one):
                inside = (section for section, start, end in sections if start <= one.address < end)
                yield _known(kernel, one, spelled, next(inside, None), len(addresses))


def _of_all_modules(
    kernel: Context,
    wanted: _Wanted,
    by_name: Mapping[str, set[int]],
    of_modules: Mapping[str, Sequence[_Listed]],
) -> Iterator[ListedVariable]:
    for name in sorted(of_modules):
        is_sole = name not in by_name and sum(not one.is_code for one in of_modules[name]) == 1
        by_module: dict[str, list[_Listed]] = {}
        for one in sorted(of_modules[name]):
            by_module.setdefault(one.module, []).append(one._replace(is_own=is_sole))
        for listed in by_module.values():
            for one, spelled in _spelled(listed, is_plain=False):
                if wanted.has(one):
                    yield _known(kernel, one, spelled, None, len(listed))


class _Wanted:
    """Which variables are asked for, by patterns of the form in which symbols are named."""

    def __init__(self, kernel: Context, query: Query) -> None:
        self._query = query
        self._btf = kernel.btf
        self.lack = symbols_lack(kernel.target)
        self._is_made = re.compile(_MADE).match
        self._names = SymbolNames(kernel.target, kernel.modules)
        self._patterns = {text: SymbolPattern(text) for text in query.patterns}
        self._is_numbered = any(pattern.has_number for pattern in self._patterns.values())
        self._every: tuple[str, list[tuple[int, str, bool]]] = ("", [])

    @property
    def is_open(self) -> bool:
        """Whether more may be asked for than single names."""
        return not self._patterns or any(one.is_several for one in self._patterns.values())

    @property
    def is_vague(self) -> bool:
        """Whether a pattern leaves open how the names begin."""
        return any(pattern.is_vague for pattern in self._patterns.values())

    def has_name(self, name: str) -> bool:
        """Whether variables of a name may be wanted."""
        if not self._patterns:
            return not self._is_none(name)
        found = [text for text, pattern in self._patterns.items() if pattern.has_name(name)]
        if not found or not self._is_none(name):
            return bool(found)
        is_named = False
        for text in found:
            is_named |= not self._patterns[text].is_vague
            self._query.asked[text] = True  # there is something, if nothing to be shown
        return is_named

    def _is_none(self, name: str) -> bool:
        """Whether a name is that of no variable that anybody has written."""
        if self._is_made(name):
            return True
        return bool(self.lack and self._btf.find_all("func", name))

    def has(self, one: _Listed) -> bool:
        """Whether a variable is wanted; ask about every one whose name may be."""

        def matches(text: str) -> bool:
            pattern = self._patterns[text]
            return pattern.has_name(one.name) and pattern.matches(one.address, one.module, every)

        if self._is_numbered and self._every[0] != one.name:
            self._every = one.name, self._names.candidates(one.name)
        every = self._every[1]
        return self._query.wanted_by(matches)


class _Listed(NamedTuple):
    """A symbol; `is_own` says that its bare name, as annotations have it, means this one."""

    name: str
    address: int
    module: str
    is_code: bool = False
    is_own: bool = False


def _several(kernel: Context, name: str) -> list[_Listed]:
    """Return the symbols of vmlinux that share a name, by address."""
    found = symbols_named(kernel.target, name)
    is_told = sum(symbol.is_global for symbol in found) == 1
    return [
        _Listed(name, symbol.address, VMLINUX, symbol.is_code, is_told and symbol.is_global)
        for symbol in found
    ]


def _of_modules(kernel: Context) -> Iterator[_Listed]:
    if kernel.modules is not None:
        found = kernel.modules.symbols_listed()
        yield from {one[:3]: _Listed(*one) for one in found}.values()


def _spelled(listed: Sequence[_Listed], *, is_plain: bool) -> Iterator[tuple[_Listed, str]]:
    """Yield the variables of one name and module, each with what it is to be asked for by.

    Those of vmlinux are `is_plain` unless modules have variables of the name too. Functions count
    among them, and are not listed.
    """
    is_only = sum(not one.is_code for one in listed) == 1
    for number, one in enumerate(listed, 1):
        if not one.is_code:
            name = one.name if is_plain else f"{one.module}:{one.name}"
            yield one, name if is_only else f"{name}@{number}"


def _known(
    kernel: Context, one: _Listed, name: str, section: str | None, sharing: int
) -> ListedVariable:
    symbol = FoundSymbol(one.name, one.address, one.module)
    found = kernel._listed_variable(symbol, name, is_own=one.is_own, sharing=sharing)
    return ListedVariable(symbol, name, section, found)


def _row(one: ListedVariable) -> Row:
    row: dict[str, Cell] = {
        "name": one.name,
        "type": None,
        "address": f"{one.symbol.address:#x}",
        "section": one.section,
        "known": "unknown",
        "why": None,
    }
    if isinstance(one.known, str):
        row["why"] = one.known
        return row
    type_, source, facts = one.known
    row["type"], row["known"] = str(type_), source
    if isinstance(type_, Array) and facts.may_be_shorter:
        row["known"] = f"{source}, up to {type_.length}"
        row["length_by"] = "room"
    return row


def _sections(kernel: Context) -> Iterator[tuple[str, int, int]]:
    for section, start, end in _SECTIONS:
        try:
            yield section, kernel.own_symbol(start), kernel.own_symbol(end)
        except SymbolNotFoundError:
            continue
