"""The protocols through which the rest of btfdump reads memory.

A `Memory` reads bytes. A `Target` is a memory together with what is needed to make sense of it:
platform, symbols, BTF bytes and per-CPU offsets. The implementations are in the other files of this
room, one leaf for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from btfdump._targets.symbols import Symbol
from btfdump.errors import FaultError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    UncheckedRead: TypeAlias = tuple[Callable[[int, int], bytes], tuple[type[Exception], ...]]

ByteOrder = Literal["little", "big"]

# The two reasons of a `FaultError` that callers may want to tell apart.
UNMAPPED = "not mapped"
FILTERED = "page was filtered out of the dump"


class Platform(NamedTuple):
    """What is needed to decode a scalar.

    `byteorder` is "little" or "big", `pointer_size` is in bytes, and `machine` is the
    architecture's name as `uname -m` gives it.
    """

    byteorder: ByteOrder
    pointer_size: int = 8
    machine: str = ""


class Memory(Protocol):
    """An address space that can be read."""

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first address that cannot be read and the reason (unmapped,
        filtered out of the dump). Never returns fewer bytes, and never returns zeros for a page
        that the dump does not hold, as far as the format of the dump tells.
        """
        ...


class UncheckedMemory(Memory, Protocol):
    """A memory that gives access to what its `read()` wraps, for loops over millions of objects.

    This is optional: `unchecked_read()` below works without it. A class that overrides `read()` has
    to override this as well.
    """

    def unchecked_read(self) -> UncheckedRead:
        """Return (read, errors): a function that reads as `read()` does, and what it raises.

        `read(address, size)` returns the same bytes for 0 < size <= 64 KiB. Where the method
        `read()` raises `FaultError`, even for a negative address, the function raises one of
        `errors`. It may be used until control returns to the caller, who might close the memory;
        after that, ask for it again.
        """
        ...


def unchecked_read(memory: Memory) -> UncheckedRead:
    """Return `memory.unchecked_read()`, or else `memory.read` itself and `FaultError`.

    The class itself must define it: a wrapper that passes unknown attributes on wants its own
    `read()` to be used.
    """
    unchecked = getattr(type(memory), "unchecked_read", None)
    if unchecked is None:
        return memory.read, (FaultError,)
    found: UncheckedRead = unchecked(memory)
    return found


