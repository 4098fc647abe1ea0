"""The symbols of one kernel, from whichever source has them.

That is its own kallsyms, a vmlinux file, or both. If those are missing, VMCOREINFO and the kernel's
image have a few; and if nothing helps, this is where the user is told so.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._targets import vmcoreinfo
from btfdump._targets.image import Exports, KernelImage
from btfdump._targets.kallsyms import Kallsyms
from btfdump._targets.symbols import Symbol, is_decorated
from btfdump.errors import (
    CorruptDataError,
    FaultError,
    MissingDataError,
    SymbolNotFoundError,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from btfdump._targets.elf import ElfSymbols
    from btfdump._targets.memory import Platform
    from btfdump._targets.running import RunningKernel
    from btfdump._targets.symbols import SymbolSource

_CACHE_LIMIT = 1 << 16
_NO_BTF = "give the kernel's BTF with --btf FILE (or its vmlinux with --vmlinux FILE)"
_NO_TABLE = "give the symbols with --vmlinux FILE"
_FUNCTIONS_ONLY = "the kernel's symbol table has functions only (CONFIG_KALLSYMS_ALL=n)"
_BTF_MAGIC = 0xEB9F
# What VMCOREINFO calls SYMBOL() though it is the value of a pointer (kernel/vmcore_info.c).
_NO_SYMBOLS = frozenset({"mem_section"})


class KernelSymbols:
    """Name to address and back, loaded on first use and remembered.

    The kernel's own table is preferred; `vmlinux` is asked if that is missing or lacks the name.
    Without either (CONFIG_KALLSYMS_ALL=n), there are VMCOREINFO and what the kernel exports to
    modules. For a `running` kernel, /proc/kallsyms is read if the table cannot be found in memory.
    `cut` says of a truncated dump that it is one, which explains whatever is missing.
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        info: Mapping[str, str],
        platform: Platform,
        vmlinux: str | os.PathLike[str] | None = None,
        running: RunningKernel | None = None,
        cut: str = "",
    ) -> None:
        self._cut = cut
        self._read = read
        self._info = info
        self._platform = platform
        self._vmlinux_path = vmlinux
        self._running = running
        self._vmlinux: ElfSymbols | None = None
        self._table: SymbolSource | None = None
        self._addresses: dict[str, int | None] = {}
        self._names: dict[int, str | None] = {}
        self._in_image: tuple[bytes | None, Exports] | None = None
        self._no_kallsyms = ""

    def symbol(self, name: str) -> int:
        """Return the virtual address of `name`.

        Raises `SymbolNotFoundError`, and `AmbiguousSymbolError` as `SymbolFinder.find()` does.
        """
        address = self.find(name)
        if address is None:
            raise SymbolNotFoundError(self._no_symbol(name))
        return address

    def find(self, name: str) -> int | None:
        """Return the virtual address of `name`, or None.

        Raises `MissingDataError` if there is no symbol table at all, `TargetError` if `vmlinux` is
        unusable, and `AmbiguousSymbolError` as `SymbolFinder.find()` does.
        """
        try:
            return self._addresses[name]
        except KeyError:
            pass
        table = self.table
        address = table.find(name)
        if address is None and table is not self._vmlinux:
            if self._vmlinux_path is not None:  # CONFIG_KALLSYMS_ALL=n
                address = self.vmlinux(self._vmlinux_path).find(name)
            elif not self._is_whole:
                address = self._find_without_table(name)
        self._addresses[name] = address
        return address

    def find_all(self, name: str) -> Sequence[Symbol]:
        """Return the symbols called `name`, one for each address, in that order."""
        found = self.table.find_all(name)
        if found or self.table is self._vmlinux:
            return found
        if self._vmlinux_path is not None:
            return self.vmlinux(self._vmlinux_path).find_all(name)
        if self._is_whole:
            return []
        address = self.find(name)
        return [] if address is None else [Symbol(address)]

    def around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        return self.table.around(address)

    def _find_without_table(self, name: str) -> int | None:
        if name not in _NO_SYMBOLS and (address := vmcoreinfo.symbol(self._info, name)):
            return address
        return self._image[1].find(name)

    @property
    def _image(self) -> tuple[bytes | None, Exports]:
        """The BTF in the kernel's image, if it is there, and the exports."""
        if self._in_image is None:
            image = KernelImage(self._read, self._info, self._platform)
            self._in_image = image.find_btf(), image.find_exports()
        return self._in_image

    def extent(self, name: str) -> int:
        """Return how many bytes there are from `name` to the next higher symbol; 0 if unknown."""
        size = self.table.extent(name)
        if not size and self._vmlinux is not None:
            size = self._vmlinux.extent(name)
        return size

    def room(self, address: int) -> tuple[int, bool]:
        """Return the bytes that a variable at `address` has, and whether they are just its size.

        If not, they are those up to the next symbol. 0 if nothing tells: what the kernel exports is
        far apart.
        """
        if self._vmlinux is not None and self._vmlinux is not self.table:
            size, is_size = self._vmlinux.room(address)
            if is_size:
                return size, is_size
        return self.table.room(address) if self.has_data else (0, False)

    def listed(self) -> Iterable[tuple[str, int]]:
        """Yield (name, address) of every symbol that is known and not code, by address.

        What only the exports have may be functions: see `lack`.
        """
        if self._is_whole or self.table is self._vmlinux:
            return self.table.listed()
        if self._vmlinux_path is not None:  # CONFIG_KALLSYMS_ALL=n
            return self.vmlinux(self._vmlinux_path).listed()
        return sorted(self._listed_without_table(), key=lambda one: (one[1], one[0]))

    def every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Return name, symbol and size or room of every symbol in the best table that there is."""
        table = self.table
        if not self._is_whole and self._vmlinux_path is not None:  # CONFIG_KALLSYMS_ALL=n
            table = self.vmlinux(self._vmlinux_path)
        return table.every()

    def _listed_without_table(self) -> set[tuple[str, int]]:
        found = {*self.table.listed(), *self._image[1].listed()}
        found.update(
            (name, address)
            for name, address in vmcoreinfo.symbols(self._info)
            if name not in _NO_SYMBOLS and not is_decorated(name)
        )
        return {
            (name, address)
            for name, address in found
            if not any(one.is_code and one.address == address for one in self.table.find_all(name))
        }

    @property
    def lack(self) -> str:
        """Why variables may be there that no table lists, and what to do; "" if all are listed."""
        if self.has_data:
            return ""
        return f"{self._no_kallsyms or _FUNCTIONS_ONLY}; {_NO_TABLE}"

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset) of the symbol at or before `address` in the image, or None."""
        return self.table.nearest(address)

    def covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return the name of the symbol that `address` belongs to, the symbol, and its room."""
        found = self.table.covering(address)
        if found is None and not self.has_data:
            found = self._image[1].covering(address)
        return found

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, else None."""
        try:
            return self._names[address]
        except KeyError:
            pass
        if len(self._names) >= _CACHE_LIMIT:
            self._names.clear()
        found = self.table.nearest(address)
        if found is None and not self.has_data:
            found = self._image[1].nearest(address)
        name = None
        if found is not None:
            name = f"{found[0]}+{found[1]:#x}" if found[1] else found[0]
        self._names[address] = name
        return name

    @cached_property
    def has_data(self) -> bool:
        """Whether a table lists variables: not with CONFIG_KALLSYMS_ALL=n and without vmlinux."""
        return self._is_whole or (
            self._vmlinux_path is not None and self.find("init_task") is not None
        )

    @cached_property
    def _is_whole(self) -> bool:
        """Whether the table lists variables, rather than only functions or only exports."""
        return not isinstance(self.table, Exports) and self.table.find("init_task") is not None

    @property
    def table(self) -> SymbolSource:
        """The kernel's own table, else the vmlinux file's, else what the kernel exports."""
        if self._table is None:
            self._table = self._load()
        return self._table

    def vmlinux(self, path: str | os.PathLike[str]) -> ElfSymbols:
        """Return the symbols of the file `path`, shifted to where the kernel has them.

        Raises `TargetError` if the file belongs to another kernel.
        """
        if self._vmlinux is None:
            from btfdump._targets.elf import ElfSymbols

            symbols = ElfSymbols(path)
            symbols.relocate(self._info)
            self._vmlinux = symbols
        return self._vmlinux

    def _load(self) -> SymbolSource:
        try:
            return Kallsyms(self._read, self._info, self._platform)
        except (FaultError, CorruptDataError, MissingDataError) as error:
            if self._vmlinux_path is not None:
                return self.vmlinux(self._vmlinux_path)
            if self._running is not None:
                return self._running.kallsyms()
            if len(self._image[1]):
                self._no_kallsyms = str(error).partition(";")[0]
                return self._image[1]
            if isinstance(error, MissingDataError) and not self._cut:
                raise
            raise self._missing(
                f"the kernel's own symbol table cannot be read: {error}",
                _NO_TABLE,
            ) from None

    def _missing(self, what: str, remedy: str) -> MissingDataError:
        if not self._cut:
            return MissingDataError(what, remedy)
        return MissingDataError(f"{self._cut}; {what}", f"copy it again, or {remedy}")

    def _no_symbol(self, name: str) -> str:
        if self.has_data:
            return f"the kernel has no symbol {name!r}"
        not_exported = ", and the kernel does not export this one" if len(self._image[1]) else ""
        cause = self._no_kallsyms or _FUNCTIONS_ONLY
        return f"no symbol {name!r}: {cause}{not_exported}; {_NO_TABLE}"

    # BTF

    def btf(self) -> bytes:
        """Return the raw BTF between __start_BTF and __stop_BTF, or else that of the vmlinux file.

        If the symbols are unknown, the BTF is searched for in the kernel's image. Raises
        `MissingDataError` saying why there is none. Mirrors kernel/bpf/btf.c (btf_parse_vmlinux).
        """
        try:
            return self._btf_in_memory()
        except MissingDataError:
            if self._vmlinux_path is None:
                raise
        from btfdump._targets.elf import btf_section, check_build

        check_build(self._vmlinux_path, self._info)
        return btf_section(self._vmlinux_path)

    def _btf_in_memory(self) -> bytes:
        start, stop = self.find("__start_BTF"), self.find("__stop_BTF")
        if start is None or stop is None or stop <= start:
            if not self.has_data and (found := self._image[0]) is not None:
                return found
            raise MissingDataError(self._why_no_btf(), _NO_BTF)
        try:
            data = self._read(start, stop - start)
        except FaultError as error:
            raise self._missing(
                f"the kernel's BTF at {start:#x} is not in the dump "
                f"({error.reason} at {error.address:#x})",
                _NO_BTF,
            ) from None
        if int.from_bytes(data[:2], self._platform.byteorder) != _BTF_MAGIC:
            raise MissingDataError(
                f"the {len(data)} bytes at __start_BTF ({start:#x}) are not BTF", _NO_BTF
            )
        return data

    def _why_no_btf(self) -> str:
        release = self._info.get("OSRELEASE", "")
        if self.has_data:
            return f"kernel {release} has no BTF (no symbol __start_BTF: CONFIG_DEBUG_INFO_BTF=n)"
        return (
            f"no BTF was found in the image of kernel {release} (CONFIG_DEBUG_INFO_BTF=n?); "
            f"{self._no_kallsyms or _FUNCTIONS_ONLY}"
        )
