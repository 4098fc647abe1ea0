"""BPF programs, maps with the bytes of their elements, and BTF."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from drgn import Object, cast, container_of
from drgn.helpers.linux.bpf import bpf_btf_for_each, bpf_map_for_each, bpf_prog_for_each
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.percpu import per_cpu_ptr

from .common import address, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import drgn

NO_BTF = 0


def vmlinux_btf(prog: drgn.Program) -> dict[str, Any]:
    """Return where the kernel's own BTF is."""
    start, stop = prog.symbol("__start_BTF").address, prog.symbol("__stop_BTF").address
    digest = hashlib.sha256(prog.read(start, stop - start)).hexdigest()
    return {"start": hex(start), "stop": hex(stop), "size": stop - start, "sha256": digest}


def btfs(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return what btf_idr holds."""
    return [
        {
            "id": btf.id.value_(),
            "addr": address(btf),
            "name": text(btf.name),
            "kernel_btf": bool(btf.kernel_btf.value_()),
            "data": address(btf.data),
            "data_size": btf.data_size.value_(),
            "nr_types": btf.nr_types.value_(),
            "start_id": btf.start_id.value_(),
            "start_str_off": btf.start_str_off.value_(),
            "base_btf": address(btf.base_btf),
            "sha256": hashlib.sha256(prog.read(btf.data.value_(), btf.data_size)).hexdigest(),
        }
        for btf in bpf_btf_for_each(prog)
    ]


def programs(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return what prog_idr holds."""
    return [
        {
            "id": program.aux.id.value_(),
            "name": text(program.aux.name),
            "addr": address(program),
            "aux": address(program.aux),
            "type": program.type.format_(type_name=False),
            "len": program.len.value_(),
            "jited_len": program.jited_len.value_(),
            "bpf_func": address(program.bpf_func),
            "btf": address(program.aux.btf),
            "btf_id": program.aux.btf.id.value_() if program.aux.btf else NO_BTF,
            "func_info_cnt": program.aux.func_info_cnt.value_(),
            "tag": bytes(program.tag.value_()).hex(),
            "used_maps": [
                program.aux.used_maps[index].id.value_()
                for index in range(program.aux.used_map_cnt.value_())
            ],
        }
        for program in bpf_prog_for_each(prog)
    ]


def maps(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return what map_idr holds; with `elems` for arrays and hashes of all kinds."""
    return [_map(map_) for map_ in bpf_map_for_each(prog)]


def _map(map_: drgn.Object) -> dict[str, Any]:
    kind = map_.map_type.format_(type_name=False)
    facts = {
        "id": map_.id.value_(),
        "name": text(map_.name),
        "addr": address(map_),
        "type": map_.map_type.value_(),
        "type_name": kind,
        "key_size": map_.key_size.value_(),
        "value_size": map_.value_size.value_(),
        "max_entries": map_.max_entries.value_(),
        "map_flags": map_.map_flags.value_(),
        "btf": address(map_.btf),
        "btf_id": map_.btf.id.value_() if map_.btf else NO_BTF,
        "btf_key_type_id": map_.btf_key_type_id.value_(),
        "btf_value_type_id": map_.btf_value_type_id.value_(),
        "btf_vmlinux_value_type_id": map_.btf_vmlinux_value_type_id.value_(),
    }
    elements = ELEMENTS.get(kind)
    if elements is not None:
        facts["elems"] = elements(map_)
    return facts


def _array(map_: drgn.Object) -> list[dict[str, Any]]:
    array = container_of(map_, "struct bpf_array", "map")
    size, start = array.elem_size.value_(), array.value.address_
    return [
        {
            "index": index,
            "addr": hex(start + index * size),
            "data": map_.prog_.read(start + index * size, map_.value_size).hex(),
        }
        for index in range(map_.max_entries.value_())
    ]


def _per_cpu_array(map_: drgn.Object) -> list[dict[str, Any]]:
    array = container_of(map_, "struct bpf_array", "map")
    return [
        {"index": index, "cpus": _per_cpu_values(map_, array.pptrs[index])}
        for index in range(map_.max_entries.value_())
    ]


def _hash(map_: drgn.Object) -> list[dict[str, Any]]:
    return [
        element | {"value": map_.prog_.read(value, map_.value_size).hex()}
        for element, value in _hash_elements(map_)
    ]


def _per_cpu_hash(map_: drgn.Object) -> list[dict[str, Any]]:
    found = []
    for element, value in _hash_elements(map_):
        pointer = Object(map_.prog_, "void *", address=value)
        found.append(element | {"cpus": _per_cpu_values(map_, pointer)})
    return found


def _hash_of_maps(map_: drgn.Object) -> list[dict[str, Any]]:
    found = []
    for element, value in _hash_elements(map_):
        inner = Object(map_.prog_, "struct bpf_map *", address=value)
        found.append(element | {"inner_map": address(inner), "inner_id": inner.id.value_()})
    return found


def _hash_elements(map_: drgn.Object) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each element, by bucket, with the address of what follows its key."""
    prog = map_.prog_
    table = container_of(map_, "struct bpf_htab", "map")
    key_size = map_.key_size.value_()
    for bucket in range(table.n_buckets.value_()):
        node = table.buckets[bucket].head.first
        while not node.value_() & 1:  # the end is marked by a low bit
            element = container_of(node, "struct htab_elem", "hash_node")
            key = element.key.address_
            facts = {
                "bucket": bucket,
                "elem": address(element),
                "hash": element.hash.value_(),
                "key": prog.read(key, key_size).hex(),
            }
            yield facts, key + (key_size + 7) // 8 * 8
            node = node.next


def _per_cpu_values(map_: drgn.Object, pointer: drgn.Object) -> list[str]:
    prog = map_.prog_
    pointer = cast("void *", pointer)
    return [
        prog.read(per_cpu_ptr(pointer, cpu).value_(), map_.value_size).hex()
        for cpu in for_each_possible_cpu(prog)
    ]


ELEMENTS: dict[str, Callable[[drgn.Object], list[dict[str, Any]]]] = {
    "BPF_MAP_TYPE_ARRAY": _array,
    "BPF_MAP_TYPE_PERCPU_ARRAY": _per_cpu_array,
    "BPF_MAP_TYPE_HASH": _hash,
    "BPF_MAP_TYPE_LRU_HASH": _hash,
    "BPF_MAP_TYPE_PERCPU_HASH": _per_cpu_hash,
    "BPF_MAP_TYPE_LRU_PERCPU_HASH": _per_cpu_hash,
    "BPF_MAP_TYPE_HASH_OF_MAPS": _hash_of_maps,
}
