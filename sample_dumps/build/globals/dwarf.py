"""The global variables of a vmlinux with DWARF: their symbols, and the types that it gives them."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import drgn
from elftools.elf.elffile import ELFFile

from .spelling import flat_length, spell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OBJECT, _FILE = 1, 4  # STT_OBJECT, STT_FILE
_LOCAL, _GLOBAL = 0, 1  # STB_LOCAL, STB_GLOBAL
_ADDRESSES = (1 << 64) - 1
_NUMBERED = ("__UNIQUE_ID_", "__initcall__", "_note_")
"""How names begin that have a number of the build in them."""
_INTERNAL = ("__bpf_trace_tp_map_",)
"""Those whose types differ for each and have no name (include/trace/bpf_probe.h)."""


@dataclass(frozen=True)
class Variable:
    """A variable of a kernel that DWARF types.

    `type` is spelled as in the table, `length` the number of its elements if it is an array, else
    None. `address` is that of its symbol, `size` what the symbol says of it, in bytes.
    """

    name: str
    address: int
    size: int
    type: str
    length: int | None


@dataclass(frozen=True)
class Symbol:
    """A symbol of an ELF file; `file` is the name of the source file of one that is local."""

    name: str
    address: int
    size: int
    kind: int
    is_global: bool
    file: str


@dataclass(frozen=True)
class Vmlinux:
    """What is read of one vmlinux file.

    `variables` are those of which DWARF tells the type, and `untyped` the names of symbols of data
    of which it does not.
    """

    release: str
    machine: str
    symbols: list[Symbol]
    variables: list[Variable]
    untyped: list[str]


def read_vmlinux(path: Path) -> Vmlinux:
    """Read the symbols of a vmlinux file, and the types that its DWARF gives them.

    A variable of DWARF's is believed to be that of a symbol only if it has the symbol's address:
    static variables of many files have the same name.
    """
    with path.open("rb") as file:
        elf = ELFFile(file)
        symbols = list(_symbols(elf))
        loaded = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_memsz"]]
        machine = {"x64": "x86_64", "AArch64": "aarch64", "IBM S/390": "s390x"}.get(
            elf.get_machine_arch(), elf.get_machine_arch()
        )
        banner = _banner(elf, symbols)
    start = min(s["p_vaddr"] for s in loaded)
    end = max(s["p_vaddr"] + s["p_memsz"] for s in loaded)
    program = drgn.Program()
    module = program.extra_module("vmlinux", 0, create=True)
    module.address_range = (start, end)
    module.try_file(path, force=True)
    bias = module.debug_file_bias
    if bias is None:
        raise ValueError(f"{path} has no DWARF")
    variables: list[Variable] = []
    untyped: list[str] = []
    by_name: dict[str, list[Symbol]] = defaultdict(list)
    for symbol in symbols:
        if (
            symbol.kind == _OBJECT
            and symbol.name.isidentifier()
            and not symbol.name.startswith((*_NUMBERED, *_INTERNAL))
        ):
            by_name[symbol.name].append(symbol)
    for name, found in sorted(by_name.items()):
        for symbol in found:
            address = (symbol.address + bias) & _ADDRESSES
            type_ = _type_at(program, symbol, address)
            if type_ is None:
                untyped.append(name)
                continue
            variables.append(
                Variable(name, symbol.address, symbol.size, spell(type_), flat_length(type_))
            )
    return Vmlinux(banner, machine, symbols, variables, untyped)


def _type_at(program: drgn.Program, symbol: Symbol, address: int) -> drgn.Type | None:
    """Return the type of the variable of that name at an address of DWARF's, None if unknown."""
    for file in dict.fromkeys((None, symbol.file or None)):
        try:
            found = program.variable(symbol.name, file)
        except LookupError:
            continue
        except drgn.BadDataError:  # a constant in a form that drgn does not know, and no variable
            continue
        if found.address_ is not None and found.address_ & _ADDRESSES == address:
            return found.type_
    return None


def _symbols(elf: ELFFile) -> Iterator[Symbol]:
    """Yield the symbols that a file defines: pyelftools takes 20 s for those of a kernel."""
    table = elf.get_section_by_name(".symtab")
    if table is None:
        raise ValueError("the file has no symbols")
    names: bytes = elf.get_section(table["sh_link"]).data()
    file = ""
    for name_at, info, _, section, value, size in struct.iter_unpack(
        f"{'<' if elf.little_endian else '>'}IBBHQQ", table.data()
    ):
        kind, binding = info & 0xF, info >> 4
        name = names[name_at : names.index(b"\0", name_at)].decode()
        if kind == _FILE:
            file = name
        elif section and name:
            is_local = binding == _LOCAL
            yield Symbol(name, value, size, kind, not is_local, file if is_local else "")


def _banner(elf: ELFFile, symbols: list[Symbol]) -> str:
    """Return the release in `linux_banner`: "Linux version 6.12.117+deb13-cloud-amd64 (...)"."""
    (address,) = {s.address for s in symbols if s.name == "linux_banner"}
    for segment in elf.iter_segments():
        if segment["p_type"] == "PT_LOAD":
            offset = address - segment["p_vaddr"]
            if 0 <= offset < segment["p_filesz"]:
                words = segment.data()[offset : offset + 200].split(b" ", 3)
                return words[2].decode()
    raise ValueError("linux_banner is not in the file")
