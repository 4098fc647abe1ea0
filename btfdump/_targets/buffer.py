"""Memory that lives in Python: segments of bytes, and patches on top of another target."""

from __future__ import annotations

from bisect import bisect_right
from types import MappingProxyType
from typing import TYPE_CHECKING

from btfdump._targets.base import BaseTarget, LayeredTarget
from btfdump._targets.memory import UNMAPPED, Platform
from btfdump._targets.symbols import REACH, Symbol, the_one
from btfdump.errors import FaultError, MissingDataError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from btfdump._targets.memory import ByteOrder, Target

_NO_SYMBOLS: Mapping[str, int] = MappingProxyType({})


class SegmentMap:
    """Sorted, disjoint pieces of memory.

    Pieces that touch are merged, so a read never has to cross a seam.
    """

    __slots__ = ("_data", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._data: list[bytearray] = []

    def find(self, address: int) -> tuple[int, bytearray] | None:
        """Return (start, bytes) of the piece around `address`, or None."""
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._starts[at] + len(self._data[at]):
            return None
        return self._starts[at], self._data[at]

    def overlapping(self, address: int, size: int) -> list[tuple[int, bytearray]]:
        """Return (start, bytes) of every piece that shares a byte with the range, in order."""
        low, high = self._touching(address + 1, address + size - 1)
        return list(zip(self._starts[low:high], self._data[low:high], strict=True))

    def write(self, address: int, data: bytes) -> None:
        """Put `data` at `address`, over what is there."""
        if not data:
            return
        end = address + len(data)
        low, high = self._touching(address, end)
        start, merged = address, bytearray(data)
        if low < high:
            first, last = self._starts[low], self._starts[high - 1] + len(self._data[high - 1])
            start = min(first, address)
            head = self._data[low][: max(0, address - first)]
            tail = (
                self._data[high - 1][len(self._data[high - 1]) - max(0, last - end) :]
                if last > end
                else b""
            )
            merged = head + merged + tail
        self._starts[low:high] = [start]
        self._data[low:high] = [merged]

    def remove(self, address: int, size: int) -> None:
        """Forget every byte of the range."""
        if size <= 0:
            return
        end = address + size
        low, high = self._touching(address + 1, end - 1)
        starts: list[int] = []
        pieces: list[bytearray] = []
        for start, data in zip(self._starts[low:high], self._data[low:high], strict=True):
            if start < address:
                starts.append(start)
                pieces.append(data[: address - start])
            if start + len(data) > end:
                starts.append(end)
                pieces.append(data[end - start :])
        self._starts[low:high] = starts
        self._data[low:high] = pieces

    def _touching(self, address: int, end: int) -> tuple[int, int]:
        """Return the index range of the pieces with start <= `end` and piece end >= `address`."""
        high = bisect_right(self._starts, end)
        low = high
        while low > 0 and self._starts[low - 1] + len(self._data[low - 1]) >= address:
            low -= 1
        return low, high


class BufferTarget(BaseTarget):
    """A target made of bytes: the memory, symbols and BTF that the caller hands over.

    `segments` maps virtual addresses to bytes, or is an iterable of such pairs, of which later ones
    overwrite earlier ones. Reads may cross from one segment into the next if they touch. `symbols`
    maps names to virtual addresses, or is an iterable of such pairs, in which a name may occur more
    than once. `btf` is a raw blob, and `pointer_size` is in bytes.

    `release` and `machine` are what `uname -r` and `uname -m` print of the kernel,
    `per_cpu_offsets` what each CPU adds to the address of a per-CPU variable, and `description`
    what messages call the target. `is_live` says that its memory may change between two reads.
    """

    def __init__(  # one keyword for each thing a Target tells
        self,
        segments: Mapping[int, bytes] | Iterable[tuple[int, bytes]] = (),
        byteorder: ByteOrder = "little",
        pointer_size: int = 8,
        symbols: Mapping[str, int] | Iterable[tuple[str, int]] = _NO_SYMBOLS,
        btf: bytes = b"",
        release: str = "",
        per_cpu_offsets: Sequence[int] = (0,),
        *,
        machine: str = "",
        description: str = "memory buffer",
        is_live: bool = False,
    ) -> None:
        self._map = SegmentMap()
        pairs = segments.items() if hasattr(segments, "items") else segments
        for address, data in pairs:
            self.write(address, data)
        self.platform = Platform(byteorder, pointer_size, machine)
        self.release = release
        self.description = description
        self.is_live = is_live
        self._per_cpu_offsets = tuple(per_cpu_offsets)
        named = symbols.items() if hasattr(symbols, "items") else symbols
        self._by_address = sorted((address, name) for name, address in named)
        self._symbols: dict[str, dict[int, Symbol]] = {}
        for address, name in self._by_address:
            found = self._symbols.setdefault(name, {})
            found[address] = Symbol(address, is_global=False)
        self._btf = btf

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first address that no segment has.
        """
        if size <= 0:
            if size:
                raise FaultError(address, size, "negative size")
            return b""
        found = self._map.find(address)
        if found is None:
            raise FaultError(address, size, UNMAPPED)
        start, data = found
        offset = address - start
        if offset + size > len(data):
            missing = start + len(data)
            raise FaultError(missing, address + size - missing, UNMAPPED)
        return bytes(data[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        """Put `data` at virtual `address`, which need not be mapped yet.

        Raises `ValueError` outside of the address space.
        """
        if address < 0 or address + len(data) > 1 << 64:
            raise ValueError(
                f"range {address:#x}+{len(data):#x} is outside the 64-bit address space"
            )
        self._map.write(address, data)

    def unmap(self, address: int, size: int) -> None:
        """Make `size` bytes at virtual `address` unreadable."""
        self._map.remove(address, size)

    def symbol(self, name: str) -> int:
        """Return the virtual address of the symbol `name`.

        Raises `SymbolNotFoundError`, and `AmbiguousSymbolError` if there are several.
        """
        address = the_one(name, self.symbols_named(name))
        if address is None:
            raise SymbolNotFoundError(f"no symbol {name!r}")
        return address

    def symbols_named(self, name: str) -> Sequence[Symbol]:
        """Return the symbols called `name`, one for each address, in that order."""
        return list(self._symbols.get(name, {}).values())

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        before = bisect_right(self._by_address, (address, "")) - 1
        after = bisect_right(self._by_address, (address, "\U0010ffff"))
        return (
            self._by_address[before][1] if before >= 0 else "",
            self._by_address[after][1] if after < len(self._by_address) else "",
        )

    def symbol_room(self, address: int) -> tuple[int, bool]:
        """Return the bytes up to the next symbol, 0 if there is none: these have no sizes."""
        after = bisect_right(self._by_address, (address, "\U0010ffff"))
        if after == len(self._by_address):
            return 0, False
        return self._by_address[after][0] - address, False

    def symbols_listed(self) -> Iterable[tuple[str, int]]:
        """Return (name, virtual address) of all symbols, by address."""
        return [(name, address) for address, name in self._by_address]

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address at or shortly after a symbol, else None."""
        at = bisect_right(self._by_address, (address, "\U0010ffff")) - 1
        if at < 0:
            return None
        start, name = self._by_address[at]
        offset = address - start
        if offset == 0:
            return name
        # These symbols have no sizes; stay inside the memory that holds the symbol.
        if offset >= REACH or self._map.find(start) is None or self._map.find(address) is None:
            return None
        return f"{name}+{offset:#x}"

    def btf_bytes(self) -> bytes:
        """Return the raw BTF that was given; raises `MissingDataError` if there was none."""
        if not self._btf:
            raise MissingDataError("this buffer comes without BTF", "pass btf= or use --btf FILE")
        return self._btf

    @property
    def per_cpu_offsets(self) -> Sequence[int]:
        """The per-CPU offsets given at construction."""
        return self._per_cpu_offsets


class PatchedTarget(LayeredTarget):
    """Another target with bytes changed or taken away: a corrupt dump without a second file.

    The other target is not changed and still owns its resources; `close()` closes it.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.description = f"{target.description}, patched"
        self._patches = SegmentMap()
        self._holes = SegmentMap()  # the bytes are of no interest, only where they are

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes at virtual `address` through the patches.

        Raises `FaultError` in an unmapped range, and what the wrapped target raises.
        """
        if size <= 0:
            return self._target.read(address, size)
        end = address + size
        holes = self._holes.overlapping(address, size)
        if holes:
            missing = max(address, holes[0][0])
            if missing > address:
                self.read(address, missing - address)  # an earlier fault is the one to report
            raise FaultError(missing, end - missing, UNMAPPED)
        patches = self._patches.overlapping(address, size)
        if not patches:
            return self._target.read(address, size)
        out = bytearray()
        at = address
        for start, data in patches:
            if start > at:
                out += self._target.read(at, start - at)
                at = start
            stop = min(end, start + len(data))
            out += data[at - start : stop - start]
            at = stop
        if at < end:
            out += self._target.read(at, end - at)
        return bytes(out)

    def write(self, address: int, data: bytes) -> None:
        """Show `data` at virtual `address` from now on."""
        self._holes.remove(address, len(data))
        self._patches.write(address, data)

    def unmap(self, address: int, size: int) -> None:
        """Make `size` bytes at virtual `address` unreadable from now on."""
        self._patches.remove(address, size)
        if size > 0:
            self._holes.write(address, bytes(size))
