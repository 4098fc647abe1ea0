"""The slabs of one cache: found among all pages of memory, for full ones are on no list."""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING

from btfdump._places.memory import PhysicalMemory
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.slab import Slab, SlabFinder

_PIECE = 1 << 12
"""Pages that are looked at at once."""


class SlabPages:
    """Finds the slabs of caches in one kernel; `missing` counts pages of which nothing is known."""

    def __init__(self, slabs: SlabFinder) -> None:
        self._slabs = slabs
        self.missing = 0

    def of(self, cache: int) -> Iterator[Slab]:
        """Yield the slabs of the `struct kmem_cache` at an address, by address.

        Raises `MissingDataError` if it is not known where memory is.
        """
        direct = self._slabs.direct
        if direct is None:
            raise MissingDataError(
                "it is not known where the kernel has its pages, so slabs cannot be found",
                "this is read for x86-64, arm64 and s390x",
            )
        kernel = self._slabs.kernel
        for start, end in PhysicalMemory(kernel, direct).ranges():
            first, last = ((at - direct.base) >> direct.page_shift for at in (start, end))
            for number in range(first, last, _PIECE):
                yield from self._among(cache, number, min(_PIECE, last - number))

    def _among(self, cache: int, number: int, count: int) -> Iterator[Slab]:
        """Yield the slabs that begin with one of `count` pages, whose places are from `number`."""
        direct, kernel = self._slabs.direct, self._slabs.kernel
        assert direct is not None
        size = kernel.struct("page").size
        try:
            data = kernel.target.read(kernel.wrap(direct.pages + number * size), count * size)
        except BtfdumpError:
            if count == 1:
                self.missing += 1
                return
            half = count // 2
            yield from self._among(cache, number, half)
            yield from self._among(cache, number + half, count - half)
            return
        offset = kernel.struct(self._slabs.struct).offset("slab_cache")
        code = "Q" if kernel.layouts.pointer_size == 8 else "I"
        mark = "<" if kernel.layouts.byteorder == "little" else ">"
        rest = size - offset - kernel.layouts.pointer_size
        for at, (word,) in enumerate(iter_unpack(f"{mark}{offset}x{code}{rest}x", data)):
            if word != cache:
                continue
            slab = self._slabs.slab(kernel.wrap(direct.address_of(number + at)))
            page = kernel.wrap(direct.pages + (number + at) * size)
            if slab is not None and (slab.address, slab.cache.address) == (page, cache):
                yield slab
