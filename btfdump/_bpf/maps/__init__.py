"""BPF maps: what each kind of map holds, element by element.

A family is a generator decorated with `@map_family(...)`, in a file of this folder or in another
package; `MAPS`, or the entry point there, has the types of map that it walks. It takes a map and
yields an `Element` for each element and an `Anomaly` for each broken invariant. Like a walker it
goes on as long as anything is left, always ends, and has no limits of its own. It finds its way by
the members that the kernel's BTF has, never by the kernel's version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from btfdump._bpf.maps.elements import Element
from btfdump._plugins.registry import Registry, first_line
from btfdump._walk import Anomaly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._bpf.maps.elements import Keys
    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._plugins.entry_points import Guard

WalkMap: TypeAlias = "Callable[[MapObject], Iterator[Element | Anomaly]]"
Count: TypeAlias = "Callable[[MapObject], int | None]"


@dataclass(frozen=True, slots=True)
class Family:
    """A registered family of map types.

    `count` returns the number of elements (not counting per-CPU copies) without walking them, or
    None if only a walk can count them. `values_typed` means that the map's BTF says what the values
    are.
    """

    walk: WalkMap
    keys: Keys
    values_typed: bool
    count: Count | None

    @property
    def help(self) -> str:
        """What it walks, in one line."""
        return first_line(self.walk)

    def registered(self, name: str, guard: Guard | None) -> Family:
        """Return it as the family of maps of type `name`."""
        del name
        if guard is None:
            return self

        from btfdump._kernel.value import Value

        count = guard.call(self.count) if self.count is not None else None
        parts = {"value": (Value,), "key": (Value, type(None)), "message": (str,)}
        return replace(self, walk=guard.each(self.walk, Element, Anomaly, parts=parts), count=count)


MAPS: Registry[Family] = Registry(
    "map",
    __name__,
    {
        "HASH": "hashes:walk_hash",
        "ARRAY": "arrays:walk_array",
        "PERCPU_ARRAY": "arrays:walk_percpu_array",
        "ARRAY_OF_MAPS": "arrays:walk_array_of_maps",
        "PROG_ARRAY": "arrays:walk_prog_array",
        "PERF_EVENT_ARRAY": "arrays:walk_perf_event_array",
        "CGROUP_ARRAY": "arrays:walk_cgroup_array",
        "CGROUP_STORAGE": "cgroup_storage:walk_cgroup_storage",
        "CGROUP_STORAGE_DEPRECATED": "cgroup_storage:walk_cgroup_storage",
        "PERCPU_CGROUP_STORAGE": "cgroup_storage:walk_percpu_cgroup_storage",
        "PERCPU_CGROUP_STORAGE_DEPRECATED": "cgroup_storage:walk_percpu_cgroup_storage",
        "BLOOM_FILTER": "countless:walk_bloom_filter",
        "ARENA": "countless:walk_arena",
        "LRU_HASH": "hashes:walk_hash",
        "PERCPU_HASH": "hashes:walk_percpu_hash",
        "LRU_PERCPU_HASH": "hashes:walk_percpu_hash",
        "HASH_OF_MAPS": "hashes:walk_hash_of_maps",
        "TASK_STORAGE": "local_storage:walk_local_storage",
        "INODE_STORAGE": "local_storage:walk_local_storage",
        "SK_STORAGE": "local_storage:walk_local_storage",
        "CGRP_STORAGE": "local_storage:walk_local_storage",
        "LPM_TRIE": "lpm_trie:walk_lpm_trie",
        "QUEUE": "queues:walk_queue",
        "STACK": "queues:walk_stack",
        "DEVMAP": "redirects:walk_devmap",
        "DEVMAP_HASH": "redirects:walk_devmap_hash",
        "CPUMAP": "redirects:walk_cpumap",
        "XSKMAP": "redirects:walk_xskmap",
        "SOCKMAP": "redirects:walk_sockmap",
        "REUSEPORT_SOCKARRAY": "redirects:walk_reuseport_array",
        "SOCKHASH": "redirects:walk_sockhash",
        "RINGBUF": "ring_buffers:walk_ring_buffer",
        "USER_RINGBUF": "ring_buffers:walk_ring_buffer",
        "STACK_TRACE": "stack_traces:walk_stack_traces",
        "STRUCT_OPS": "struct_ops:walk_struct_ops",
    },
    "@map_family",
)
"""By the type of the map, without `BPF_MAP_TYPE_`."""


def map_family(
    *, keys: Keys, values_typed: bool = True, count: Count | None = None
) -> Callable[[WalkMap], WalkMap]:
    """Declare a generator to be the walker of a family of maps.

    `keys` says what its elements are found by. `values_typed` means that the map's BTF describes
    its values. `count(map)` returns the number of elements without walking them, or None if only a
    walk can count them. The types of maps that it walks are named in `MAPS`, or by the entry point
    of another package.
    """

    def declare(walk: WalkMap) -> WalkMap:
        MAPS.declare(walk, Family(walk, keys, values_typed, count))
        return walk

    return declare


def count_elements(map_: MapObject) -> int | None:
    """Return the number of elements of a map if the kernel keeps count of them, else None.

    Raises `FaultError` and `CorruptDataError`.
    """
    found = MAPS.get(map_.kind_)
    return found.count(map_) if found is not None and found.count is not None else None
