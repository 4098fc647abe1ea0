"""Loaded kernel modules: their BTF and symbols, read from kernel memory on first use."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from contextlib import contextmanager
from functools import cached_property
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.fields import decode_text
from btfdump._kernel.module_btf import keeps_btf
from btfdump._kernel.services import ModuleSymbol
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._btf.reader import Btf
    from btfdump._btf.unparsed import Unparsed
    from btfdump._kernel.context import Context
    from btfdump._kernel.services import LoadedBtfs
    from btfdump._kernel.value import Value

MAX_SYMBOLS = 1 << 20
MAX_STRINGS = 1 << 26
"""Bytes of the names of one module's symbols that are believed."""
_MAX_NAME = 512  # KSYM_NAME_LEN
_COLUMNS = ("st_name", "st_value", "st_size", "st_info", "st_shndx")
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_STT_FUNC = 2
_NO_SYMBOLS = frozenset({3, 4})  # STT_SECTION, STT_FILE


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
        self._is_finding = False
        self._was_missed = False
        self._naming: dict[str, tuple[Btf, ...]] = {}
        self._extent = 0, 1 << 64  # from the first module to the last, once they are read
        self.problems: list[str] = []

    @cached_property
    def _btfs(self) -> tuple[Btf, ...]:
        return tuple(filter(None, map(self._parsed, self._objects)))

    @cached_property
    def _objects(self) -> tuple[Value, ...]:
        """The `struct btf` of each module, in the kernel's order."""
        if not keeps_btf(self._context.btf):
            return ()
        return tuple(module.btf for module in self._entries("btf_modules"))

    @cached_property
    def _blobs(self) -> tuple[tuple[Unparsed, Value], ...]:
        """The bytes of each module's BTF, with its `struct btf`."""
        found = []
        for value in self._objects:
            try:
                found.append((self._kernel_btfs.unparsed(value), value))
            except BtfdumpError as error:
                self._complain(f"BTF of a module: {error}")
        return tuple(found)

    def _parsed(self, value: Value) -> Btf | None:
        try:
            return self._kernel_btfs.of(value)
        except BtfdumpError as error:
            self._complain(f"BTF of a module: {error}")
        return None

    def _complain(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def btfs(self) -> tuple[Btf, ...]:
        """Return each module's split BTF, based on that of vmlinux, in the kernel's order."""
        with self._finding() as is_free:
            return self._btfs if is_free else ()

    def naming(self, name: str) -> tuple[Btf, ...]:
        """Return the BTF of those modules in which a type may be called `name`.

        The others are not parsed, but all of their bytes are read when this is first asked.
        """
        if "_btfs" in self.__dict__:
            return self._btfs
        found = self._naming.get(name)
        if found is None:
            with self._finding() as is_free:
                if not is_free:
                    self._was_missed = True
                    return ()
                found = self._naming[name] = self._search(name)
        return found

    def _search(self, name: str) -> tuple[Btf, ...]:
        from btfdump._btf.unparsed import naming

        values = dict(self._blobs)
        return tuple(filter(None, (self._parsed(values[b]) for b in naming(values, name))))

    @contextmanager
    def _finding(self) -> Iterator[bool]:
        """Find modules, or their symbols, with the types of vmlinux alone.

        Yields False if that is under way already. Annotations that were asked meanwhile could not
        see the modules: they are asked again.
        """
        if self._is_finding:
            yield False
            return
        self._is_finding = True
        try:
            yield True
        finally:
            self._is_finding = False
            if self._was_missed:
                self._was_missed = False
                self._context._forget_facts()

    def _entries(self, symbol: str) -> Iterator[Value]:
        try:
            yield from self._find(symbol).walk_()
        except BtfdumpError as error:
            self._complain(f"{symbol}: {error}")

    @cached_property
    def _symbols(self) -> _Symbols:
        symbols = _Symbols([], [], [])
        for module in self._entries("modules"):
            try:
                name = module.member_("name").string_()
                symbols.ranges.extend((start, end, name) for start, end in ranges_of(module))
                table = self._read_table(module, name)
            except BtfdumpError as error:
                self._complain(f"symbols of a module: {error}")
                continue
            if table is not None:
                number = len(symbols.tables)
                symbols.tables.append(table)
                symbols.by_address.extend(
                    (row[1], row[2], number, row[0], row[3] & 0xF == _STT_FUNC)
                    for row in table.rows
                )
        symbols.by_address.sort()
        symbols.ranges.sort()
        starts, ends, _ = zip(*symbols.ranges, strict=True) if symbols.ranges else ((0,), (0,), ())
        self._extent = min(starts), max(ends)
        return symbols

    def _read_table(self, module: Value, name: str) -> _Table | None:
        """Read a module's `struct mod_kallsyms`: an ELF symbol table and its strings."""
        kallsyms = module.kallsyms
        count = int(kallsyms.num_symtab)
        if not 0 < count <= MAX_SYMBOLS:
            return None
        table = kallsyms.symtab.deref_()
        size = table.size_
        data = self._context.target.read(table.address_, count * size)
        defined = [
            row for row in self._rows(table, data) if row[0] and row[1] and row[4]
        ]  # SHN_UNDEF is 0
        last = max((row[0] for row in defined), default=0)
        if last > MAX_STRINGS:
            raise CorruptDataError(f"{name}: no string table has {last} bytes", table.address_)
        return _Table(name, defined, _read_strings(self._context, int(kallsyms.strtab), last))

    def _rows(self, table: Value, data: bytes) -> Iterator[tuple[int, ...]]:
        """Yield the `_COLUMNS` of symbols: Elf64_Sym and Elf32_Sym have them in other orders."""
        layouts = self._context.layouts
        places = []
        for column, member in enumerate(_COLUMNS):
            found = layouts.locate(table._layout_, member)  # type: ignore[arg-type]
            places.append((found.bit_offset // 8, found.layout.size, column))
        places.sort()
        order = "<" if layouts.byteorder == "little" else ">"
        at, pieces = 0, [order]
        for offset, size, _ in places:
            if offset < at or size not in _UNSIGNED or offset + size > table.size_:
                raise CorruptDataError(f"{table.type_} is no symbol of an ELF file", table.address_)
            pieces.append(f"{offset - at}x{_UNSIGNED[size]}")
            at = offset + size
        rows = Struct("".join([*pieces, f"{table.size_ - at}x"])).iter_unpack(data)
        positions = sorted(range(len(places)), key=lambda position: places[position][2])
        return map(itemgetter(*positions), rows)

    def symbols_named(self, name: str) -> list[tuple[int, str, bool]]:
        """Return (virtual address, module, whether it is a function) of each symbol of a name."""
        found = (one for table in self._known().tables for one in table.called(name))
        return list({one[:2]: one for one in found}.values())

    def symbols_listed(self) -> Iterator[tuple[str, int, str, bool]]:
        """Yield (name, virtual address, module, whether it is a function) of every symbol."""
        for table in self._known().tables:
            for offset, address, _, info, _ in table.rows:
                if info & 0xF not in _NO_SYMBOLS:
                    yield table.name(offset), address, table.module, info & 0xF == _STT_FUNC

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of a module's symbols before and after the one at `address`, or ""."""
        symbols = self._known()
        low, high = next((r[:2] for r in symbols.ranges if r[0] <= address < r[1]), (0, 0))
        before = bisect_left(symbols.by_address, (address,)) - 1
        after = bisect_right(symbols.by_address, (address, 1 << 64))
        near = ["", ""]
        for side, at in enumerate((before, after)):
            if 0 <= at < len(symbols.by_address) and low <= symbols.by_address[at][0] < high:
                near[side] = symbols.name_at(at)
        return near[0], near[1]

    def _known(self) -> _Symbols:
        """Return the modules' symbols, or none while they or the modules are being read."""
        known: _Symbols | None = self.__dict__.get("_symbols")
        if known is not None:
            return known
        with self._finding() as is_free:
            return self._symbols if is_free else _Symbols([], [], [])

    def symbol_at(self, address: int) -> ModuleSymbol | None:
        """Return the symbol of a module that covers a virtual address, or None."""
        found, _ = self._covering(address)
        return found

    def symbolize(self, address: int) -> str | None:
        """Return `name+0x10 [module]` for a virtual address inside a module, else None.

        If no symbol covers the address, only `[module]` is returned.
        """
        found, module = self._covering(address)
        if found is None:
            return f"[{module}]" if module else None
        offset = address - found.address
        return f"{found.name}+{offset:#x} [{module}]" if offset else f"{found.name} [{module}]"

    def _covering(self, address: int) -> tuple[ModuleSymbol | None, str]:
        """Return the symbol that covers an address, and the module that it is in; None, ""."""
        first, end = self._extent
        if not first <= address < end:
            return None, ""  # most pointers lead to data
        symbols = self._known()
        at = bisect_right(symbols.ranges, (address, 1 << 64, "")) - 1
        if at < 0 or address >= symbols.ranges[at][1]:
            return None, ""
        module = symbols.ranges[at][2]
        at = bisect_right(symbols.by_address, (address, 1 << 64)) - 1
        if at < 0:
            return None, module
        start, size, *_ = symbols.by_address[at]
        if start <= address < start + max(size, 1):
            return symbols.at(at), module
        return None, module

    def listed(self) -> Iterator[ModuleSymbol]:
        """Return the symbols of all modules, by address."""
        symbols = self._known()
        return map(symbols.at, range(len(symbols.by_address)))


class _Table(NamedTuple):
    """The symbols of one module: the `_COLUMNS` of each, and the strings that st_name is in.

    Names are decoded when they are asked for: there are tens of thousands, and few are.
    """

    module: str
    rows: list[tuple[int, ...]]
    strings: bytes

    def name(self, offset: int) -> str:
        """Return the name at an offset of the strings."""
        return decode_text(self.strings[offset : offset + _MAX_NAME])

    def called(self, name: str) -> Iterator[tuple[int, str, bool]]:
        """Yield (virtual address, module, whether it is a function) of each symbol of a name."""
        needle = name.encode("utf-8", "backslashreplace") + b"\0"
        at, offsets = self.strings.find(needle), set()
        while at >= 0:  # also in longer names that end like this one
            offsets.add(at)
            at = self.strings.find(needle, at + 1)
        if offsets:
            for offset, address, _, info, _ in self.rows:
                if offset in offsets:
                    yield address, self.module, info & 0xF == _STT_FUNC


class _Symbols(NamedTuple):
    """Symbols of all modules, and where each module is.

    `by_address` has (address, size, number of the table, offset of the name, whether it is a
    function), and `ranges` (start, end, module), both sorted.
    """

    tables: list[_Table]
    by_address: list[tuple[int, int, int, int, bool]]
    ranges: list[tuple[int, int, str]]

    def name_at(self, position: int) -> str:
        """Return the name of a symbol by its position in `by_address`."""
        _, _, number, offset, _ = self.by_address[position]
        return self.tables[number].name(offset)

    def at(self, position: int) -> ModuleSymbol:
        """Return a symbol by its position in `by_address`."""
        address, size, number, offset, is_function = self.by_address[position]
        table = self.tables[number]
        return ModuleSymbol(table.name(offset), address, size, table.module, is_function)


def ranges_of(module: Value) -> Iterator[tuple[int, int]]:
    """Yield the [start, end) ranges of a module: `mem[]` since 6.4 (ac3b43283923), or layouts."""
    if module.has_member_("mem"):
        pieces = list(module.mem)
    else:
        names = ("core_layout", "init_layout")
        pieces = [module[name] for name in names if module.has_member_(name)]
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
