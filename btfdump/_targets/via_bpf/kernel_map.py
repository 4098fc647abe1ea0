"""Where the running kernel has memory, by its own books: anything else may be a device.

RAM is what the resource tree calls System RAM, as in /proc/iomem (kernel/resource.c); the direct
map also contains other things. The addresses of vmalloc(), of modules and of stacks are handed out
piece by piece, and a list has every area in use (mm/vmalloc.c), where an area made by ioremap() is
marked as such. This is more careful than /proc/kcore, which relies on the same books.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._btf.types import Composite
from btfdump._targets import vmcoreinfo
from btfdump._targets.memory import UNMAPPED
from btfdump._targets.via_bpf.ranges import Ranges
from btfdump.errors import CorruptDataError, FaultError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btfdump._btf.reader import Btf
    from btfdump._targets.via_bpf.reader import BpfReader

_SYSTEM_RAM = 0x01000200  # IORESOURCE_SYSTEM_RAM (include/linux/ioport.h)
_VM_IOREMAP, _VM_UNINITIALIZED = 0x01, 0x20  # include/linux/vmalloc.h
_VMAP_RAM = 0x1  # mm/vmalloc.c: made by vm_map_ram(), which maps pages
_MAX_NODES = 1 << 10
_MAX_ELEMENTS = 1 << 20
"""Resources, or areas: more of them is a list that changes faster than we walk."""
# arch/x86/include/asm/pgtable_64_types.h: where KASLR moves nothing.
_X86_VMEMMAP = 0xFFFFEA0000000000
_DEVICE = "memory of a device: not read"
_NOT_RAM = "no RAM there, maybe a device: not read"


@dataclass(frozen=True)
class KernelMap:
    """What may be read, what is known to be devices, and where the direct map lies.

    `always` is the part of `readable` that does not change, in a few ranges: RAM, image and struct
    pages. `direct_map` is (start, end), virtual addresses.
    """

    readable: Ranges
    always: Ranges
    devices: Ranges
    direct_map: tuple[int, int]

    def why_not(self, address: int) -> str:
        """Say why an address that is not in `readable` is not read."""
        if address in self.devices:
            return _DEVICE
        start, end = self.direct_map
        if start <= address < end:
            return _NOT_RAM
        return UNMAPPED


class Survey:
    """Makes `KernelMap`s, each from the kernel's books as they are at the time.

    `find` returns the address of a symbol, `btf` has the structs; `note_at` is the physical address
    and the size in bytes of VMCOREINFO, if the kernel has one.
    """

    def __init__(
        self,
        reader: BpfReader,
        find: Callable[[str], int | None],
        btf: Btf,
        *,
        machine: str,
        page_size: int,
        note_at: tuple[int, int] | None = None,
    ) -> None:
        self._reader = reader
        self._find = find
        self._page = page_size
        self._machine = machine
        self._byteorder = btf.byteorder
        self._image = self._image_range()
        self._offset = self._find_direct_map()
        self._resource = _Struct(btf, "resource")
        self._area = _Struct(btf, "vmap_area")
        self._vm = _Struct(btf, "vm_struct")
        self._heads = self._area_heads(btf)
        self._page_struct = _Struct(btf, "page").size
        self.info = self._read_info(note_at)

    def __call__(self) -> KernelMap:
        """Survey the kernel's memory.

        Raises `FaultError` or `CorruptDataError` if the kernel's books cannot be read.
        """
        end = self._word_at("high_memory")
        # On s390x the direct map begins at 0: a NULL pointer must not be read there.
        direct_map = max(self._offset, self._page), -(-end // self._page) * self._page
        self._reader.set_bounds(Ranges([self._image, direct_map]))  # for the tree of resources
        ram = list(self._system_ram())
        if not ram:
            raise CorruptDataError("the resource tree has no System RAM")
        mapped = ((max(self._offset + a, direct_map[0]), self._offset + b) for a, b in ram)
        known = Ranges([self._image, *mapped])
        known |= Ranges([self._struct_pages(max(end for _, end in ram))])
        self._reader.set_bounds(known)
        areas, devices = self._areas(known)
        return KernelMap(known | Ranges(areas), known, Ranges(devices), direct_map)

    # What is where

    def _image_range(self) -> tuple[int, int]:
        """Return [start, end) of the kernel's image, whole pages."""
        names = [name for name in ("_text", "_stext") if self._find(name) is not None]
        start, end = min(map(self._need, names or ["_text"])), self._need("_end")
        return start // self._page * self._page, -(-end // self._page) * self._page

    def _find_direct_map(self) -> int:
        """Return the virtual address of physical address 0."""
        if self._find("page_offset_base") is not None:  # x86, where KASLR can move it
            return self._word_at("page_offset_base")
        # high_memory = __va(max_pfn * PAGE_SIZE - 1) + 1 on all architectures without highmem.
        return self._word_at("high_memory") - self._word_at("max_pfn") * self._page

    def _struct_pages(self, ram_end: int) -> tuple[int, int]:
        """Return the range of struct page for all RAM (the vmemmap), empty if that is not known."""
        size = ram_end // self._page * self._page_struct
        for name in ("vmemmap_base", "vmemmap"):  # x86 and s390
            if self._find(name) is not None:
                start = self._word_at(name)
                return start, start + size
        start = vmcoreinfo.parse_hex(self.info.get("NUMBER(VMEMMAP_START)", ""))  # arm64
        end = vmcoreinfo.parse_hex(self.info.get("NUMBER(VMEMMAP_END)", ""))
        if not start and self._machine == "x86_64":
            start, end = _X86_VMEMMAP, _X86_VMEMMAP + size
        return start, end

    def _read_info(self, note_at: tuple[int, int] | None) -> Mapping[str, str]:
        """Read VMCOREINFO, an ELF note in RAM; empty where there is none."""
        if note_at is None:
            return {}
        try:
            note = self._reader.read(self._offset + note_at[0], min(note_at[1], 1 << 16))
        except FaultError:
            return {}
        return vmcoreinfo.parse(note[max(0, note.find(vmcoreinfo.FIRST_LINE)) :])

    # RAM

    def _system_ram(self) -> Iterator[tuple[int, int]]:
        """Yield the physical [start, end) of all System RAM, whole pages."""
        resource = self._resource
        parents = [self._need("iomem_resource")]
        while parents:
            children = self._chain(
                parents.pop() + resource["child"], 0, resource.size, 0, resource["sibling"]
            )
            for address, data in children:
                if resource.get(data, "flags") & _SYSTEM_RAM == _SYSTEM_RAM:
                    yield self._pages(resource.get(data, "start"), resource.get(data, "end") + 1)
                elif resource.get(data, "child"):
                    parents.append(address)

    def _pages(self, start: int, end: int) -> tuple[int, int]:
        """Return the whole pages of [start, end)."""
        return -(-start // self._page) * self._page, end // self._page * self._page

    def _chain(
        self, holder: int, stop: int, size: int, link_offset: int, next_offset: int
    ) -> Iterator[tuple[int, bytes]]:
        """Yield the elements of a chain of any length, as `BpfReader.copy_chain()` does."""
        count = 0
        following = -1
        while following != stop:
            elements = self._reader.copy_chain(
                holder, stop, size, link_offset=link_offset, next_offset=next_offset
            )
            yield from elements
            count += len(elements)
            if not elements or count > _MAX_ELEMENTS:
                return
            link, data = elements[-1]
            holder = link + next_offset
            following = self._decode(data, link_offset + next_offset, 8)

    # Areas

    def _area_heads(self, btf: Btf) -> list[int]:
        """Return the addresses of the lists of areas: several since 6.9 (d093602919ad)."""
        if self._find("vmap_nodes") is not None:
            node = _Struct(btf, "vmap_node")
            first = self._word_at("vmap_nodes")
            count = self._decode(self._reader.read(self._need("nr_vmap_nodes"), 4), 0, 4)
            head = node["busy"] + _Struct(btf, "rb_list")["head"]
            return [first + at * node.size + head for at in range(min(count, _MAX_NODES))]
        return [self._need("vmap_area_list")]

    def _areas(self, known: Ranges) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return (areas of memory, areas of devices), each a list of [start, end)."""
        area, vm = self._area, self._vm
        link = area["list"]
        found = [
            data for head in self._heads for _, data in self._chain(head, head, area.size, link, 0)
        ]
        owners = [area.get(data, "vm") for data in found]
        requests = [(owner if owner in known else 0, vm.size) for owner in owners]
        memory, devices = [], []
        for data, owner in zip(found, self._reader.read_many(requests), strict=True):
            start, end = area.get(data, "va_start"), area.get(data, "va_end")
            if owner is None:
                if "flags" in area and area.get(data, "flags") & _VMAP_RAM:
                    memory.append((start, end))
            elif vm.get(owner, "flags") & _VM_IOREMAP:
                devices.append((start, end))
            elif vm.get(owner, "addr") == start and not vm.get(owner, "flags") & _VM_UNINITIALIZED:
                memory.append((start, end))
        return memory, devices

    # Symbols

    def _need(self, name: str) -> int:
        address = self._find(name)
        if address is None:
            raise MissingDataError(
                f"the kernel has no symbol {name}, so it is not known what is memory",
                "use another source",
            )
        return address

    def _word_at(self, name: str) -> int:
        """Return the value of an `unsigned long` or pointer variable of the kernel."""
        return self._decode(self._reader.read(self._need(name), 8), 0, 8)

    def _decode(self, data: bytes, offset: int, size: int) -> int:
        return int.from_bytes(data[offset : offset + size], self._byteorder)


class _Struct:
    """Where the members of one struct are, those of anonymous structs and unions included."""

    def __init__(self, btf: Btf, name: str) -> None:
        struct = btf.find("struct", name)
        assert isinstance(struct, Composite)
        self.size = struct.size
        self._byteorder = btf.byteorder
        self._members = dict(_members(btf, struct, 0))

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> int:
        """Return the offset of a member in bytes."""
        if name not in self._members:
            raise CorruptDataError(f"the kernel's BTF has no member {name!r} where one is expected")
        return self._members[name][0]

    def get(self, data: bytes, name: str) -> int:
        """Return the value of an integer or pointer."""
        start = self[name]
        return int.from_bytes(data[start : start + self._members[name][1]], self._byteorder)


def _members(btf: Btf, struct: Composite, base: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield (name, (offset, size)) of every member."""
    for member in struct.members:
        if member.name:
            yield member.name, (base + member.offset, btf.sizeof(member.type_id))
        else:
            inner = btf.skip_modifiers(member.type_id)
            if isinstance(inner, Composite):
                yield from _members(btf, inner, base + member.offset)
