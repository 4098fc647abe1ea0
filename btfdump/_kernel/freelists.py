"""Freelists: which objects of a slab the allocator has back (mm/slub.c).

A freed object keeps most of its bytes, so that it looks like what it was. What tells is where it is
listed: on the freelist of its slab; on that of a CPU which allocates from that slab (gone in 7.3);
since 6.18 in a sheaf, an array of free objects, of a CPU or of a node. Each object of a freelist
holds the address of the next one, which CONFIG_SLAB_FREELIST_HARDENED disguises.

Objects that wait for RCU to be freed are on none of these unless they are in a sheaf for that. What
a list that breaks off would have gone on to is not known, and said to be so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.services import ObjectState
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.services import Cache
    from btfdump._kernel.slab import Slab, SlabFinder

MAX_KNOWN = 1 << 12
"""The most slabs and caches of which the free objects are remembered."""
_MAX_NODES = 1 << 10  # MAX_NUMNODES, include/linux/numa.h
_MAX_SHEAVES = 1 << 8
"""The most sheaves of a node that are looked at: the kernel keeps MAX_FULL_SHEAVES, 10."""
_MAX_SHEAF = 1 << 12
"""The most objects of a sheaf that are believed."""


class _Free(NamedTuple):
    """Free objects by address, and where each is listed; `trouble` says why some may be missing."""

    listed: dict[int, str]
    trouble: str = ""


class _OfCache(NamedTuple):
    """What is known of one cache: how its freelists are linked, and what CPUs and nodes have.

    `heads` are the freelists of CPUs, as (name, address of the slab, first object).
    """

    offset: int
    random: int | None
    heads: tuple[tuple[str, int, int], ...]
    sheaves: _Free


class Freelists:
    """Finds the free objects of one kernel's slabs, and remembers them unless it is running."""

    def __init__(self, slabs: SlabFinder) -> None:
        self._slabs = slabs
        self._kernel = slabs.kernel
        self._caches: dict[int, _OfCache] = {}
        self._known: dict[int, _Free] = {}

    def state(self, address: int) -> ObjectState | None:
        """Return the state of the slab object around a virtual address, None if there is none."""
        slab = self._slabs.slab(address)
        found = slab.object_at(address) if slab is not None else None
        if slab is None or found is None:
            return None
        try:
            of_cache = self._of_cache(slab.cache)
            of_slab = self._of_slab(slab, of_cache)
        except BtfdumpError as error:  # also where another allocator than SLUB has no such member
            return ObjectState(found, None, str(error))
        for free in (of_slab, of_cache.sheaves):
            if found.start in free.listed:
                return ObjectState(found, True, free.listed[found.start])
        trouble = of_slab.trouble or of_cache.sheaves.trouble
        return ObjectState(found, None if trouble else False, trouble)

    def free(self, slab: Slab) -> dict[int, str]:
        """Return the addresses of a slab's free objects, and where each of them is listed.

        Raises `CorruptDataError` if a list breaks off, and `FaultError`.
        """
        of_cache = self._of_cache(slab.cache)
        of_slab = self._of_slab(slab, of_cache)
        trouble = of_slab.trouble or of_cache.sheaves.trouble
        if trouble:
            raise CorruptDataError(trouble, slab.address)
        in_sheaves = of_cache.sheaves.listed.items()
        inside = {at: where for at, where in in_sheaves if slab.number(at) is not None}
        return {**of_slab.listed, **inside}

    # One slab

    def _of_slab(self, slab: Slab, of_cache: _OfCache) -> _Free:
        known = self._known.get(slab.address)
        if known is None:
            known = self._read_slab(slab, of_cache)
            if not self._kernel.target.is_live:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known[slab.address] = known
        return known

    def _read_slab(self, slab: Slab, of_cache: _OfCache) -> _Free:
        described = value_at(
            self._kernel, self._kernel.own_type(f"struct {self._slabs.struct}"), slab.address
        ).read_()
        listed: dict[int, str] = {}
        head = int(described.member_("freelist"))
        trouble = self._walk(slab, of_cache, head, "the freelist of its slab", listed)
        counted = int(described.member_("objects")) - int(described.member_("inuse"))
        if not trouble and counted != len(listed):
            trouble = (
                f"the slab at {slab.address:#x} counts {counted} free objects, "
                f"{len(listed)} are on its freelist"
            )
        for name, address, first in of_cache.heads:
            if address == slab.address:
                more = self._walk(slab, of_cache, first, f"the freelist of {name}", listed)
                trouble = trouble or more
        return _Free(listed, trouble)

    def _walk(
        self, slab: Slab, of_cache: _OfCache, address: int, name: str, listed: dict[int, str]
    ) -> str:
        """Enter what a freelist lists, from its first object on; return what is wrong, or ""."""
        while address:
            if slab.number(address) is None:
                return f"{name} leads to {address:#x}, which is no object of it"
            if address in listed:
                return f"{name} leads back to {address:#x}"
            listed[address] = f"on {name}"
            try:
                address = self._next(of_cache, address)
            except BtfdumpError as error:
                return f"{name} cannot be read: {error}"
        return ""

    def _next(self, of_cache: _OfCache, address: int) -> int:
        """Return the object behind another one on a freelist: get_freepointer()."""
        kernel = self._kernel
        size, place = kernel.layouts.pointer_size, kernel.wrap(address + of_cache.offset)
        stored = self._pointer(place)
        if of_cache.random is None:
            return stored
        swapped = int.from_bytes(place.to_bytes(size, "little"), "big")
        return stored ^ of_cache.random ^ swapped

    # One cache

    def _of_cache(self, cache: Cache) -> _OfCache:
        known = self._caches.get(cache.address)
        if known is None:
            known = self._read_cache(cache)
            if not self._kernel.target.is_live:
                if len(self._caches) >= MAX_KNOWN:
                    self._caches.clear()
                self._caches[cache.address] = known
        return known

    def _read_cache(self, cache: Cache) -> _OfCache:
        shape = self._kernel.struct("kmem_cache")
        # Caches are allocated with as many nodes as there are: the last array may be cut.
        last = "per_node" if "per_node" in shape else "node"
        data = self._kernel.target.read(cache.address, shape.offset(last))
        offset = shape.integer(data, "offset")
        if offset + self._kernel.layouts.pointer_size > cache.size:
            raise CorruptDataError(
                f"cache {cache.name}: the links of freelists are {offset} bytes into objects of "
                f"{cache.size}",
                cache.address,
            )
        random = shape.integer(data, "random") if "random" in shape else None
        heads: list[tuple[str, int, int]] = []
        listed: dict[int, str] = {}
        trouble = ""
        try:
            # In 6.18 CPUs have both, in 7.3 sheaves only; with CONFIG_SLUB_TINY neither.
            if "cpu_slab" in shape:
                heads += self._heads(shape.integer(data, "cpu_slab"))
            if "cpu_sheaves" in shape:
                per_cpu = shape.integer(data, "cpu_sheaves")
                for name, sheaf in self._sheaves(cache, per_cpu, shape.offset(last)):
                    listed.update(dict.fromkeys(self._in_sheaf(sheaf, cache), f"in {name}"))
        except BtfdumpError as error:
            trouble = f"what CPUs have of cache {cache.name} cannot be read: {error}"
        return _OfCache(offset, random, tuple(heads), _Free(listed, trouble))

    def _heads(self, per_cpu: int) -> Iterator[tuple[str, int, int]]:
        """Yield (name, slab, first object) of the freelist of each CPU that has one."""
        shape = self._kernel.struct("kmem_cache_cpu")
        of = "slab" if "slab" in shape else "page"  # since bb192ed9aa71, Linux 5.17
        for cpu, address in self._instances(per_cpu):
            data = self._kernel.target.read(address, shape.size)
            slab, first = shape.integer(data, of), shape.integer(data, "freelist")
            if slab and first:
                yield f"CPU {cpu}", slab, first

    def _sheaves(self, cache: Cache, per_cpu: int, nodes: int) -> Iterator[tuple[str, int]]:
        """Yield (name, address) of each `struct slab_sheaf` that has free objects of a cache.

        `nodes` is the offset of the array of nodes in the `struct kmem_cache`.
        """
        shape = self._kernel.struct("slub_percpu_sheaves")
        for cpu, address in self._instances(per_cpu):
            data = self._kernel.target.read(address, shape.size)
            for member in ("main", "spare", "rcu_free"):
                sheaf = shape.integer(data, member)
                if sheaf:
                    yield f"the sheaf {member} of CPU {cpu}", sheaf
        for node, barn in self._barns(cache, nodes):
            for sheaf in self._in_barn(barn):
                yield f"a full sheaf of node {node}", sheaf

    def _barns(self, cache: Cache, nodes: int) -> Iterator[tuple[int, int]]:
        """Yield (node, address) of each `struct node_barn` of a cache."""
        kernel, pointer = self._kernel, self._kernel.layouts.pointer_size
        in_array = "per_node" in kernel.struct("kmem_cache")
        if in_array:  # in 7.3; until then in the kmem_cache_node that the array points to
            shape = kernel.struct("kmem_cache_per_node_ptrs")
            stride, inside = shape.size, shape.offset("barn")
        else:
            stride, inside = pointer, 0
        for node in range(self._node_count()):
            address = self._pointer(kernel.wrap(cache.address + nodes + node * stride + inside))
            if address and not in_array:
                barn = kernel.struct("kmem_cache_node").offset("barn")
                address = self._pointer(kernel.wrap(address + barn))
            if address:
                yield node, address

    def _in_barn(self, barn: int) -> Iterator[int]:
        """Yield the address of each full sheaf in a `struct node_barn`."""
        kernel = self._kernel
        head = kernel.wrap(barn + kernel.struct("node_barn").offset("sheaves_full"))
        link = kernel.struct("slab_sheaf").offset("barn_list")
        seen: set[int] = set()
        at = self._pointer(head)
        while at != head:
            if not at or at in seen or len(seen) >= _MAX_SHEAVES:
                raise CorruptDataError(f"the list of sheaves at {head:#x} breaks off", head)
            seen.add(at)
            yield kernel.wrap(at - link)
            at = self._pointer(at)

    def _in_sheaf(self, address: int, cache: Cache) -> list[int]:
        """Return the addresses of the objects in a `struct slab_sheaf`."""
        kernel = self._kernel
        shape, pointer = kernel.struct("slab_sheaf"), kernel.layouts.pointer_size
        data = kernel.target.read(address, shape.size)
        size = shape.integer(data, "size")
        if not size:  # also that of caches that are set up before there are any: bootstrap_sheaf
            return []
        owner = shape.integer(data, "cache")
        if size > _MAX_SHEAF or owner != cache.address:
            raise CorruptDataError(
                f"the sheaf at {address:#x} has {size} objects of the cache at {owner:#x}; "
                f"expected at most {_MAX_SHEAF} of that at {cache.address:#x}",
                address,
            )
        data = kernel.target.read(kernel.wrap(address + shape.offset("objects")), size * pointer)
        order = kernel.target.platform.byteorder
        starts = range(0, len(data), pointer)
        return [int.from_bytes(data[at : at + pointer], order) for at in starts]

    def _instances(self, per_cpu: int) -> Iterator[tuple[int, int]]:
        """Yield (CPU, address) of what a `__percpu` pointer leads to; of nothing for NULL."""
        if per_cpu:
            for cpu, offset in enumerate(self._kernel.target.per_cpu_offsets):
                yield cpu, self._kernel.wrap(per_cpu + offset)

    def _node_count(self) -> int:
        """Return how many nodes caches have: `nr_node_ids`, 1 without CONFIG_NUMA."""
        target = self._kernel.target
        try:
            address = target.symbol("nr_node_ids")
        except BtfdumpError:
            return 1
        count = int.from_bytes(target.read(address, 4), target.platform.byteorder)
        if not 0 < count <= _MAX_NODES:
            raise CorruptDataError(f"nr_node_ids is {count}, expected 1 to {_MAX_NODES}", address)
        return count

    def _pointer(self, address: int) -> int:
        target = self._kernel.target
        data = target.read(address, self._kernel.layouts.pointer_size)
        return int.from_bytes(data, target.platform.byteorder)
