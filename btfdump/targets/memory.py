"""Where bytes come from: the protocols that the rest of btfdump reads memory through.

A `Memory` reads bytes. A `Target` is a memory plus what the rest needs to make sense of it:
platform, symbols, BTF bytes and per-CPU offsets. Implementations live beside this file, one leaf
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    UncheckedRead: TypeAlias = tuple[Callable[[int, int], bytes], tuple[type[Exception], ...]]

ByteOrder = Literal["little", "big"]

# The two reasons of a `FaultError` that callers may want to tell apart.
UNMAPPED = "not mapped"
FILTERED = "page was filtered out of the dump"


@dataclass(frozen=True)
class Platform:
    """What is needed to decode a scalar.

    `byteorder`, `pointer_size` in bytes, and the architecture's name.
    """

    byteorder: ByteOrder
    pointer_size: int = 8
    machine: str = ""


class Memory(Protocol):
    """A readable address space."""

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` naming the first address that cannot be read and why (unmapped, filtered
        out of the dump). Never returns fewer bytes, and never zeros for a page that the dump does
        not hold where the format lets us know.
        """
        ...


class UncheckedMemory(Memory, Protocol):
    """A memory that offers what its `read()` is a wrapper of, for loops over millions of objects.

    Optional: `unchecked_read()` below makes do without. A class that overrides `read()` has to
    override this as well.
    """

    def unchecked_read(self) -> UncheckedRead:
        """Return (read, errors): a function that reads as `read()` does, and how it fails.

        `read(address, size)` returns the same bytes for 0 < size <= 64 KiB; where `read()` raises
        `FaultError`, be it for a negative address, it raises one of `errors`. It is good until
        control goes back to the caller, who may close the memory: ask again after that.
        """
        ...


def unchecked_read(memory: Memory) -> UncheckedRead:
    """Return `memory.unchecked_read()`, or `memory.read` itself and `FaultError`.

    The class must have it: a wrapper that passes unknown attributes on wants its own `read()` used.
    """
    unchecked = getattr(type(memory), "unchecked_read", None)
    if unchecked is None:
        return memory.read, (FaultError,)
    found: UncheckedRead = unchecked(memory)
    return found


class ChainMemory(Memory, Protocol):
    """A memory that follows pointers where they are, inside the running kernel. Optional."""

    def copy_chain(
        self,
        holder: int,
        stop: int,
        size: int,
        *,
        link_offset: int = 0,
        next_offset: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Follow a chain of pointers; return (link, the element's bytes) of each element.

        The first pointer is at address `holder`. A pointer leads to a link, which lies
        `link_offset` bytes into an element of `size` bytes; the next pointer is `next_offset` bytes
        behind the link. Elements that are freed by RCU are not freed before all are copied.

        Ends before the pointer `stop`, before an element that cannot be read as a whole, and where
        no more can be copied at one time. Never raises for bad memory: what is missing is to be
        read one by one. An element comes again and again where the chain has a cycle.
        """
        ...


class ManyMemory(Memory, Protocol):
    """A memory for which many small reads at once cost little more than one. Optional."""

    def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read every (address, size); None where one is not readable as a whole."""
        ...


def read_many(memory: Memory, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
    """Return `memory.read_many(requests)`, or read one by one where the memory cannot do that."""
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


class Target(Memory, Protocol):
    """One kernel: memory, symbols, BTF bytes, platform. A context manager."""

    @property
    def is_live(self) -> bool:
        """Whether the memory may change between two reads: a running kernel's does."""
        ...

    @property
    def platform(self) -> Platform:
        """Byte order, pointer size, machine."""
        ...

    @property
    def release(self) -> str:
        """Kernel release as in `uname -r`, or "" where nothing tells."""
        ...

    @property
    def description(self) -> str:
        """What this is, for a heading: "vmcore (kdump-compressed)"."""
        ...

    def symbol(self, name: str) -> int:
        """Return the address of the vmlinux symbol `name`; raises `SymbolNotFoundError`."""
        ...

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, else None."""
        ...

    def btf_bytes(self) -> bytes:
        """Return the raw vmlinux BTF; raises `MissingDataError` if there is none."""
        ...

    def module_btf(self, name: str) -> bytes | None:
        """Return the raw BTF of the loaded module `name`.

        None where the kernel's memory alone has it.
        """
        ...

    @property
    def per_cpu_offsets(self) -> Sequence[int]:
        """Offset of each possible CPU's area, by CPU number (`__per_cpu_offset[]`).

        Length = number of CPUs.
        """
        ...

    def close(self) -> None:
        """Release the dump."""
        ...
