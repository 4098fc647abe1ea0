"""Symbol tables, whichever file or memory they come from."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from btfdump.errors import AmbiguousSymbolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DECORATED = re.compile(
    r"__(start|stop|pfx|cfi|do_sys|se_sys|initcall|BTF_ID|UNIQUE_ID|tracepoint_ptr|crc|kstrtab)_|[$.]"
    r"|_(start|end|begin|stop|load)\d*$|_[se]?(text|data|rodata)$|_[se]inittext$"
)
# Where text ends: what lies behind belongs to none of them.
_ENDS = frozenset({"_etext", "_einittext"})
REACH = 0x10000
"""How far from a symbol of unknown size, in bytes, an address is still named after it."""
_PADDING = 64
_ALIGNED = 64
"""Bytes: no variable is aligned to more only because of its type."""


class Symbol(NamedTuple):
    """One symbol: its virtual `address`; whether other files could see it; whether it is code."""

    address: int
    is_global: bool = True
    is_code: bool = False


class SymbolFinder(Protocol):
    """What finds symbols by name: addresses are unsigned integers as the kernel sees them."""

    def find(self, name: str) -> int | None:
        """Return the address of `name`, or None.

        A global symbol goes before local ones, a variable before functions. Raises
        `AmbiguousSymbolError` if several are left, at different addresses.
        """
        ...

    def extent(self, name: str) -> int:
        """Return how many bytes there are from `name` to the next symbol, 0 if it is unknown."""
        ...


class SymbolSource(SymbolFinder, Protocol):
    """A table of symbols."""

    def find_all(self, name: str) -> Sequence[Symbol]:
        """Return the symbols called `name`, one for each address, in that order."""
        ...

    def room(self, address: int) -> tuple[int, bool]:
        """Return the bytes that a symbol at `address` has, and whether the table says its size.

        If it does not, they are those up to the next symbol; 0 if there is none.
        """
        ...

    def listed(self) -> Iterable[tuple[str, int]]:
        """Yield (name, address) of every symbol that is not code, by address."""
        ...

    def every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Yield the name of every symbol, the symbol, and its size or the room that it has.

        By address; in bytes, 0 if nothing tells.
        """
        ...

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset) of the symbol at or before `address` in the image, or None.

        None as well for an address so far from any symbol that it hardly belongs to it.
        """
        ...

    def covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return the name of the symbol that `address` belongs to, the symbol, and its room.

        None where `nearest()` finds nothing. The room is in bytes: see `room()`.
        """
        ...

    def around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        ...


