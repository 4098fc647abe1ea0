"""Where slab objects are: as btfdump finds them by BTF, and as drgn does by the kernel's DWARF."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import drgn
from drgn.helpers import ValidationError
from drgn.helpers.common.format import escape_ascii_string
from drgn.helpers.linux.slab import slab_object_info

from btfdump._kernel.slab import SlabFinder

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


class Place(NamedTuple):
    """The slab object around an address; `is_exact`: its cache has objects of one type alone."""

    start: int
    size: int
    """What the owner may write, in bytes: `kmem_cache.object_size`."""
    cache: str
    is_exact: bool


class FindPlace(Protocol):
    """Tells which slab object is around an address."""

    def __call__(self, address: int, /) -> Place | None:
        """Return it, or None if none is."""


def by_btfdump(kernel: Kernel) -> FindPlace:
    """Return what finds slab objects as btfdump does."""
    finder = SlabFinder(kernel)

    def find(address: int) -> Place | None:
        found = finder.find(address)
        if found is None:
            return None
        cache = found.cache
        return Place(found.start, cache.object_size, cache.name, cache.is_exact)

    return find


def by_drgn(prog: drgn.Program) -> FindPlace:
    """Return what finds slab objects with drgn, in a program that has the kernel's DWARF.

    Raises what drgn raises if the kernel's memory cannot be read at all.
    """
    prog["slab_caches"].next.read_()

    def find(address: int) -> Place | None:
        try:
            info = slab_object_info(prog, address)
        except (drgn.FaultError, ValidationError):
            return None
        if info is None or not info.slab_cache:
            return None
        cache = info.slab_cache
        name = escape_ascii_string(cache.name.string_())
        is_exact = cache.refcount.value_() == 1 and "kmalloc-" not in name
        return Place(info.address, cache.object_size.value_(), name, is_exact)

    return find
