"""BPF maps: what each kind of map holds, element by element.

A family is one file in this folder: a generator decorated with `@family("HASH", ...)`, the names of
the map types without `BPF_MAP_TYPE_`. It takes a map and yields an `Element` for each element and
an `Anomaly` for each broken invariant. Like a walker it goes on as long as anything is left, always
ends, and has no limits of its own. It finds its way by the members that the kernel's BTF has, never
by the kernel's version.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump.bpf.maps.elements import Element, Keys
    from btfdump.bpf.maps.map_object import MapObject
    from btfdump.walk import Anomaly

Walk: TypeAlias = "Callable[[MapObject], Iterator[Element | Anomaly]]"
Count: TypeAlias = "Callable[[MapObject], int | None]"


@dataclass(frozen=True, slots=True)
class Family:
    """A registered family of map types.

    `count` returns the number of elements (not counting per-CPU copies) without walking them, or
    None if only a walk can count them. `values_typed` means that the map's BTF says what the values
    are.
    """

    walk: Walk
    keys: Keys
    values_typed: bool
    count: Count | None


_registry: dict[str, Family] = {}
_loaded: list[bool] = []


def family(
    *map_types: str, keys: Keys, values_typed: bool = True, count: Count | None = None
) -> Callable[[Walk], Walk]:
    """Register a generator as the walker of maps of these types."""

    def register(walk: Walk) -> Walk:
        for name in map_types:
            _registry[name] = Family(walk, keys, values_typed, count)
        return walk

    return register


def families() -> dict[str, Family]:
    """Return every family by the name of a map type; loads all files of this folder once."""
    if not _loaded:
        _loaded.append(True)
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
    return _registry


def count_elements(map_: MapObject) -> int | None:
    """Return the number of elements of a map if the kernel keeps count of them, else None.

    Raises `FaultError` and `CorruptDataError`.
    """
    found = families().get(map_.kind_)
    return found.count(map_) if found is not None and found.count is not None else None
