"""GuardedMemory: reads through a `BpfReader`, of addresses that are known to be memory only.

A program can read whatever is mapped, including the registers of devices, and reading those can
have effects. So an address must be known to be memory before it is read, and that knowledge is kept
fresh.
"""

from __future__ import annotations

from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING

from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._targets.via_bpf.kernel_map import KernelMap
    from btfdump._targets.via_bpf.reader import BpfReader

# A read larger than this is a corrupt length, not an object: the biggest honest ones are BTF and
# hash tables.
MAX_READ = 1 << 28
_MAX_AGE = 1.0
"""Seconds after which the map is loaded again before anything is read by it."""
_MIN_AGE = 0.05
"""Seconds that a map must be old to be loaded again for an address that it does not have."""


class GuardedMemory:
    """A `Memory` of the addresses that `survey()` reports as memory; reads of any other fault.

    `survey` is called again when its answer is old, and when an address is not in it, because
    memory may have been mapped since. If it fails then, the old answer stays. Several threads may
    read; they are served one at a time. `clock` returns seconds.
    """

    def __init__(
        self,
        reader: BpfReader,
        survey: Callable[[], KernelMap],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._reader = reader
        self._survey = survey
        self._clock = clock
        self._lock = RLock()
        self._load()

    def _age(self) -> float:
        return self._clock() - self._loaded_at

    def _load(self) -> None:
        self._map = self._survey()
        self._loaded_at = self._clock()
        if not self._reader.set_bounds(self._map.readable):  # tens of thousands of areas
            self._reader.set_bounds(self._map.always)

    def _refresh(self) -> None:
        try:
            self._load()
        except (FaultError, CorruptDataError):  # it changed under our hands: next time
            self._loaded_at = self._clock()

    def _allows(self, address: int, size: int) -> bool:
        """Whether `size` bytes at `address` may be read."""
        if self._age() > _MAX_AGE:
            self._refresh()
        if self._map.readable.covers(address, size):
            return True
        if self._age() > _MIN_AGE:
            self._refresh()
            return self._map.readable.covers(address, size)
        return False

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first byte that cannot or may not be read, and the reason. More
        than `MAX_READ` bytes at once are refused.
        """
        if not 0 < size <= MAX_READ:
            if size == 0:
                return b""
            reason = "negative size" if size < 0 else f"more than {MAX_READ} bytes at once"
            raise FaultError(address, size, reason)
        with self._lock:
            if self._allows(address, size):
                return self._reader.read(address, size)
            readable = self._map.readable.end_of(address) - address
            if readable:
                self._reader.read(address, readable)  # an earlier fault is the one to report
            refused = address + readable
            raise FaultError(refused, size - readable, self._map.why_not(refused))

    def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read every (address, size) in as few calls as possible; None for unreadable ones."""
        with self._lock:
            if self._age() > _MAX_AGE:
                self._refresh()
            allowed = self._allowed(requests)
            if len(allowed) < len(requests) and self._age() > _MIN_AGE:
                self._refresh()
                allowed = self._allowed(requests)
            found: list[bytes | None] = [None] * len(requests)
            results = self._reader.read_many([requests[at] for at in allowed])
            for at, data in zip(allowed, results, strict=True):
                found[at] = data
        return found

    def _allowed(self, requests: Sequence[tuple[int, int]]) -> list[int]:
        """Return the numbers of the requests that may be served."""
        covers = self._map.readable.covers
        return [
            at
            for at, (address, size) in enumerate(requests)
            if 0 < size <= MAX_READ and covers(address, size)
        ]

    def copy_chain(
        self,
        holder: int,
        stop: int,
        size: int,
        *,
        link_offset: int = 0,
        next_offset: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Follow a chain inside the kernel, as `BpfReader.copy_chain()` does, within known memory.

        Returns an empty list if that cannot be done; `read()` then tells why.
        """
        with self._lock:
            if not self._allows(holder, 8):
                return []
            return self._reader.copy_chain(
                holder, stop, size, link_offset=link_offset, next_offset=next_offset
            )

    def try_run(self) -> None:
        """Run a program once; raises `BpfError` if that is no longer permitted."""
        with self._lock:
            self._reader.try_run()

    def close(self) -> None:
        """Release the reader."""
        with self._lock:
            self._reader.close()