class ChainMemory(Memory, Protocol):
    """A memory that can follow pointers on the spot, inside the running kernel. Optional."""

    def copy_chain(
        self,
        holder: int,
        stop: int,
        size: int,
        *,
        link_offset: int = 0,
        next_offset: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Follow a chain of pointers; return (link, the element's bytes) for each element.

        The first pointer is at address `holder`. Each pointer leads to a link, which lies
        `link_offset` bytes into an element of `size` bytes; the next pointer is `next_offset` bytes
        after the start of the link. Elements that RCU frees are not freed before all have been
        copied.

        The chain ends at the pointer `stop`, at an element that cannot be read as a whole, and when
        no more can be copied at one time. Bad memory never raises: what is missing is to be read
        element by element. If the chain has a cycle, elements are repeated.
        """
        ...


class ManyMemory(Memory, Protocol):
    """A memory for which many small reads cost little more than one. Optional."""

    def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read every (address, size); None stands for a range that is not readable as a whole."""
        ...


def read_many(memory: Memory, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
    """Return `memory.read_many(requests)`, or read one by one if the memory cannot do that."""
    many = getattr(type(memory), "read_many", None)
    if many is not None:
        found: list[bytes | None] = many(memory, requests)
        return found
    return [_read_or_none(memory, address, size) for address, size in requests]


def _read_or_none(memory: Memory, address: int, size: int) -> bytes | None:
    try:
        return memory.read(address, size)
    except FaultError:
        return None


class NamedMemory(Memory, Protocol):
    """A target that tells symbols of one name apart. Optional."""

    def symbols_named(self, name: str) -> Sequence[Symbol]:
        """Return the vmlinux symbols called `name`, one for each address, in that order.

        Raises what `Target.symbol()` raises, but for `SymbolNotFoundError`.
        """
        ...

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        ...


class MeasuredMemory(Memory, Protocol):
    """A target that has a table of symbols, and tells how much room each has. Optional."""

    def symbol_room(self, address: int) -> tuple[int, bool]:
        """Return the bytes that a vmlinux symbol has, and whether they are just its size.

        If not, they are those up to the next symbol, or 0 if that is not known.
        """
        ...

    def symbols_listed(self) -> Iterable[tuple[str, int]]:
        """Yield (name, virtual address) of the vmlinux symbols that are not code, by address.

        Raises what `Target.symbol()` raises, but for `SymbolNotFoundError`.
        """
        ...

    def symbols_every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Return name, symbol and room in bytes of every vmlinux symbol, by address.

        Raises what `Target.symbol()` raises, but for `SymbolNotFoundError`.
        """
        ...

    def symbol_covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return what symbol of vmlinux an address belongs to: its name, itself, and its room."""
        ...

    def symbols_lack(self) -> str:
        """Return why there may be variables that are not listed, and what to do; "" if none are.

        Raises what `symbols_listed()` raises.
        """
        ...


def symbol_room(target: Target, address: int) -> tuple[int, bool]:
    """Return `target.symbol_room(address)`, or (0, False) if the target cannot tell."""
    room = getattr(type(target), "symbol_room", None)
    found: tuple[int, bool] = room(target, address) if room is not None else (0, False)
    return found


def symbols_listed(target: Target) -> Iterable[tuple[str, int]]:
    """Return `target.symbols_listed()`, or nothing if the target has no table."""
    listed = getattr(type(target), "symbols_listed", None)
    found: Iterable[tuple[str, int]] = listed(target) if listed is not None else ()
    return found


def symbols_every(target: Target) -> Iterable[tuple[str, Symbol, int]]:
    """Return name, symbol and room in bytes of every vmlinux symbol that a table has, by address.

    Raises what `Target.symbol()` raises, but for `SymbolNotFoundError`.
    """
    every = getattr(type(target), "symbols_every", None)
    found: Iterable[tuple[str, Symbol, int]] = every(target) if every is not None else ()
    return found


def symbol_covering(target: Target, address: int) -> tuple[str, Symbol, int] | None:
    """Return what symbol of vmlinux an address belongs to: its name, itself, and its room in bytes.

    None where there is none, or if the target has no table. Raises what `Target.symbol()` raises,
    but for `SymbolNotFoundError`.
    """
    covering = getattr(type(target), "symbol_covering", None)
    found: tuple[str, Symbol, int] | None
    found = covering(target, address) if covering is not None else None
    return found


def symbols_lack(target: Target) -> str:
    """Return `target.symbols_lack()`, "" if the target has no table that could lack any."""
    lack = getattr(type(target), "symbols_lack", None)
    found: str = lack(target) if lack is not None else ""
    return found


def symbols_named(target: Target, name: str) -> Sequence[Symbol]:
    """Return `target.symbols_named(name)`, or the one symbol that the target finds, if any."""
    many = getattr(type(target), "symbols_named", None)
    if many is not None:
        found: Sequence[Symbol] = many(target, name)
        return found
    try:
        return [Symbol(target.symbol(name))]
    except SymbolNotFoundError:
        return []


def symbols_around(target: Target, address: int) -> tuple[str, str]:
    """Return `target.symbols_around(address)`, or nothing if the target cannot tell."""
    around = getattr(type(target), "symbols_around", None)
    found: tuple[str, str] = around(target, address) if around is not None else ("", "")
    return found


class Target(Memory, Protocol):
    """One kernel: memory, symbols, BTF bytes and platform. A context manager."""

    @property
    def is_live(self) -> bool:
        """Whether the memory may change between two reads, as that of a running kernel does."""
        ...

    @property
    def platform(self) -> Platform:
        """Byte order, pointer size and machine."""
        ...

    @property
    def release(self) -> str:
        """The kernel release as in `uname -r`, or "" if nothing tells."""
        ...

    @property
    def description(self) -> str:
        """What this is, for a heading: "vmcore (kdump-compressed)"."""
        ...

    def symbol(self, name: str) -> int:
        """Return the virtual address of the vmlinux symbol `name`.

        Raises `SymbolNotFoundError`, or `AmbiguousSymbolError` if there are several local ones.
        """
        ...

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, None for others."""
        ...

    def btf_bytes(self) -> bytes:
        """Return the raw BTF of vmlinux; raises `MissingDataError` if there is none."""
        ...

    def module_btf(self, name: str) -> bytes | None:
        """Return the raw BTF of the loaded module `name`.

        None means that only the kernel's memory has it.
        """
        ...

    @property
    def per_cpu_offsets(self) -> Sequence[int]:
        """The offset in bytes of each possible CPU's area, by CPU number.

        This is `__per_cpu_offset[]`, so its length is the number of possible CPUs.
        """
        ...

    def close(self) -> None:
        """Release the dump or the kernel; every read faults from then on."""
        ...
