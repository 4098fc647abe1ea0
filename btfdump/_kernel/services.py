"""What higher layers supply to a context: modules, slab caches, and the types of BPF objects.

Values are `Any` here because `Value` is built on a context, and a context on these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._btf import types
    from btfdump._btf.reader import Btf
    from btfdump._btf.unparsed import Unparsed
    from btfdump._decode.layout import StructLayout


class Cache(NamedTuple):
    """A slab cache, `struct kmem_cache`. Sizes are in bytes.

    `is_exact` says whether its name and size identify what it holds: not if caches were merged
    (`refcount`) or sizes are rounded up (kmalloc).
    """

    address: int
    name: str
    size: int
    object_size: int
    pad: int
    is_exact: bool

    @property
    def is_kmalloc(self) -> bool:
        """Whether this is one of the caches of kmalloc()."""
        return "kmalloc-" in self.name


class SlabObject(NamedTuple):
    """An object of a slab cache; `start` is its virtual address."""

    cache: Cache
    start: int

    @property
    def end(self) -> int:
        """The virtual address of the byte after what may be used of it."""
        return self.start + self.cache.object_size


class ObjectState(NamedTuple):
    """Whether a slab object is free; None if that is not known.

    `reason` says where it is listed if it is free, and why nothing is known if it is not known.
    """

    found: SlabObject
    is_free: bool | None
    reason: str = ""


class Slabs(Protocol):
    """Finds the slab object that an address lies in."""

    def find(self, address: int) -> SlabObject | None:
        """Return the slab object that contains a virtual address, or None if none is found."""

    def smallest(self, cache: Cache) -> int:
        """Return the least size in bytes of what the kernel allocates from a cache."""


class ObjectStates(Protocol):
    """Tells which slab objects are free: see btfdump/_kernel/freelists.py."""

    def state(self, address: int) -> ObjectState | None:
        """Return the state of the slab object around an address, None if there is none."""


class ObjectBounds(Protocol):
    """Tells how much there is of objects: see btfdump/_kernel/bounds.py."""

    def of(self, value: Any) -> Any:
        """Return what there is of an object whose type ends in an array; None for all of it."""

    def of_any(self, value: Any) -> Any:
        """Return what there is of an object of whatever type; None for all of it."""

    def within(self, value: Any, found: SlabObject) -> Any:
        """Return what a slab object contains of an object; None for all of it."""

    def array(self, part: Any) -> Any:
        """Return a member that is an array, without elements that its object lacks."""

    def may_lack(self, element: StructLayout, path: str) -> bool:
        """Whether some of what is at a path may be missing in objects of a type."""

    def fit(self, address: int, size: int, length: int) -> tuple[int, str]:
        """Return how many of `length` elements at an address there are, and why not more."""


class ModuleSymbol(NamedTuple):
    """A symbol of a module: its virtual `address`, and its `size` in bytes."""

    name: str
    address: int
    size: int
    module: str
    is_function: bool


class Modules(Protocol):
    """The loaded modules: their BTF and symbols, read on first use."""

    def btfs(self) -> Sequence[Btf]:
        """Return each module's split BTF, based on that of vmlinux."""

    def naming(self, name: str) -> Sequence[Btf]:
        """Return the BTF of those modules in which a type may be called `name`."""

    def symbols_named(self, name: str) -> Sequence[tuple[int, str, bool]]:
        """Return (virtual address, module, whether it is a function) of each symbol of a name."""

    def symbols_listed(self) -> Iterable[tuple[str, int, str, bool]]:
        """Yield (name, virtual address, module, whether it is a function) of every symbol."""

    def symbols_around(self, address: int) -> tuple[str, str]:
        """Return the names of a module's symbols before and after the one at `address`, or ""."""

    def symbol_at(self, address: int) -> ModuleSymbol | None:
        """Return the symbol of a module that covers a virtual address, or None."""

    def listed(self) -> Iterator[ModuleSymbol]:
        """Return the symbols of all modules, by address."""

    def symbolize(self, address: int) -> str | None:
        """Return `name+0x10 [module]` for an address inside a module, else None."""


class LoadedBtfs(Protocol):
    """The BTF objects in kernel memory: those of modules, BPF programs and maps."""

    def objects(self) -> Iterator[Any]:
        """Yield every `struct btf`, ordered by id."""

    def by_id(self, btf_id: int) -> Btf:
        """Return the BTF with that id; raises `ObjectNotFoundError`."""

    def of(self, value: Any) -> Btf:
        """Return the BTF in a `struct btf`, or in one that `value` points to."""

    def unparsed(self, value: Any) -> Unparsed:
        """Return the same as bytes, for a `struct btf` of a module."""


class MapValueTypes(Protocol):
    """Finds the types of what BPF maps hold."""

    def of(self, map_: Any) -> Any:
        """Return the types of a map's keys and values; raises `FaultError`."""

    def value_type(self, map_: Any) -> tuple[types.Type, str]:
        """Return the type of a map's values, and the source that states it."""
