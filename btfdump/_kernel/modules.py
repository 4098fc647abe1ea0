"""Loaded kernel modules: their BTF and symbols, read from kernel memory on first use."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._decode.fields import decode_text
from btfdump.errors import BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import LoadedBtfs
    from btfdump._kernel.value import Value

MAX_SYMBOLS = 1 << 20
_SHN_UNDEF = 0
_STT_FUNC = 2


class LoadedModules:
    """The modules listed by `btf_modules` (kernel/bpf/btf.c) and `modules` (kernel/module/main.c).

    `find(name)` returns a global variable of the kernel as a Value; `kernel_btfs` reads the
    modules' BTF. What cannot be read is left out and recorded in `problems`.
    """

    def __init__(
        self, context: Context, find: Callable[[str], Value], kernel_btfs: LoadedBtfs
    ) -> None:
        self._context = context
        self._find = find
        self._kernel_btfs = kernel_btfs
        self._loading = False
        self._extent = 0, 1 << 64  # from the first module to the last, once they are read
        self.problems: list[str] = []

    @cached_property
    def _btfs(self) -> tuple[Btf, ...]:
        found = []
        for module in self._entries("btf_modules"):
            try:
                found.append(self._kernel_btfs.of(module.btf))
            except BtfdumpError as error:
                self.problems.append(f"BTF of a module: {error}")
        return tuple(found)

    def btfs(self) -> tuple[Btf, ...]:
        """Return each module's split BTF, based on that of vmlinux, in the kernel's order."""
        if self._loading:  # modules are found with the types of vmlinux alone
            return ()
        self._loading = True
        try:
            return self._btfs
        finally:
            self._loading = False

    def _entries(self, symbol: str) -> Iterator[Value]:
        try:
            yield from self._find(symbol).walk_()
        except BtfdumpError as error:
            self.problems.append(f"{symbol}: {error}")

    @cached_property
    def _symbols(self) -> _Symbols:
        symbols = _Symbols({}, [], [])
        for module in self._entries("modules"):
            try:
                name = module.member_("name").string_()
                symbols.ranges += [(start, end, name) for start, end in _ranges(module)]
                for symbol, address, size, is_code in self._read_symbols(module):
                    symbols.by_name.setdefault(symbol, {})[address] = (address, name, is_code)
                    symbols.by_address.append((address, size, symbol))
            except BtfdumpError as error:
                self.problems.append(f"symbols of a module: {error}")
        symbols.by_address.sort()
        symbols.ranges.sort()
        starts, ends, _ = zip(*symbols.ranges, strict=True) if symbols.ranges else ((0,), (0,), ())
        self._extent = min(starts), max(ends)
        return symbols

    def _read_symbols(self, module: Value) -> Iterator[tuple[str, int, int, bool]]:
        """Read a module's `struct mod_kallsyms`: an ELF symbol table and its strings.

        Yields (name, address, size in bytes, whether it is a function).
        """
        kallsyms = module.kallsyms
        count = int(kallsyms.num_symtab)
        if not 0 < count <= MAX_SYMBOLS:
            return
        table = kallsyms.symtab.deref_()
        size = table.size_
        data = self._context.target.read(table.address_, count * size)
        layout = self._context.layouts
        struct = table._layout_
        readers = []
        for member in ("st_name", "st_value", "st_shndx", "st_size", "st_info"):
            found = layout.locate(struct, member)  # type: ignore[arg-type]
            readers.append((found.bit_offset // 8, found.layout.decode))  # type: ignore[union-attr]
        rows = [
            tuple(decode(data, at + offset) for offset, decode in readers)
            for at in range(0, len(data), size)
        ]
        strings = _read_strings(
            self._context, int(kallsyms.strtab), max(int(row[0]) for row in rows)
        )
        for name_offset, address, section, length, info in rows:
            name = decode_text(strings[int(name_offset) : int(name_offset) + 512])
            if name and section != _SHN_UNDEF and address:
                yield name, int(address), int(length), int(info) & 0xF == _STT_FUNC

    def symbols_named(self, name: str) -> list[tuple[int, str, bool]]:
        """Return (virtual address, module, whether it is a function) of each symbol of a name."""
        return list(self._known().by_name.get(name, {}).values())

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of a module's symbols before and after the one at `address`, or ""."""
        symbols = self._known()
        low, high = next((r[:2] for r in symbols.ranges if r[0] <= address < r[1]), (0, 0))
        before = bisect_left(symbols.by_address, (address,)) - 1
        after = bisect_right(symbols.by_address, (address, 1 << 64, ""))
        near = []
        for at in (before, after):
            found = symbols.by_address[at] if 0 <= at < len(symbols.by_address) else (0, 0, "")
            near.append(found[2] if low <= found[0] < high else "")
        return near[0], near[1]

    def _known(self) -> _Symbols:
        """Return the modules' symbols, or none while they or the modules are being read."""
        if self._loading:
            return _Symbols({}, [], [])
        self._loading = True
        try:
            return self._symbols
        finally:
            self._loading = False

    def symbolize(self, address: int) -> str | None:
        """Return `name+0x10 [module]` for a virtual address inside a module, else None.

        If no symbol covers the address, only `[module]` is returned.
        """
        first, end = self._extent
        if not first <= address < end:
            return None  # most pointers lead to data
        symbols = self._known()
        at = bisect_right(symbols.ranges, (address, 1 << 64, "")) - 1
        if at < 0 or address >= symbols.ranges[at][1]:
            return None
        module = symbols.ranges[at][2]
        at = bisect_right(symbols.by_address, (address, 1 << 64, "")) - 1
        if at < 0:
            return f"[{module}]"
        start, size, name = symbols.by_address[at]
        if address == start:
            return f"{name} [{module}]"
        if address < start + size:
            return f"{name}+{address - start:#x} [{module}]"
        return f"[{module}]"


@dataclass
class _Symbols:
    """Symbols of all modules, and where each module is.

    `by_name` has for each address of a name (address, module, whether it is a function);
    `by_address` (address, size, name), and `ranges` (start, end, module), both sorted.
    """

    by_name: dict[str, dict[int, tuple[int, str, bool]]]
    by_address: list[tuple[int, int, str]]
    ranges: list[tuple[int, int, str]]


def _ranges(module: Value) -> Iterator[tuple[int, int]]:
    """Yield the [start, end) ranges of a module: `mem[]` since 6.4 (ac3b43283923), or layouts."""
    names = dir(module)
    if "mem" in names:
        pieces = list(module.mem)
    else:
        pieces = [module[name] for name in ("core_layout", "init_layout") if name in names]
    for piece in pieces:
        base, size = int(piece.base), int(piece.size)
        if base and size:
            yield base, base + size


def _read_strings(context: Context, address: int, last: int) -> bytes:
    """Read a string table of unrecorded size, up to the end of the string at offset `last`."""
    data = context.target.read(address, last + 1)
    for size in (512, 64, 8, 1):
        try:
            return data + context.target.read(address + last + 1, size)
        except FaultError:
            continue
    return data
