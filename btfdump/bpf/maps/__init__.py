"""BPF maps: what each kind of map holds, element by element.

A family is one file in this folder: a generator decorated with `@family("HASH", ...)`, the names of
the map types without `BPF_MAP_TYPE_`. It takes a map and yields an `Element` for each that it
holds, and an `Anomaly` for each broken invariant; like a walker it goes on as long as anything is
left, always ends, and has no limits of its own. It finds its way by the members that the kernel's
BTF has, never by the kernel's version.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump.bpf.maps.map_value import MapValue
    from btfdump.kernel.value import Value
    from btfdump.walk import Anomaly

PREFIX = "BPF_MAP_TYPE_"


class Keys(Enum):
    """What tells the elements of a map apart."""

    TYPED = "key"
    """A key that lies in the kernel's memory, typed by the map's BTF."""
    INDEX = "index"
    """A number: a slot of an array, a CPU, the id of a stack."""
    OWNER = "owner"
    """The kernel's object that a value is attached to."""
    ORDER = "order"
    """Nothing but the order in which they are taken out."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a map, or one CPU's copy of it.

    `key` is typed by the map's BTF, or an index; None where there is none. `owner` is the object of
    the kernel that local storage is attached to. `value` is typed by the map's BTF where the map's
    creator decides what it is, and by the kernel's where the kernel does. `remark` says in words
    what no member does.
    """

    value: Value
    key: Value | None = None
    cpu: int | None = None
    owner: Value | None = None
    remark: str = ""


Walk: TypeAlias = "Callable[[MapValue], Iterator[Element | Anomaly]]"
Count: TypeAlias = "Callable[[MapValue], int | None]"


@dataclass(frozen=True, slots=True)
class Family:
    """A registered family of map types.

    `count` tells the number of elements (of per-CPU ones, without their copies) without walking
    them; None where only a walk can. `values_typed`: the map's BTF says what the values are.
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
    """Register a generator as what walks maps of these types."""

    def register(walk: Walk) -> Walk:
        for name in map_types:
            _registry[name] = Family(walk, keys, values_typed, count)
        return walk

    return register


def families() -> dict[str, Family]:
    """Return every family by the name of a map type; loads the files of this folder once."""
    if not _loaded:
        _loaded.append(True)
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
    return _registry
