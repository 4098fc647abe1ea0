"""Slab objects: which cache an address belongs to, and where the object around it begins.

The direct map leads from the address to its `struct page`, `head_page()` from there to the
`struct slab` that overlays it (mm/slab.h; before Linux 5.17 the page itself), and that to the
`struct kmem_cache`. Page flags have moved too often to be relied on. A page counts as part of a
slab only if what it names as its cache is one: an object of the cache of caches, `kmem_cache`
(mm/slab_common.c), by its own page. Offsets within the slab are computed as in nearest_obj()
(mm/slub.c). Nothing is read until an address is asked for, and then only what leads from there.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._kernel.direct_map import DirectMap, direct_map, head_page, word
from btfdump._kernel.entries import linked
from btfdump._kernel.services import Cache, SlabObject
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context

_MAX_CACHES = 1 << 16
_KMALLOC = 28
"""The pointers of `kmalloc_caches` looked at: of two kinds, KMALLOC_SHIFT_HIGH + 1 of each."""


class Slab(NamedTuple):
    """One slab: `address` is that of its `struct slab`, `start` that of its first object."""

    address: int
    cache: Cache
    start: int
    objects: int

    def object_at(self, address: int) -> SlabObject | None:
        """Return the object that contains an address, None if none does."""
        number = (address - self.start) // self.cache.size
        if not 0 <= number < self.objects:
            return None
        return SlabObject(self.cache, self.start + number * self.cache.size)

    def number(self, address: int) -> int | None:
        """Return the number of the object that begins at an address, None if none does."""
        number, inside = divmod(address - self.start, self.cache.size)
        return number if not inside and 0 <= number < self.objects else None


class SlabFinder:
    """Finds the slab objects of one kernel and caches what it looks up."""

    def __init__(self, kernel: Context) -> None:
        self.kernel = kernel
        self._caches: dict[int, Cache | None] = {}
        self._slabs: dict[int, Slab | None] = {}
        self._kmalloc: list[Cache] | None = None
        self._cache_of_caches: int | None = None

    def find(self, address: int) -> SlabObject | None:
        """Return the slab object that contains a virtual address, or None if none is found."""
        slab = self.slab(address)
        return slab.object_at(address) if slab is not None else None

    def slab(self, address: int) -> Slab | None:
        """Return the slab that contains a virtual address, or None if none is found."""
        direct = self.direct
        number = direct.page_number(address) if direct is not None else None
        if direct is None or number is None:
            return None
        return self._slab_of(number, direct)

    def describe(self, address: int) -> str | None:
        """Describe the slab object at an address: `slab kmalloc-64, object 0x...+0x8`, or None."""
        found = self.find(address)
        if found is None:
            return None
        inside = address - found.start
        where = f", object {found.start:#x}+{inside:#x}" if inside else ""
        is_merged = not found.cache.is_exact and not found.cache.is_kmalloc
        return f"slab {found.cache.name}{' (merged)' if is_merged else ''}{where}"

    def smallest(self, cache: Cache) -> int:
        """Return the least size in bytes of what the kernel allocates from a cache.

        kmalloc() takes the smallest cache that fits. Other caches may have been merged with some
        that hold a little less.
        """
        if cache.is_exact:
            return cache.object_size
        if not cache.is_kmalloc:
            return cache.object_size // 2 + 1
        kind = cache.name.rpartition("-")[0]
        smaller = [
            other.object_size
            for other in self._kmalloc_caches()
            if other.object_size < cache.object_size and other.name.rpartition("-")[0] == kind
        ]
        return max(smaller, default=0) + 1

    @cached_property
    def direct(self) -> DirectMap | None:
        """The direct map, None if it is not known where that is."""
        try:
            return direct_map(self.kernel)
        except BtfdumpError:
            return None

    def _is_cache_of_caches(self, address: int, direct: DirectMap) -> bool:
        """Whether the `struct kmem_cache` at an address is the one that all are objects of."""
        if self._cache_of_caches is None:
            self._cache_of_caches = self._find_cache_of_caches(direct)
        return address == self._cache_of_caches

    def _find_cache_of_caches(self, direct: DirectMap) -> int:
        """Return the address of the cache of caches, or 0 if it is not to be found.

        The variable is not exported, but an array of caches of kmalloc() is. Whatever lies at that
        address is an object of itself.
        """
        try:
            return word(self.kernel, "kmem_cache")
        except SymbolNotFoundError:
            pass
        pointer = self.kernel.target.platform.pointer_size
        try:
            data = self.kernel.target.read(
                self.kernel.own_symbol("kmalloc_caches"), _KMALLOC * pointer
            )
        except BtfdumpError:
            return 0
        byteorder = self.kernel.target.platform.byteorder
        for at in range(0, len(data), pointer):
            cache = int.from_bytes(data[at : at + pointer], byteorder)
            with suppress(BtfdumpError):
                found = self._named_at(cache, direct)
                if found and self._named_at(found, direct) == found:
                    return found
        return 0

    def _named_at(self, address: int, direct: DirectMap) -> int:
        """Return what the page of an address in the direct map names as cache, 0 elsewhere."""
        number = direct.page_number(address)
        return self._overlay(number, direct)[2] if number is not None else 0

    def _slab_of(self, number: int, direct: DirectMap) -> Slab | None:
        """Return the slab that a page belongs to, cached unless the kernel is running."""
        if number in self._slabs:
            return self._slabs[number]
        try:
            slab = self._slab(number, direct)
        except BtfdumpError:
            slab = None
        if not self.kernel.target.is_live:
            self._slabs[number] = slab
        return slab

    def _slab(self, number: int, direct: DirectMap) -> Slab | None:
        number, address, named = self._overlay(number, direct)
        cache = self._cache(named, direct)
        if cache is None:
            return None
        value = value_at(self.kernel, self.kernel.own_type(f"struct {self.struct}"), address)
        start = self.kernel.wrap(direct.address_of(number) + cache.pad)
        return Slab(address, cache, start, int(value.member_("objects")))

    def _overlay(self, number: int, direct: DirectMap) -> tuple[int, int, int]:
        """Return (number of the first page, address of its `struct slab`, what it names as cache).

        That is what a slab would have there; other pages have other things in those words.
        """
        page = self.kernel.struct("page")
        memory = self.kernel.target
        address = direct.pages + number * page.size
        data = memory.read(address, page.size)
        head = head_page(page, address, data, direct.pages)
        if head != address:
            address = head
            number = (address - direct.pages) // page.size
            data = memory.read(address, page.size)
        return number, address, self.kernel.struct(self.struct).integer(data, "slab_cache")

    @cached_property
    def struct(self) -> str:
        """The struct that describes a slab: `slab`, or `page` before Linux 5.17."""
        try:
            self.kernel.struct("slab")
        except LookupError:
            return "page"
        return "slab"

    def _cache(self, address: int, direct: DirectMap) -> Cache | None:
        """Return the cache at an address, if there is one; cached."""
        if address not in self._caches:
            self._caches[address] = self._read_cache(address, direct)
        return self._caches[address]

    def _read_cache(self, address: int, direct: DirectMap) -> Cache | None:
        named = self._named_at(address, direct)
        if not named or not self._is_cache_of_caches(named, direct):
            return None
        cache = value_at(self.kernel, self.kernel.own_type("struct kmem_cache"), address)
        size, object_size = int(cache.member_("size")), int(cache.object_size)
        if not 0 < object_size <= size:
            return None
        name = cache.member_("name").string_()
        # Only where slabs can be debugged do objects begin after a red zone.
        pad = int(cache.red_left_pad) if cache.has_member_("red_left_pad") else 0
        # The allocator's own caches have -1: none is merged with them (create_boot_cache()).
        is_exact = int(cache.refcount) in {1, -1} and "kmalloc-" not in name
        return Cache(address, name, size, object_size, pad, is_exact)

    def _kmalloc_caches(self) -> list[Cache]:
        """Return the caches of kmalloc(), as far as the list of all caches can be read."""
        if self._kmalloc is None:
            self._kmalloc = []
            with suppress(BtfdumpError):
                self._kmalloc += (c for c in self._every_cache() if c.is_kmalloc)
        return self._kmalloc

    def _every_cache(self) -> Iterator[Cache]:
        kernel, direct = self.kernel, self.direct
        element = kernel.own_type("struct kmem_cache")
        assert isinstance(element, types.Composite)
        link = kernel.struct("kmem_cache").offset("list")
        try:
            head = value_at(kernel, "struct list_head", "slab_caches")
        except SymbolNotFoundError:  # the cache of caches is in the list, too; the head is no cache
            if not self._cache_of_caches:
                return
            head = value_at(kernel, "struct list_head", self._cache_of_caches + link)
        expansion = Expansion("list_head", element, "list", link, 0, "mm/slab.h")
        for entry in islice(linked(head, expansion), _MAX_CACHES):
            if isinstance(entry, Value) and direct is not None:
                cache = self._cache(entry.address_, direct)
                if cache is not None:
                    yield cache
