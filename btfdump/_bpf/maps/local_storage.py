"""Local storage as the map sees it: all values, and what each is attached to.

Mirrors kernel/bpf/bpf_local_storage.c. Values are also in lists of their owners, which is how they
are reached from there; the map has all of them in buckets of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject

MAX_BUCKET_LOG = 24
_OWNERS = {
    "TASK_STORAGE": "struct task_struct",
    "INODE_STORAGE": "struct inode",
    "SK_STORAGE": "struct sock",
    "CGRP_STORAGE": "struct cgroup",
}


@map_family(keys=Keys.OWNER)
def walk_local_storage(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk the buckets of a `struct bpf_local_storage_map`."""
    smap = map_._inside_("bpf_local_storage_map").read_()
    log = int(smap.bucket_log)
    if log > MAX_BUCKET_LOG:
        raise CorruptDataError(f"bucket_log is {log}", smap.address_)
    bucket = smap.buckets.deref_()
    for first, data in map_._pieces_(bucket.address_, 1 << log, bucket.size_):
        for at in range(0, len(data), bucket.size_):
            address = bucket.address_ + (first * bucket.size_) + at
            one = value_at(map_._context_, bucket.type_, address, data[at : at + bucket.size_])
            yield from _walk_bucket(map_, smap.address_, one)


def _walk_bucket(map_: MapObject, smap: int, bucket: Value) -> Iterator[Element | Anomaly]:
    owner_type = map_._context_.own_type(_OWNERS[map_.kind_])
    for elem in bucket.list.entries_():
        if isinstance(elem, Anomaly):
            yield elem
        elif isinstance(elem, Value):
            if int(elem.sdata.smap) != smap:
                other = int(elem.sdata.smap)
                yield Anomaly(f"{elem.address_:#x} is of the map at {other:#x}", elem.address_)
                continue
            value = map_._value_at_(elem.sdata.data.address_)
            try:
                owner = int(elem.local_storage.owner)
            except BtfdumpError as error:
                yield Element(value, remark=f"its owner is not known: {error}")
                continue
            yield Element(value, owner=value_at(map_._context_, owner_type, owner))
