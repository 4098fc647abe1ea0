"""Slab objects: which cache an address belongs to, and where the object around it begins.

The direct map leads from the address to its `struct page`, the compound head from there to the
`struct slab` that overlays it (mm/slab.h; before Linux 5.17 the page itself), and that to the
`struct kmem_cache`. A page counts as part of a slab only if the cache that it names is listed in
`slab_caches`, because page flags have moved too often to be relied on. Offsets within the slab are
computed as in nearest_obj() (mm/slub.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._kernel.services import Cache, SlabObject
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context

_PAGE_SHIFT = 12  # on both architectures supported below
_MAX_CACHES = 1 << 16


class _Slab(NamedTuple):
    cache: Cache
    start: int
    objects: int


class _DirectMap(NamedTuple):
    """The virtual addresses of the direct map and of the array of `struct page`."""

    base: int
    pages: int


class SlabFinder:
    """Finds the slab objects of one kernel and caches what it looks up."""

    def __init__(self, kernel: Context) -> None:
        self.kernel = kernel
        self._caches: dict[int, Cache] | None = None
        self._slabs: dict[int, _Slab | None] = {}
        self._map: _DirectMap | None = None

    def find(self, address: int) -> SlabObject | None:
        """Return the slab object that contains a virtual address, or None if none is found."""
        caches = self._known_caches()
        direct = self._map
        if not caches or direct is None:
            return None
        number = (address - direct.base) >> _PAGE_SHIFT
        if number < 0 or number >> 40:
            return None
        slab = self._slab_of(number, direct, caches)
        if slab is None:
            return None
        index, _ = divmod(address - slab.start, slab.cache.size)
        if not 0 <= index < slab.objects:
            return None
        return SlabObject(slab.cache, slab.start + index * slab.cache.size)

    def describe(self, address: int) -> str | None:
        """Describe the slab object at an address: `slab kmalloc-64, object 0x...+0x8`, or None."""
        found = self.find(address)
        if found is None:
            return None
        inside = address - found.start
        where = f", object {found.start:#x}+{inside:#x}" if inside else ""
        return f"slab {found.cache.name}{where}"

    def _slab_of(self, number: int, direct: _DirectMap, caches: dict[int, Cache]) -> _Slab | None:
        """Return the slab that a page belongs to, cached unless the kernel is running."""
        if number in self._slabs:
            return self._slabs[number]
        try:
            slab = self._slab(number, direct, caches)
        except BtfdumpError:
            slab = None
        if not self.kernel.target.is_live:
            self._slabs[number] = slab
        return slab

    def _slab(self, number: int, direct: _DirectMap, caches: dict[int, Cache]) -> _Slab | None:
        page = self.kernel.struct("page")
        memory = self.kernel.target
        address = direct.pages + number * page.size
        head = page.integer(memory.read(address, page.size), "compound_head")
        if head & 1:
            address = head - 1
            number = (address - direct.pages) // page.size
        name = "slab" if self._has("slab") else "page"
        slab = self.kernel.struct(name)
        data = memory.read(address, slab.size)
        cache = caches.get(slab.integer(data, "slab_cache"))
        if cache is None:
            return None
        value = value_at(
            self.kernel,
            self.kernel.own_type(f"struct {name}"),
            address,
            data,
        )
        start = self.kernel.wrap(direct.base + (number << _PAGE_SHIFT) + cache.pad)
        return _Slab(cache, start, int(value.member_("objects")))

    def _has(self, name: str) -> bool:
        try:
            self.kernel.struct(name)
        except LookupError:
            return False
        return True

    def _known_caches(self) -> dict[int, Cache]:
        if self._caches is None:
            self._caches = {}
            try:
                self._map = direct_map(self.kernel)
                if self._map is not None:
                    self._caches = self._read_caches()
            except BtfdumpError:
                self._caches = {}
        return self._caches

    def _read_caches(self) -> dict[int, Cache]:
        found: dict[int, Cache] = {}
        kernel = self.kernel
        head = value_at(kernel, "struct list_head", "slab_caches")
        element = kernel.own_type("struct kmem_cache")
        assert isinstance(element, types.Composite)
        link = kernel.struct("kmem_cache").offset("list")
        for cache in head.entries_(Expansion("list_head", element, "list", link, 0, "mm/slab.h")):
            if isinstance(cache, Value) and len(found) < _MAX_CACHES:
                size = int(cache.member_("size"))
                name = cache.member_("name").string_()
                if size <= 0:
                    continue
                is_exact = int(cache.refcount) == 1 and "kmalloc-" not in name
                found[cache.address_] = Cache(
                    cache.address_,
                    name,
                    size,
                    int(cache.object_size),
                    int(cache.red_left_pad),
                    is_exact,
                )
        return found


def direct_map(kernel: Context) -> _DirectMap | None:
    """Return where the direct map and the array of pages are, or None if that is not known.

    It is known for x86-64 with CONFIG_DYNAMIC_MEMORY_LAYOUT and for s390x.
    """
    find = _MAPS.get(kernel.target.platform.machine)
    return find(kernel) if find is not None else None


def _x86_64(kernel: Context) -> _DirectMap:
    return _DirectMap(_word(kernel, "page_offset_base"), _word(kernel, "vmemmap_base"))


def _s390x(kernel: Context) -> _DirectMap:
    """Read `vmemmap` and, since c98d2ecae08f (Linux 6.10), the base of the identity mapping."""
    base = 0
    try:
        layout = kernel.struct("vm_layout")
        data = kernel.target.read(kernel.own_symbol("vm_layout"), layout.size)
        base = layout.integer(data, "identity_base")
    except (BtfdumpError, LookupError):
        base = 0
    return _DirectMap(base, _word(kernel, "vmemmap"))


def _word(kernel: Context, name: str) -> int:
    platform = kernel.target.platform
    data = kernel.target.read(kernel.own_symbol(name), platform.pointer_size)
    return int.from_bytes(data, platform.byteorder)


_MAPS: dict[str, Callable[[Context], _DirectMap]] = {"x86_64": _x86_64, "s390x": _s390x}
