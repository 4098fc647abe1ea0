"""How much memory a map takes, computed as the kernel computes it for bpftool.

Mirrors `map_mem_usage` of the map types (struct bpf_map_ops, since Linux 6.4: 90a5527d7686).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import count_elements
from btfdump._bpf.maps.hashes import NO_PREALLOC
from btfdump._kernel.value_at import offset_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._bpf.maps.map_object import MapObject

MMAPABLE = 1 << 10
"""BPF_F_MMAPABLE of `map_flags`."""
_LOCKS = 8
"""HASHTAB_MAP_LOCK_COUNT: an int for each, on every CPU."""


def memory_of(map_: MapObject) -> int | None:
    """Return the bytes that a map takes, None for types whose memory cannot be computed here.

    Raises `FaultError` and `CorruptDataError`.
    """
    sum_ = _SUMS.get(map_.kind_)
    return sum_(map_) if sum_ is not None else None


def _cpus(map_: MapObject) -> int:
    return len(map_._context_.target.per_cpu_offsets)


def _page(map_: MapObject) -> int:
    """Return PAGE_SIZE: the consumer's position has a page of its own, after the first."""
    context = map_._context_
    return offset_of(context, "struct bpf_ringbuf", "consumer_pos")


def _array(map_: MapObject) -> int:
    """array_map_mem_usage()"""
    array = map_._inside_("bpf_array")
    entries, size = int(map_.max_entries), int(array.elem_size)
    if map_.kind_ == "PERCPU_ARRAY":
        pointer = map_._context_.layouts.pointer_size
        return array.size_ + entries * pointer + entries * size * _cpus(map_)
    if int(map_.map_flags) & MMAPABLE:
        page = _page(map_)
        return _round_up(array.size_, page) + _round_up(entries * size, page)
    return array.size_ + entries * size


def _hash(map_: MapObject) -> int | None:
    """htab_map_mem_usage()"""
    table = map_._inside_("bpf_htab").read_()
    pointer, cpus = map_._context_.layouts.pointer_size, _cpus(map_)
    size, values = int(table.elem_size), _round_up(int(map_.value_size), 8) * cpus
    total = table.size_ + table.buckets.deref_().size_ * int(table.n_buckets) + 4 * cpus * _LOCKS
    is_percpu, is_lru = "PERCPU" in map_.kind_, "LRU" in map_.kind_
    if int(map_.map_flags) & NO_PREALLOC:
        count = count_elements(map_)
        if count is None:
            return None
        each = size + pointer + (2 * pointer + values if is_percpu else 0)
        return total + each * count
    entries = int(map_.max_entries)
    if table.extra_elems:
        entries += cpus
    total += size * entries
    if is_percpu:
        return total + values * entries
    return total if is_lru else total + pointer * cpus


def _lpm_trie(map_: MapObject) -> int:
    """trie_mem_usage()"""
    trie = map_._inside_("lpm_trie").read_()
    node = map_._context_.layouts.of(map_._context_.own_type("struct lpm_trie_node")).size
    return (node + int(trie.data_size) + int(map_.value_size)) * int(trie.n_entries)


def _queue(map_: MapObject) -> int:
    """queue_stack_map_mem_usage()"""
    queue = map_._inside_("bpf_queue_stack")
    return queue.size_ + int(map_.value_size) * int(queue.member_("size"))


def _local_storage(map_: MapObject) -> int:
    """bpf_local_storage_map_mem_usage(): the values themselves are not counted"""
    smap = map_._inside_("bpf_local_storage_map").read_()
    return smap.size_ + (smap.buckets.deref_().size_ << int(smap.bucket_log))


def _ring_buffer(map_: MapObject) -> int:
    """ringbuf_map_mem_usage()"""
    outer = map_._inside_("bpf_ringbuf_map")
    buffer = outer.rb.deref_()
    page, pointer = _page(map_), map_._context_.layouts.pointer_size
    data_pages = int(map_.max_entries) // page
    pages = int(buffer.nr_pages)
    return outer.size_ + pages * page + (pages + data_pages) * pointer


def _bloom_filter(map_: MapObject) -> int:
    """bloom_map_mem_usage()"""
    bloom = map_._inside_("bpf_bloom_filter").read_()
    return bloom.size_ + _round_up((int(bloom.bitset_mask) + 1) // 8, 8)


def _stack_trace(map_: MapObject) -> int:
    """stack_map_mem_usage()"""
    stacks = map_._inside_("bpf_stack_map").read_()
    bucket = map_._context_.layouts.of(map_._context_.own_type("struct stack_map_bucket")).size
    pointer = map_._context_.layouts.pointer_size
    each = bucket + int(map_.value_size)
    return stacks.size_ + int(stacks.n_buckets) * pointer + int(map_.max_entries) * each


def _devices(map_: MapObject) -> int:
    """dev_map_mem_usage()"""
    table = map_._inside_("bpf_dtab").read_()
    slots = int(table.n_buckets if map_.kind_ == "DEVMAP_HASH" else map_.max_entries)
    each = map_._context_.layouts.of(map_._context_.own_type("struct bpf_dtab_netdev")).size
    pointers = slots * map_._context_.layouts.pointer_size
    return table.size_ + pointers + int(table.member_("items")) * each


def _slots_behind(struct: str) -> Callable[[MapObject], int]:
    """Return the sum for a struct followed by, or with a pointer to, as many pointers as entries.

    cpu_map_mem_usage(), sock_map_mem_usage(), reuseport_array_mem_usage()
    """

    def total(map_: MapObject) -> int:
        pointer = map_._context_.layouts.pointer_size
        return map_._inside_(struct).size_ + int(map_.max_entries) * pointer

    return total


def _round_up(number: int, step: int) -> int:
    return (number + step - 1) // step * step


_SUMS: dict[str, Callable[[MapObject], int | None]] = {
    **dict.fromkeys(("ARRAY", "PERCPU_ARRAY", "ARRAY_OF_MAPS", "PROG_ARRAY"), _array),
    **dict.fromkeys(("PERF_EVENT_ARRAY", "CGROUP_ARRAY"), _array),
    **dict.fromkeys(("HASH", "LRU_HASH", "PERCPU_HASH", "LRU_PERCPU_HASH"), _hash),
    "HASH_OF_MAPS": _hash,
    "LPM_TRIE": _lpm_trie,
    **dict.fromkeys(("QUEUE", "STACK"), _queue),
    **dict.fromkeys(("TASK_STORAGE", "INODE_STORAGE"), _local_storage),
    **dict.fromkeys(("SK_STORAGE", "CGRP_STORAGE"), _local_storage),
    "BLOOM_FILTER": _bloom_filter,
    "STACK_TRACE": _stack_trace,
    **dict.fromkeys(("DEVMAP", "DEVMAP_HASH"), _devices),
    "CPUMAP": _slots_behind("bpf_cpu_map"),
    "SOCKMAP": _slots_behind("bpf_stab"),
    "REUSEPORT_SOCKARRAY": _slots_behind("reuseport_array"),
    **dict.fromkeys(("RINGBUF", "USER_RINGBUF"), _ring_buffer),
}
