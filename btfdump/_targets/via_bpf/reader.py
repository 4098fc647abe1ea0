"""BpfReader: requests in, bytes out, through the two programs and the memory shared with them."""

from __future__ import annotations

import struct
import sys
from array import array
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from btfdump._targets.memory import UNMAPPED
from btfdump._targets.via_bpf import programs
from btfdump._targets.via_bpf.programs import REQUEST_SIZE, BoundsTable, Window
from btfdump._targets.via_bpf.ranges import Ranges
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump._targets.memory import ByteOrder
    from btfdump._targets.via_bpf.syscall import Bpf

_PAGE = 4096  # the smallest page of all architectures
_ADDRESS_SPACE = 1 << 64


class BpfReader:
    """Copies kernel memory. The caller decides what may be read, except for `copy_chain()`.

    The maps and the programs are made at once, so that capabilities are not needed afterwards. Not
    for several threads at a time. Raises `BpfError` if the kernel refuses.
    """

    def __init__(
        self,
        bpf: Bpf,
        window: Window | None = None,
        table: BoundsTable | None = None,
        byteorder: ByteOrder = sys.byteorder,
    ) -> None:
        self._bpf = bpf
        self._window = window or Window()
        self._table = table or BoundsTable()
        self._byteorder = byteorder
        self._order = "<" if byteorder == "little" else ">"
        self._word = struct.Struct(f"{self._order}Q")
        self._one = struct.Struct(f"{self._order}QII")
        self._result = struct.Struct(f"{self._order}q")
        self._fds: list[int] = []
        self._is_open = True
        try:
            self._make()
        except BaseException:
            self._close_fds()
            raise

    def _make(self) -> None:
        window_fd = self._keep(self._bpf.create_array(self._window.size))
        table_fd = self._keep(self._bpf.create_array(self._table.size))
        reader = programs.reader_program(self._window, window_fd, self._byteorder)
        walk = programs.walk_program(
            self._window, window_fd, self._table, table_fd, self._byteorder
        )
        self._run_reader = self._bpf.runner(self._keep(self._bpf.load(reader)))
        self._run_walk = self._bpf.runner(self._keep(self._bpf.load(walk)))
        self._memory = self._bpf.map_value(window_fd, self._window.size)
        self._bounds = self._bpf.map_value(table_fd, self._table.size)
        self._bounds_used = self._table.size // 8
        self.set_bounds(Ranges())

    def _keep(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def _close_fds(self) -> None:
        while self._fds:
            self._bpf.close(self._fds.pop())

    def close(self) -> None:
        """Release the maps and the programs; every read faults from now on."""
        if self._is_open:
            self._is_open = False
            self._memory.close()
            self._bounds.close()
            self._close_fds()

    def read(self, address: int, size: int) -> bytes:
        """Read exactly `size` bytes at virtual `address`.

        Raises `FaultError` with the first byte that cannot be read.
        """
        if size < 0 or address < 0 or address + size > _ADDRESS_SPACE:
            raise FaultError(address, size, "outside the address space")
        self._require_open(address, size)
        window = self._window
        if 0 < size <= window.largest:
            self._word.pack_into(self._memory, programs.COUNT, 1)
            self._one.pack_into(self._memory, window.requests_at, address, size, 0)
            self._run_reader()
            at = window.requests_at + REQUEST_SIZE - 8
            if not self._result.unpack_from(self._memory, at)[0]:
                return self._memory[window.data_at : window.data_at + size]
        return self._read_in_pieces(address, size)

    def try_run(self) -> None:
        """Run the program that reads, and read nothing; raises `BpfError` if that is refused."""
        self._word.pack_into(self._memory, programs.COUNT, 0)
        self._run_reader()

    def _require_open(self, address: int, size: int) -> None:
        if not self._is_open:
            raise FaultError(address, size, "the target is closed")

    def _read_in_pieces(self, address: int, size: int) -> bytes:
        """Read more than one request can hold, or find the page that makes one fail."""
        end = address + size
        found: list[bytes] = []
        largest = self._window.largest
        pieces = list(_pieces(address, end, largest))
        for (start, length), data in zip(pieces, self._serve(pieces), strict=True):
            if data is not None:
                found.append(data)
                continue
            pages = list(_pieces(start, start + length, _PAGE))
            for (page, _), part in zip(pages, self._serve(pages), strict=True):
                if part is None:
                    raise FaultError(page, end - page, UNMAPPED)
                found.append(part)
        return b"".join(found)

    def read_many(self, requests: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read every (address, size) in as few calls as possible; None for unreadable ones.

        A range larger than the window's largest request counts as unreadable. Raises `FaultError`
        once closed.
        """
        self._require_open(0, 0)
        return list(self._serve(requests))

    def _serve(self, requests: Sequence[tuple[int, int]]) -> Iterator[bytes | None]:
        """Serve requests, a windowful at a time."""
        window = self._window
        start = 0
        while start < len(requests):
            words: list[int] = []
            places: list[tuple[int, int]] = []
            offset = 0
            for address, size in requests[start : start + window.requests]:
                if places and offset + size > window.data:
                    break
                words += address, size, offset, 0
                places.append((offset, size))
                offset = (offset + size + 7) & ~7
            start += len(places)
            layout = _requests(self._order, len(places))
            self._word.pack_into(self._memory, programs.COUNT, len(places))
            layout.pack_into(self._memory, window.requests_at, *words)
            self._run_reader()
            results = layout.unpack_from(self._memory, window.requests_at)[3::4]
            data = self._memory[window.data_at : window.data_at + offset]
            yield from [
                data[at : at + size] if not result else None
                for (at, size), result in zip(places, results, strict=True)
            ]

    # Chains

    def set_bounds(self, ranges: Ranges) -> bool:
        """Tell the walk what it may read; return whether that was possible.

        If there are too many ranges for the table, the walk may read nothing.
        """
        fits = 2 * len(ranges) < 1 << self._table.bits
        bounds = array("Q", [0])
        if fits:
            bounds.extend(bound >> programs.FRAME_BITS for bound in chain.from_iterable(ranges))
        used = len(bounds)
        bounds.extend([programs.NO_BOUND] * (self._bounds_used - used))
        self._bounds_used = used
        if self._byteorder != sys.byteorder:
            bounds.byteswap()
        self._require_open(0, 0)
        self._bounds[: 8 * len(bounds)] = bounds.tobytes()
        return fits

    def copy_chain(
        self,
        holder: int,
        stop: int,
        size: int,
        *,
        link_offset: int = 0,
        next_offset: int = 0,
    ) -> list[tuple[int, bytes]]:
        """Follow a chain inside the kernel; return (link, the element's bytes) for each element.

        `holder` is the address of the first pointer. Each element has `size` bytes; its link, which
        the pointers lead to, lies `link_offset` bytes into it, and the pointer to the next link
        `next_offset` bytes after the start of its link. All elements are copied under one
        rcu_read_lock().

        The chain ends at the pointer `stop`, after `WALK_LIMIT` elements, before one that cannot or
        may not be read as a whole, and when the window is full. It is empty for elements that are
        too large.
        """
        window = self._window
        stride = (size + 7) & ~7
        to_next = link_offset + next_offset
        count = min(programs.WALK_LIMIT, window.data // stride) if size else 0
        fits = size < window.largest and to_next % 8 == 0 and 0 <= to_next <= size - 8
        if count <= 0 or not fits:
            return []
        self._require_open(holder, 8)
        struct.pack_into(
            f"{self._order}7Q",
            self._memory,
            programs.COUNT,
            count,
            stop,
            holder,
            link_offset,
            size,
            to_next,
            stride,
        )
        copied = self._run_walk()
        link = self._word.unpack_from(self._memory, programs.FIRST)[0]
        data = self._memory[window.data_at : window.data_at + copied * stride]
        elements = []
        for at in range(0, len(data), stride):
            elements.append((link, data[at : at + size]))
            link = self._word.unpack_from(data, at + to_next)[0]
        return elements


def _pieces(start: int, end: int, unit: int) -> Iterator[tuple[int, int]]:
    """Cut [start, end) at the multiples of `unit`; yield (address, size)."""
    while start < end:
        stop = min(end, (start // unit + 1) * unit)
        yield start, stop - start
        start = stop


@lru_cache(32)
def _requests(order: str, count: int) -> struct.Struct:
    return struct.Struct(order + "QIIq" * count)
