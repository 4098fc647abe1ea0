"""The direct map: all physical memory at virtual addresses, beside the array of its pages.

Where it begins is each machine's own. The kernel's image is mapped a second time, elsewhere: what
lies in it has two addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._targets.vmcoreinfo import number, page_size
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._walk.structs import KernelStruct

_PAGE_SHIFT = 12
_KERNEL_MAP = 0xFFFF_FFFF_8000_0000  # __START_KERNEL_map, arch/x86/include/asm/page_64_types.h


class DirectMap(NamedTuple):
    """The virtual addresses of the direct map, [base, end), and of the array of `struct page`.

    `physical` is the physical address that is mapped at `base`; a page has `1 << page_shift` bytes.
    """

    base: int
    end: int
    pages: int
    physical: int = 0
    page_shift: int = _PAGE_SHIFT

    @property
    def page_size(self) -> int:
        """The size of a page in bytes."""
        return 1 << self.page_shift

    def page_number(self, address: int) -> int | None:
        """Return the place of a virtual address's `struct page` in the array; None outside."""
        if not self.base <= address < self.end:
            return None
        return (address - self.base) >> self.page_shift

    def address_of(self, page_number: int) -> int:
        """Return the virtual address of a page, by the place of its `struct page` in the array."""
        return self.base + (page_number << self.page_shift)


class ImageMap(NamedTuple):
    """The addresses of the kernel's image, [start, end), and of `start` in the direct map."""

    start: int
    end: int
    direct: int

    def to_image(self, address: int) -> int | None:
        """Return the address in the image of what is at `address` in the direct map, if it is."""
        inside = address - self.direct
        return self.start + inside if 0 <= inside < self.end - self.start else None

    def to_direct(self, address: int) -> int | None:
        """Return the address in the direct map of what is at `address` in the image, if it is."""
        return self.direct + address - self.start if self.start <= address < self.end else None


def direct_map(kernel: Context) -> DirectMap | None:
    """Return where the direct map and the array of pages are, or None if that is not known.

    It is known for x86-64 with CONFIG_DYNAMIC_MEMORY_LAYOUT, for s390x, and for arm64 since its
    VMCOREINFO says it ("arm64: crash_core: Export MODULES, VMALLOC, and VMEMMAP ranges", 2022).
    Raises `BtfdumpError`s where the kernel lacks what tells it.
    """
    find = _MAPS.get(kernel.target.platform.machine)
    return find(kernel) if find is not None else None


def image_map(kernel: Context, direct: DirectMap) -> ImageMap | None:
    """Return where the kernel's image is, and where in the direct map; None if that is not known.

    On s390x before 6.10 the two are the same.
    """
    find = _IMAGES.get(kernel.target.platform.machine)
    try:
        start, end = kernel.target.symbol("_text"), kernel.target.symbol("_end")
        physical = find(kernel, start) if find is not None else None
    except BtfdumpError:
        return None
    if physical is None or not start < end:
        return None
    return ImageMap(start, end, kernel.wrap(direct.base + physical - direct.physical))


def head_page(page: KernelStruct, address: int, data: bytes, pages: int) -> int:
    """Return the address of the first `struct page` of the compound page that a page is part of.

    `page` is the struct's shape, `data` the bytes of the page at `address`, and `pages` the address
    of the array of all pages. For a page that is no tail, that is `address` itself. A tail points
    to its head, with bit 0 set. Since compound_head became compound_info ("mm: rename the
    'compound_head' field in the 'struct page' to 'compound_info'", 2026) it may have a mask for its
    own address instead: which of the two depends on the kernel's configuration
    (compound_info_has_mask() in include/linux/page-flags.h). A pointer is into the array and not
    beyond the tail; a mask is ones above zeros. Raises `CorruptDataError` for neither.
    """
    info = page.integer(data, "compound_info" if "compound_info" in page else "compound_head")
    if not info & 1:
        return address
    head = info - 1
    if pages <= head < address and not (head - pages) % page.size:
        return head
    if "compound_info" in page:
        zeros = ~head & ((1 << 8 * page.sizeof("compound_info")) - 1)
        head = address & head
        if not zeros & (zeros + 1) and pages <= head < address:
            return head
    raise CorruptDataError(f"the page at {address:#x} is the tail of no page: {info:#x}", address)


def _x86_64(kernel: Context) -> DirectMap:
    """Read what KASLR has moved; vmalloc() has what follows the direct map."""
    bases = (word(kernel, f"{name}_base") for name in ("page_offset", "vmalloc", "vmemmap"))
    return DirectMap(*bases)


def _s390x(kernel: Context) -> DirectMap:
    """Read `vmemmap` and, since c98d2ecae08f (Linux 6.10), the base of the identity mapping."""
    base = _in_vm_layout(kernel, "identity_base")
    pages = word(kernel, "vmemmap")
    return DirectMap(base, pages, pages)


def _arm64(kernel: Context) -> DirectMap | None:
    """Compute what arch/arm64/include/asm/memory.h does: the map takes half of all addresses.

    With VA_BITS of 52, that is half of what 48 bits have above: VA_BITS_MIN.
    """
    info = getattr(kernel.target, "vmcoreinfo", {})
    bits, pages = number(info, "VA_BITS"), number(info, "VMEMMAP_START")
    physical = number(info, "PHYS_OFFSET")
    if not bits or not pages or physical is None:
        return None
    base, end = (kernel.wrap(-(1 << at)) for at in (bits, min(bits, 48) - 1))
    return DirectMap(base, end, pages, physical, page_size(info).bit_length() - 1)


def _image_x86_64(kernel: Context, start: int) -> int:
    return start - _KERNEL_MAP + word(kernel, "phys_base")


def _image_s390x(kernel: Context, start: int) -> int:
    offset = _in_vm_layout(kernel, "kaslr_offset") - _in_vm_layout(kernel, "kaslr_offset_phys")
    return start - offset


def _image_arm64(kernel: Context, start: int) -> int:
    return kernel.wrap(start - word(kernel, "kimage_voffset"))


def _in_vm_layout(kernel: Context, member: str) -> int:
    """Return a member of s390x's `vm_layout`, 0 before Linux 6.10."""
    try:
        layout = kernel.struct("vm_layout")
        data = kernel.target.read(kernel.own_symbol("vm_layout"), layout.size)
        return layout.integer(data, member)
    except (BtfdumpError, LookupError):
        return 0


def word(kernel: Context, name: str) -> int:
    """Return the unsigned long in a variable of the kernel; raises `BtfdumpError`s."""
    platform = kernel.target.platform
    data = kernel.target.read(kernel.own_symbol(name), platform.pointer_size)
    return int.from_bytes(data, platform.byteorder)


_MAPS: dict[str, Callable[[Context], DirectMap | None]] = {
    "x86_64": _x86_64,
    "s390x": _s390x,
    "aarch64": _arm64,
}
_IMAGES: dict[str, Callable[[Context, int], int]] = {
    "x86_64": _image_x86_64,
    "s390x": _image_s390x,
    "aarch64": _image_arm64,
}
