"""What targets have in common: a new one says how it reads, and how it differs.

`BaseTarget` knows nothing; `KernelTarget` finds symbols, BTF and CPUs in the memory of a kernel;
`LayeredTarget` lies over another target.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from btfdump._targets import percpu
from btfdump._targets.kernel_symbols import KernelSymbols
from btfdump._targets.memory import (
    symbol_covering,
    symbol_room,
    symbols_around,
    symbols_every,
    symbols_lack,
    symbols_listed,
    symbols_named,
)
from btfdump._targets.symbols import Symbol
from btfdump.errors import MissingDataError, SymbolNotFoundError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from btfdump._targets.memory import Platform, Target
    from btfdump._targets.running import RunningKernel


def problems_of(target: Target) -> Sequence[str]:
    """Return what is wrong with a target as a whole, as far as it can tell."""
    problems: Sequence[str] = getattr(target, "problems", ())
    return problems


def cpu_statuses_of(target: Target) -> Sequence[bytes]:
    """Return the `struct elf_prstatus` of CPUs, as far as a target has any outside of memory."""
    statuses: Sequence[bytes] = getattr(target, "cpu_statuses", ())
    return statuses


class BaseTarget(ABC):
    """A `btfdump._targets.memory.Target` without symbols, BTF or modules, of one CPU.

    A class derived from it defines `read()`, sets `platform`, and says what else there is.
    """

    platform: Platform
    is_live: bool = False
    release: str = ""
    description: str = ""
    problems: Sequence[str] = ()
    """What is wrong with the whole: of a dump that lacks some of its memory."""
    cpu_statuses: Sequence[bytes] = ()
    """Of a dump with notes of its CPUs' registers: the `struct elf_prstatus` of each, in order."""

    @abstractmethod
    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`: see `btfdump._targets.memory.Memory`."""

    def symbol(self, name: str) -> int:
        """Return the address of the vmlinux symbol `name`; raises `SymbolNotFoundError`."""
        raise SymbolNotFoundError(f"no symbol {name!r}")

    def symbols_named(self, name: str) -> Sequence[Symbol]:
        """Return the vmlinux symbols called `name`, one for each address, in that order."""
        try:
            return [Symbol(self.symbol(name))]
        except SymbolNotFoundError:
            return []

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        del address
        return "", ""

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, None otherwise."""
        del address
        return None

    def btf_bytes(self) -> bytes:
        """Return the raw vmlinux BTF; raises `MissingDataError` saying why there is none."""
        raise MissingDataError(f"{self.description or 'this memory'} has no BTF", "use --btf FILE")

    def module_btf(self, name: str) -> bytes | None:
        """Return the raw BTF of a module; None where the kernel's memory alone may have it."""
        del name
        return None

    @property
    def per_cpu_offsets(self) -> Sequence[int]:
        """The offset in bytes of each possible CPU's area, by CPU number; (0,) on UP.

        This is `__per_cpu_offset[]`; sums with it wrap at the pointer size.
        """
        return (0,)

    def close(self) -> None:  # noqa: B027 - one that holds nothing need not say so
        """Release what the target holds: here, nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class KernelTarget(BaseTarget):
    """A kernel's memory: symbols, per-CPU offsets and BTF are found in it when asked for.

    `info` is its VMCOREINFO. `vmlinux` supplies what the memory lacks. `running` says that it is
    the kernel we run on, which tells of itself in /proc and /sys as well. `cut` says of a truncated
    dump that it is one.
    """

    def __init__(
        self,
        platform: Platform,
        info: Mapping[str, str],
        vmlinux: str | os.PathLike[str] | None = None,
        running: RunningKernel | None = None,
        cut: str = "",
    ) -> None:
        self.platform = platform
        self.vmcoreinfo = info
        self.symbols = KernelSymbols(self.read, info, platform, vmlinux, running, cut)
        self.release = info.get("OSRELEASE") or (running.release if running is not None else "")
        self._running = running
        self._per_cpu_offsets: tuple[int, ...] | None = None

    def symbol(self, name: str) -> int:
        """Return the address of the vmlinux symbol `name`.

        Raises `SymbolNotFoundError`, or `AmbiguousSymbolError` if there are several local ones.
        """
        return self.symbols.symbol(name)

    def symbols_named(self, name: str) -> Sequence[Symbol]:
        """Return the vmlinux symbols called `name`, one for each address, in that order."""
        return self.symbols.find_all(name)

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of the symbols before and after the one at `address`; "" for none."""
        return self.symbols.around(address)

    def symbol_room(self, address: int) -> tuple[int, bool]:
        """Return the bytes that the symbol at an address has, and whether they are just its size.

        If not, they are those up to the next symbol, or 0 if that is not known.
        """
        return self.symbols.room(address)

    def symbols_listed(self) -> Iterable[tuple[str, int]]:
        """Yield (name, virtual address) of the symbols that are not code, by address."""
        return self.symbols.listed()

    def symbols_every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Return name, symbol and size or room of every symbol in the tables, by address."""
        return self.symbols.every()

    def symbol_covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return the name of the symbol that `address` belongs to, the symbol, and its room."""
        return self.symbols.covering(address)

    def symbols_lack(self) -> str:
        """Return why variables may be there that are not listed, and what to do; "" if none are."""
        return self.symbols.lack

    def symbolize(self, address: int) -> str | None:
        """Return `name` or `name+0x10` for an address inside the kernel image, None otherwise."""
        return self.symbols.symbolize(address)

    def btf_bytes(self) -> bytes:
        """Return the raw vmlinux BTF; raises `MissingDataError` saying why there is none."""
        found = self._running.btf() if self._running is not None else None
        return found or self.symbols.btf()

    def module_btf(self, name: str) -> bytes | None:
        """Return the raw BTF of a module from sysfs, None if sysfs does not have it."""
        return self._running.module_btf(name) if self._running is not None else None

    @property
    def per_cpu_offsets(self) -> tuple[int, ...]:
        """The offset in bytes of each possible CPU's area, by CPU number; (0,) on UP.

        This is `__per_cpu_offset[]`; sums with it wrap at the pointer size. Raises what
        `percpu.read_offsets()` raises.
        """
        if self._per_cpu_offsets is None:
            self._per_cpu_offsets = percpu.read_offsets(self.read, self.symbols, self.platform)
        return self._per_cpu_offsets


class LayeredTarget(BaseTarget):
    """A target over another one, which it passes every question on to; derived ones differ in some.

    The target below still owns its resources; `close()` closes it.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.platform = target.platform
        self.is_live = target.is_live
        self.release = target.release
        self.description = target.description
        self.problems = problems_of(target)
        self.cpu_statuses = cpu_statuses_of(target)

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address` of the target below."""
        return self._target.read(address, size)

    def symbol(self, name: str) -> int:
        """Return the address of `name` in the target below; raises `SymbolNotFoundError`."""
        return self._target.symbol(name)

    def symbols_named(self, name: str) -> Sequence[Symbol]:
        """Return the symbols called `name` in the target below."""
        return symbols_named(self._target, name)

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return what the target below has before and after `address`."""
        return symbols_around(self._target, address)

    def symbol_room(self, address: int) -> tuple[int, bool]:
        """Return how much room the target below has for the symbol at `address`."""
        return symbol_room(self._target, address)

    def symbols_listed(self) -> Iterable[tuple[str, int]]:
        """Yield the symbols of the target below that are not code."""
        return symbols_listed(self._target)

    def symbols_every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Return every symbol of the target below."""
        return symbols_every(self._target)

    def symbol_covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return what symbol of the target below `address` belongs to."""
        return symbol_covering(self._target, address)

    def symbols_lack(self) -> str:
        """Return why the target below may have variables that it does not list."""
        return symbols_lack(self._target)

    def symbolize(self, address: int) -> str | None:
        """Return the name that the target below has for `address`, or None."""
        return self._target.symbolize(address)

    def btf_bytes(self) -> bytes:
        """Return the BTF of the target below; raises `MissingDataError` if it has none."""
        return self._target.btf_bytes()

    def module_btf(self, name: str) -> bytes | None:
        """Return what the target below has of a module's BTF."""
        return self._target.module_btf(name)

    @property
    def per_cpu_offsets(self) -> Sequence[int]:
        """Per-CPU offsets of the target below."""
        return self._target.per_cpu_offsets

    def close(self) -> None:
        """Close the target below."""
        self._target.close()
