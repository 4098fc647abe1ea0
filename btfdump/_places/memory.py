"""All memory that there is of a kernel, in pieces, through the direct map.

Which physical addresses are memory says the kernel's own tree of resources, what /proc/iomem shows
(kernel/resource.c). Of a dump, most of it may be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.value_at import value_at
from btfdump._targets.memory import unchecked_read
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.direct_map import DirectMap

PIECE = 1 << 20
"""Bytes that are read at once."""
_RAM = "System RAM"
_MAX_RESOURCES = 1 << 14


class Chunk(NamedTuple):
    """Memory that could be read: a virtual address in the direct map, and the bytes there."""

    address: int
    data: bytes


class PhysicalMemory:
    """The memory of one kernel; `pages` and `missing` count pages as `pieces()` goes along."""

    def __init__(self, kernel: Context, direct: DirectMap) -> None:
        self._kernel = kernel
        self._direct = direct
        self.pages = 0
        self.missing = 0

    def pieces(self) -> Iterator[Chunk]:
        """Yield all memory that can be read, by address.

        Raises `BtfdumpError`s if the kernel does not say where its memory is.
        """
        size = self._direct.page_size
        read, errors = unchecked_read(self._kernel.target)
        for start, end in self.ranges():
            for at in range(start, end, PIECE):
                length = min(PIECE, end - at)
                self.pages += length // size
                try:
                    piece = Chunk(at, read(at, length))
                except errors:
                    yield from self._by_page(at, length)
                else:
                    yield piece

    def _by_page(self, start: int, length: int) -> Iterator[Chunk]:
        """Yield what there is of a piece that is not all there."""
        size = self._direct.page_size
        read, errors = unchecked_read(self._kernel.target)
        run: list[bytes] = []
        for at in range(start, start + length, size):
            try:
                data = read(at, size)
            except errors:
                self.missing += 1
                if run:
                    yield Chunk(at - size * len(run), b"".join(run))
                    run = []
            else:
                run.append(data)
        if run:
            yield Chunk(start + length - size * len(run), b"".join(run))

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield [start, end) of memory in whole pages, as virtual addresses of the direct map."""
        kernel, direct = self._kernel, self._direct
        root = value_at(kernel, "struct resource", kernel.own_symbol("iomem_resource"))
        resource, seen = root.child, 0
        found = False
        while resource:
            seen += 1
            if seen > _MAX_RESOURCES:
                raise CorruptDataError(
                    f"iomem_resource has more than {_MAX_RESOURCES} children", root.address_
                )
            if resource.member_("name").string_() == _RAM:
                found = True
                start = -(-int(resource.start) // direct.page_size) * direct.page_size
                end = (int(resource.end) + 1) // direct.page_size * direct.page_size
                shift = direct.base - direct.physical
                yield max(start + shift, direct.base), min(end + shift, direct.end)
            resource = resource.sibling
        if not found:
            raise CorruptDataError(
                f"iomem_resource has no {_RAM!r}: where memory is, is unknown", root.address_
            )