class SortedTable(ABC):
    """A table that can be gone through by address, whatever it is made of: a `SymbolSource`."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of symbols."""

    @abstractmethod
    def _called(self, name: str) -> Iterable[tuple[int, bool]]:
        """Yield (address, whether it is global) of every symbol called `name`, in any order."""

    @property
    @abstractmethod
    def image(self) -> tuple[int, int]:
        """Where the kernel's image begins and ends: what lies elsewhere has no name."""

    @abstractmethod
    def _address_at(self, position: int) -> int:
        """Return the address of the symbol at a position; the table is sorted by it."""

    @abstractmethod
    def _name_at(self, position: int) -> tuple[str, bool, int]:
        """Return (name, whether it is global, size in bytes or 0) of the symbol at a position."""

    @abstractmethod
    def _first_above(self, address: int) -> int:
        """Return the position of the first symbol beyond `address`."""

    def find(self, name: str) -> int | None:
        """Return the address of `name`, or None: see `SymbolFinder.find()`."""
        return the_one(name, self.find_all(name))

    def find_all(self, name: str) -> list[Symbol]:
        """Return the symbols called `name`, one for each address, in that order."""
        is_global: dict[int, bool] = {}
        for address, is_seen in self._called(name):
            is_global[address] = is_seen or is_global.get(address, False)
        return [
            Symbol(address, is_global[address], self._is_code(address))
            for address in sorted(is_global)
        ]

    def _is_code(self, address: int) -> bool:
        # The letters of kallsyms do not tell: in Debian's 7.3, data has those of text too.
        return any(start <= address < end for start, end in self._code)

    @cached_property
    def _code(self) -> list[tuple[int, int]]:
        """Where functions are."""
        bounds = [
            [min((address for address, _ in self._called(name)), default=None) for name in names]
            for names in (("_stext", "_etext"), ("_sinittext", "_einittext"))
        ]
        return [(start, end) for start, end in bounds if start is not None and end is not None]

    def extent(self, name: str) -> int:
        """Return how many bytes there are from `name` to the next higher symbol.

        Returns 0 if `name` is unknown or the last symbol.
        """
        address = self.find(name)
        if address is None:
            return 0
        after = self._first_above(address)
        return self._address_at(after) - address if after < len(self) else 0

    def room(self, address: int) -> tuple[int, bool]:
        """Return the bytes that a symbol at `address` has, and whether the table says its size."""
        after = self._first_above(address)
        size = 0
        if after and self._address_at(after - 1) == address:
            size = self._best_at(after - 1)[1]
        if size:
            return size, True
        return (self._address_at(after) - address, False) if after < len(self) else (0, False)

    def listed(self) -> Iterator[tuple[str, int]]:
        """Yield (name, address) of every symbol that is not code, by address."""
        for position in range(len(self)):
            address = self._address_at(position)
            if not self._is_code(address):
                yield self._name_at(position)[0], address

    def every(self) -> Iterator[tuple[str, Symbol, int]]:
        """Yield the name of every symbol, the symbol, and its size or the room that it has."""
        code = self._code
        addresses = [self._address_at(position) for position in range(len(self))]
        above = addresses[-1] if addresses else 0
        rooms: list[int] = []
        for at in range(len(addresses) - 1, -1, -1):  # several may share an address
            if at + 1 < len(addresses) and addresses[at + 1] != addresses[at]:
                above = addresses[at + 1]
            rooms.append(above - addresses[at])
        for position, (address, room) in enumerate(zip(addresses, reversed(rooms), strict=True)):
            name, is_global, size = self._name_at(position)
            is_code = any(start <= address < end for start, end in code)
            yield name, Symbol(address, is_global, is_code), size or room

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset in bytes) of the symbol that `address` belongs to, or None."""
        low, high = self.image
        if not low <= address < high:
            return None
        at = self._first_above(address) - 1
        if at < 0:
            return None
        start = self._address_at(at)
        name, size = self._best_at(at)
        offset = address - start
        if offset and (name in _ENDS or offset >= (size + _PADDING if size else REACH)):
            return None
        return name, offset

    def covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return the name of the symbol that `address` belongs to, the symbol, and its room."""
        found = self.nearest(address)
        if found is None:
            return None
        name, offset = found
        start = address - offset
        position = self._first_above(start) - 1
        is_global = False
        while position >= 0 and self._address_at(position) == start:
            called, is_seen, _ = self._name_at(position)
            is_global |= is_seen and called == name
            position -= 1
        room, is_size = self.room(start)
        symbol = Symbol(start, is_global, self._is_code(start))
        return name, symbol, room if is_size else min(room, REACH)

    def around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        after = self._first_above(address)
        before = self._first_above(address - 1) - 1
        return (
            self._best_at(before)[0] if before >= 0 else "",
            self._best_at(self._first_above(self._address_at(after)) - 1)[0]
            if after < len(self)
            else "",
        )

    def _best_at(self, position: int) -> tuple[str, int]:
        """Return the best name of those that share an address, and the largest size.

        `position` is that of the last one of them.
        """
        start = self._address_at(position)
        found = [self._name_at(position)]
        while position > 0 and self._address_at(position - 1) == start:
            position -= 1
            found.append(self._name_at(position))
        if len(found) == 1:
            return found[0][0], found[0][2]
        best = min(found, key=lambda one: alias_rank(one[0], one[1]))
        return best[0], max(size for _, _, size in found)


def the_one(name: str, found: Sequence[Symbol]) -> int | None:
    """Return the address of the one that is global, or the only variable, or the only one at all.

    Returns None if there is none; raises `AmbiguousSymbolError` if there are several.
    """
    globals_ = [symbol for symbol in found if symbol.is_global]
    data = [symbol for symbol in found if not symbol.is_code]
    meant = globals_ if len(globals_) == 1 else data or found
    if len(meant) > 1:
        addresses = tuple(symbol.address for symbol in meant)
        shown = ", ".join(f"{address:#x}" for address in addresses[:8])
        raise AmbiguousSymbolError(
            f"{len(meant)} symbols are called {name}: at {shown}"
            f"{', ...' if len(meant) > 8 else ''}; say which by its address",
            addresses,
        )
    return meant[0].address if meant else None


def padding_before(address: int) -> int:
    """Return how many bytes before a variable at `address` would be more than padding.

    A variable that is aligned to 2^n bytes has less than that before it.
    """
    return min(address & -address, _ALIGNED) if address else _ALIGNED


def is_decorated(name: str) -> bool:
    """Whether a name is that of a section's boundary, or generated: no size belongs to it."""
    return _DECORATED.search(name) is not None


def alias_rank(name: str, is_global: bool) -> tuple[bool, bool, int, int, str]:
    """Return a key that sorts the names of one address, the best name first.

    Things come before section boundaries and generated names, global names before local ones.
    """
    return (
        is_decorated(name),
        not is_global,
        len(name) - len(name.lstrip("_")),
        len(name),
        name,
    )
