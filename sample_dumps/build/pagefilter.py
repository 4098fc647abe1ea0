"""Which pages of a dump matter: the kernel's own data, told by struct page through BTF.

makedumpfile does the same with the layout that it knows of each version. That of Debian 12 does
not know Linux 6.12, where a slab page is no longer a page flag (PG_slab) but a page type, and
takes slab pages for user memory. Here a page goes only if it is on an LRU list, which no page of
the kernel's own is, whatever its type is called.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from btfdump._api.kernel import Kernel

CHUNK = 256
# arch/x86/include/asm/page_64_types.h: where the kernel's text is mapped.
START_KERNEL_MAP = 0xFFFFFFFF80000000


class PageFilter:
    """Sorts page frames of an x86-64 kernel into those to keep and those to leave out."""

    def __init__(self, kernel: Kernel, vmcoreinfo: Mapping[str, str]) -> None:
        self._target = kernel.target
        symbol = kernel.target.symbol
        (self._vmemmap,) = struct.unpack("<Q", kernel.target.read(symbol("vmemmap_base"), 8))
        page = kernel.value("struct page", self._vmemmap)
        self._size = page.size_
        self._offsets = {
            name: page.member_(name).address_ - page.address_
            for name in ("flags", "mapping", "page_type", "private")
        }
        self._on_lru = 1 << int(vmcoreinfo["NUMBER(PG_lru)"])
        self._buddy = int(vmcoreinfo["NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"]) & 0xFFFFFFFF
        base = START_KERNEL_MAP - int(vmcoreinfo["NUMBER(phys_base)"])
        self._text = range((symbol("_stext") - base + 4095) >> 12, (symbol("_etext") - base) >> 12)

    def sort(self, frames: Iterable[int]) -> tuple[list[int], Counter[str]]:
        """Return the frames to keep, and how many are left out for what reason."""
        kept: list[int] = []
        dropped: Counter[str] = Counter()
        free_until = 0
        for frame, page in self._pages(frames):
            if page is not None and self._word("page_type", page, "<I") == self._buddy:
                # A free block has 2^order pages; only the first says so.
                free_until = frame + (1 << self._word("private", page, "<Q"))
            if frame < free_until:
                dropped["free"] += 1
            elif frame in self._text:
                dropped["kernel text"] += 1
            elif page is not None and self._is_user_or_cache(page):
                dropped["user memory and page cache"] += 1
            else:
                kept.append(frame)
        return kept, dropped

    def _is_user_or_cache(self, page: bytes) -> bool:
        on_lru = self._word("flags", page, "<Q") & self._on_lru
        return bool(on_lru and self._word("mapping", page, "<Q"))

    def _word(self, name: str, page: bytes, form: str) -> int:
        (value,) = struct.unpack_from(form, page, self._offsets[name])
        return int(value)

    def _pages(self, frames: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
        """Yield each frame with its struct page, or None where the memory map has a hole."""
        at, chunk = -1, b""
        for frame in frames:
            if frame // CHUNK != at:
                at = frame // CHUNK
                address = self._vmemmap + at * CHUNK * self._size
                try:
                    chunk = self._target.read(address, CHUNK * self._size)
                except FaultError:
                    chunk = b""
            start = frame % CHUNK * self._size
            yield frame, chunk[start : start + self._size] or None
