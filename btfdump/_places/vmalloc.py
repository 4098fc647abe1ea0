"""vmalloc(): which virtual addresses the pages of vmalloc areas have there (mm/vmalloc.c).

Kernel stacks, large tables and modules lie in them. In the direct map, which memory is searched
through, their pages are scattered.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._kernel.entries import linked
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly
from btfdump.errors import BtfdumpError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.direct_map import DirectMap

_MAX_AREAS = 1 << 20
_MAX_NODES = 1 << 10
_MAX_PAGES = 1 << 22
"""The most pages of all areas together that are remembered: 16 GiB."""


class Area(NamedTuple):
    """A vmalloc area: its virtual addresses, [start, end), and who asked for it."""

    start: int
    end: int
    caller: int


class VmallocAreas:
    """The areas of one kernel, and where each of their pages is in the direct map.

    `problem` says what could not be read, "" if nothing.
    """

    def __init__(self, kernel: Context, direct: DirectMap) -> None:
        self._kernel = kernel
        self._direct = direct
        self._virtual: dict[int, int] = {}
        self._areas: list[Area] = []
        self.problem = ""
        try:
            self._read()
        except BtfdumpError as error:
            self.problem = f"vmalloc areas: {error}"
        self._areas.sort()

    def virtual(self, address: int) -> int | None:
        """Return the vmalloc address of what is at `address` in the direct map, None if none."""
        inside = address & (self._direct.page_size - 1)
        start = self._virtual.get(address - inside)
        return None if start is None else start + inside

    @cached_property
    def _places(self) -> dict[int, int]:
        return {virtual: direct for direct, virtual in self._virtual.items()}

    def direct(self, address: int) -> int | None:
        """Return where in the direct map a vmalloc address is, None if that is not known."""
        inside = address & (self._direct.page_size - 1)
        start = self._places.get(address - inside)
        return None if start is None else start + inside

    def area(self, address: int) -> Area | None:
        """Return the area around a vmalloc address."""
        at = bisect_right(self._areas, (address, 1 << 64, 0)) - 1
        found = self._areas[at] if at >= 0 else None
        return found if found is not None and address < found.end else None

    def _read(self) -> None:
        for area in islice(self._vmap_areas(), _MAX_AREAS):
            vm = area.vm
            if not vm:
                continue
            start, size = int(vm.addr), int(vm.member_("size"))
            if not int(area.va_start) <= start < start + size <= int(area.va_end):
                continue  # lazily freed: the word is another thing now (a union before 6.9)
            self._areas.append(Area(start, start + size, int(vm.caller)))
            if vm.pages and int(vm.nr_pages) * self._direct.page_size <= size:
                self._add_pages(start, int(vm.pages), int(vm.nr_pages))

    def _add_pages(self, start: int, array: int, count: int) -> None:
        kernel, direct = self._kernel, self._direct
        pointer, page = kernel.layouts.pointer_size, kernel.struct("page").size
        if len(self._virtual) + count > _MAX_PAGES:
            self.problem = f"vmalloc areas: only the first {_MAX_PAGES} pages are known"
            return
        try:
            data = kernel.target.read(array, count * pointer)
        except BtfdumpError as error:
            self.problem = f"pages of the vmalloc area at {start:#x}: {error}"
            return
        order = kernel.target.platform.byteorder
        for number in range(count):
            at = int.from_bytes(data[number * pointer : (number + 1) * pointer], order)
            place, rest = divmod(at - direct.pages, page)
            if not rest and place >= 0:
                self._virtual[direct.address_of(place)] = start + number * direct.page_size

    def _vmap_areas(self) -> Iterator[Value]:
        """Yield each busy `struct vmap_area`.

        They are in nodes since "mm: vmalloc: remove global vmap_area_root rb-tree" (Linux 6.9).
        """
        kernel = self._kernel
        element = kernel.own_type("struct vmap_area")
        assert isinstance(element, types.Composite)
        link = kernel.struct("vmap_area").offset("list")
        expansion = Expansion("list_head", element, "list", link, 0, "mm/vmalloc.c")
        for head in self._heads():
            for entry in linked(head, expansion):
                if isinstance(entry, Value):
                    yield entry
                elif isinstance(entry, Anomaly):
                    self.problem = f"vmalloc areas: {entry.message}"

    def _heads(self) -> Iterator[Value]:
        kernel = self._kernel
        try:
            nodes = value_at(kernel, "struct vmap_node *", "vmap_nodes")
        except (SymbolNotFoundError, LookupError):
            yield value_at(kernel, "struct list_head", "vmap_area_list")
            return
        count = int(value_at(kernel, "int", "nr_vmap_nodes"))
        for number in range(min(max(count, 0), _MAX_NODES)):
            yield nodes[number].busy.head
