"""Per-cgroup storage of programs attached to cgroups (kernel/bpf/local_storage.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value import Value
from btfdump._walk import Anomaly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject


@map_family(keys=Keys.TYPED)
def walk_cgroup_storage(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield the value of each cgroup and attach type."""
    for storage in _storages(map_):
        if isinstance(storage, Anomaly):
            yield storage
        else:
            value = map_._value_at_(storage.buf.deref_().member_("data").address_)
            yield Element(value, _key(map_, storage))


@map_family(keys=Keys.TYPED)
def walk_percpu_cgroup_storage(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield every CPU's copy of the value of each cgroup and attach type."""
    for storage in _storages(map_):
        if isinstance(storage, Anomaly):
            yield storage
        else:
            yield from map_._copies_(int(storage.percpu_buf), _key(map_, storage))


def _storages(map_: MapObject) -> Iterator[Value | Anomaly]:
    outer = map_._inside_("bpf_cgroup_storage_map")
    for item in outer.member_("list").entries_():
        if isinstance(item, Value | Anomaly):
            yield item


def _key(map_: MapObject, storage: Value) -> Value:
    """Return the key: a cgroup's id and an attach type, or (Linux 5.9) the id alone."""
    key = storage.key
    return key if map_.types_.key is None else map_._key_at_(key.address_)
