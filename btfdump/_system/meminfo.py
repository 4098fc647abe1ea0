"""How memory is used: what /proc/meminfo tells (fs/proc/meminfo.c), from the kernel's counters.

Counters are the global ones, as there: what CPUs have counted and not yet added, a few pages each,
is not in them.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._targets.memory import symbols_lack
from btfdump.errors import BtfdumpError, MissingDataError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_KIB = 1024
_MOST_INODES = 1 << 16
_MOST_NODES = 1 << 10
_LOW = 1
"""WMARK_LOW, the index of a zone's low watermark (include/linux/mmzone.h)."""
MEMORY, SWAP, LIMIT = "memory", "swap", "limit"
"""What a part is a part of."""


class Part(NamedTuple):
    """A part of memory: its bytes, None if those cannot be read, for the reason `trouble`.

    `of` is what it is a part of, "" for what stands by itself.
    """

    name: str
    of: str
    size: int | None
    trouble: BtfdumpError | None = None


class MemoryUse:
    """The counters of one kernel's memory, each read when it is asked for; all are in pages."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self.page_size = KernelSurroundings(kernel).page_size

    def parts(self) -> Iterator[Part]:
        """Yield all parts, totals first.

        Raises `MissingDataError` if the size of a page is not known.
        """
        if not self.page_size:
            raise MissingDataError(
                "how large a page is, is not known",
                "give a vmcore whose VMCOREINFO has PAGESIZE, or a kernel with BPF ring buffers",
            )
        for name, (of, read) in _PARTS.items():
            yield self._part(name, of, read)
        yield from self._huge()

    def _part(self, name: str, of: str, read: Callable[[MemoryUse], int]) -> Part:
        try:
            return Part(name, of, read(self) * self.page_size)
        except BtfdumpError as error:
            return Part(name, of, None, error)

    def _huge(self) -> Iterator[Part]:
        """Yield the pools of huge pages that have any (mm/hugetlb.c)."""
        for state in self.huge_pools():
            size = self.page_size << int(state.order)
            name = str(state.member_("name").value_())
            for part, count in (
                ("total", state.nr_huge_pages),
                ("free", state.free_huge_pages),
                ("reserved", state.resv_huge_pages),
                ("surplus", state.surplus_huge_pages),
            ):
                yield Part(f"{name} {part}", MEMORY, int(count) * size)

    def huge_pools(self) -> list[Value]:
        """Return each `struct hstate` that has pages; none where there is no such thing."""
        try:
            states = find_global(self._kernel, "hstates")
            count = int(value_at(self._kernel, "int", "hugetlb_max_hstate"))
        except BtfdumpError:
            return []
        return [state for state in islice(states, count) if state.nr_huge_pages]

    # Counters

    def node(self, name: str) -> int:
        """Return a counter of nodes: global_node_page_state()."""
        return max(self._counters("vm_node_stat", "node_stat_item", name), 0)

    def zone(self, name: str) -> int:
        """Return a counter of zones: global_zone_page_state()."""
        return max(self._counters("vm_zone_stat", "zone_stat_item", name), 0)

    def _counters(self, variable: str, enum: str, name: str) -> int:
        kernel = self._kernel
        counter = kernel.own_type("atomic_long_t")
        number = item(kernel, enum, name)
        address = kernel.own_symbol(variable) + number * kernel.layouts.of(counter).size
        return int(value_at(kernel, counter, address).counter)

    def swap(self, name: str) -> int:
        """Return a number of pages of swap, 0 if the kernel was built without (CONFIG_SWAP)."""
        try:
            return self.number(name)
        except SymbolNotFoundError:
            if symbols_lack(self._kernel.target):  # it may be there, and nothing lists it
                raise
            return 0

    def number(self, name: str) -> int:
        """Return a number of pages in a global variable, 0 at least."""
        value = find_global(self._kernel, name)
        return max(int(value.counter if value.has_member_("counter") else value), 0)

    @cached_property
    def buffers(self) -> int:
        """The cached pages of block devices: nr_blockdev_pages() (block/bdev.c)."""
        inodes = find_global(self._kernel, "blockdev_superblock").s_inodes
        pages = islice(inodes.project_("i_mapping.nrpages"), _MOST_INODES)
        return sum(count for (count,) in pages if count)

    @cached_property
    def cached(self) -> int:
        """The pages of files, without those of block devices and of swap."""
        return max(self.node("NR_FILE_PAGES") - self.swap_cached - self.buffers, 0)

    @cached_property
    def swap_cached(self) -> int:
        """The pages that are in swap as well; there is no such counter without CONFIG_SWAP.

        Until 5.11 it was elsewhere (b6038942480e: mm: memcg: add swapcache stat for memcg v2).
        """
        try:
            return self.node("NR_SWAPCACHE")
        except MissingDataError:
            if symbols_lack(self._kernel.target) or self._kernel._has_symbol("swapper_spaces"):
                raise
            return 0

    @cached_property
    def stacks(self) -> int:
        """The pages of the stacks of tasks, which are counted in KiB."""
        return self.node("NR_KERNEL_STACK_KB") * _KIB // self.page_size

    @cached_property
    def page_tables(self) -> int:
        """The pages of page tables, which zones counted until 5.10 (f0c0c115fb81)."""
        try:
            return self.node("NR_PAGETABLE")
        except MissingDataError:
            return self.zone("NR_PAGETABLE")

    @cached_property
    def slab(self) -> int:
        """The pages of slabs, whether they can be reclaimed or not."""
        return self.node("NR_SLAB_RECLAIMABLE_B") + self.node("NR_SLAB_UNRECLAIMABLE_B")

    @cached_property
    def available(self) -> int:
        """What can be had without swapping: si_mem_available() (mm/show_mem.c)."""
        low = sum(int(zone.member_("_watermark")[_LOW]) for zone in zones(self._kernel))
        files = self.node("NR_ACTIVE_FILE") + self.node("NR_INACTIVE_FILE")
        reclaimable = self.node("NR_SLAB_RECLAIMABLE_B") + self.node("NR_KERNEL_MISC_RECLAIMABLE")
        free = self.zone("NR_FREE_PAGES") - self.number("totalreserve_pages")
        found = free + sum(part - min(part // 2, low) for part in (files, reclaimable))
        return max(found, 0)

    @cached_property
    def limit(self) -> int:
        """How much may be committed where that is limited: vm_commit_limit() (mm/util.c)."""
        kernel = self._kernel
        stated = int(find_global(kernel, "sysctl_overcommit_kbytes"))
        if stated:
            allowed = stated * _KIB // self.page_size
        else:
            huge = sum(int(s.nr_huge_pages) << int(s.order) for s in self.huge_pools())
            ratio = int(find_global(kernel, "sysctl_overcommit_ratio"))
            allowed = (self.number("_totalram_pages") - huge) * ratio // 100
        return allowed + self.swap("total_swap_pages")

    @cached_property
    def committed(self) -> int:
        """What processes may come to use: `vm_committed_as`, with what each CPU has of it."""
        counter = find_global(self._kernel, "vm_committed_as")
        shares = 0
        if counter.has_member_("counters"):
            start = int(counter.counters)
            wrap = self._kernel.wrap
            for offset in self._kernel.target.per_cpu_offsets:
                shares += int(value_at(self._kernel, "int", wrap(start + offset)))
        return max(int(counter.count) + shares, 0)


_PARTS: dict[str, tuple[str, Callable[[MemoryUse], int]]] = {
    "total": ("", lambda use: use.number("_totalram_pages")),
    "free": (MEMORY, lambda use: use.zone("NR_FREE_PAGES")),
    "available": (MEMORY, lambda use: use.available),
    "buffers": (MEMORY, lambda use: use.buffers),
    "cached": (MEMORY, lambda use: use.cached),
    "swap_cached": (MEMORY, lambda use: use.swap_cached),
    "anonymous": (MEMORY, lambda use: use.node("NR_ANON_MAPPED")),
    "mapped": (MEMORY, lambda use: use.node("NR_FILE_MAPPED")),
    "shared": (MEMORY, lambda use: use.node("NR_SHMEM")),
    "dirty": (MEMORY, lambda use: use.node("NR_FILE_DIRTY")),
    "writeback": (MEMORY, lambda use: use.node("NR_WRITEBACK")),
    "unevictable": (MEMORY, lambda use: use.node("NR_UNEVICTABLE")),
    "slab": (MEMORY, lambda use: use.slab),
    "slab_reclaimable": (MEMORY, lambda use: use.node("NR_SLAB_RECLAIMABLE_B")),
    "slab_unreclaimable": (MEMORY, lambda use: use.node("NR_SLAB_UNRECLAIMABLE_B")),
    "page_tables": (MEMORY, lambda use: use.page_tables),
    "kernel_stack": (MEMORY, lambda use: use.stacks),
    "swap_total": ("", lambda use: use.swap("total_swap_pages")),
    "swap_free": (SWAP, lambda use: use.swap("nr_swap_pages")),
    "commit_limit": ("", lambda use: use.limit),
    "committed": (LIMIT, lambda use: use.committed),
}
"""By name: what a part is a part of, and what reads how many pages it has."""


def item(kernel: Context, enum: str, name: str) -> int:
    """Return the number of a counter, by the name that an enumeration has for it.

    Raises `MissingDataError` if this kernel does not count that.
    """
    found = kernel.own_type(f"enum {enum}")
    assert isinstance(found, types.Enum | types.Enum64)
    for one in found.enumerators:
        if one.name == name:
            return one.value
    raise MissingDataError(
        f"this kernel has no counter {name} in enum {enum}",
        "what it would count may not be built in, or be counted elsewhere in this version",
    )


def zones(kernel: Context) -> Iterator[Value]:
    """Yield each `struct zone` that has pages, of all nodes."""
    for node in nodes(kernel):
        for zone in node.node_zones:
            if zone.present_pages:
                yield zone


def nodes(kernel: Context) -> Iterator[Value]:
    """Yield the `struct pglist_data` of each NUMA node; of one without CONFIG_NUMA."""
    try:
        pointers = find_global(kernel, "node_data")
    except BtfdumpError:
        yield find_global(kernel, "contig_page_data")
        return
    for pointer in islice(pointers, _MOST_NODES):
        if pointer:
            yield pointer.deref_()
