"""What a context is given by those above it: modules, slab caches, the BTF and types of BPF.

Values are `Any` here: a `Value` is made of a context, and a context of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump._btf import types
    from btfdump._btf.reader import Btf


@dataclass(frozen=True, slots=True)
class Cache:
    """A slab cache. Its name and size say what is in it only if it `is_exact`.

    It is not where caches were merged (`refcount`), nor where sizes are rounded up (kmalloc).
    """

    address: int
    name: str
    size: int
    object_size: int
    pad: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class SlabObject:
    """An object of a slab cache: where it begins."""

    cache: Cache
    start: int


class Slabs(Protocol):
    """Slab caches: which object an address lies in."""

    def find(self, address: int) -> SlabObject | None:
        """Return the slab object around an address, None where none is, or cannot be told."""


class Modules(Protocol):
    """Loaded modules: their BTF and their symbols, found when first asked for."""

    def btfs(self) -> Sequence[Btf]:
        """Return each module's BTF, split on vmlinux's."""

    def symbol(self, name: str) -> int | None:
        """Return the address of a module's symbol, if any module has it."""

    def symbolize(self, address: int) -> str | None:
        """Return `name+0x10 [module]` for an address inside a module."""


class LoadedBtfs(Protocol):
    """BTF that the kernel holds in its memory: of modules, of BPF programs and maps."""

    def objects(self) -> Iterator[Any]:
        """Yield every `struct btf`, by id."""

    def by_id(self, btf_id: int) -> Btf:
        """Return the BTF with that id; raises `ObjectNotFoundError`."""

    def of(self, value: Any) -> Btf:
        """Return the types in a `struct btf`, or in the one a pointer leads to."""


class MapValueTypes(Protocol):
    """The types of what BPF maps hold."""

    def of(self, map_: Any) -> Any:
        """Return the types of a map's keys and values; raises `FaultError`."""

    def value_type(self, map_: Any) -> tuple[types.Type, str]:
        """Return the type of a map's values, and whose word that is."""
