"""Whole objects, every member of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import drgn
from drgn import Object, TypeKind
from drgn.helpers.linux.bpf import bpf_map_for_each
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.fs import for_each_file
from drgn.helpers.linux.module import for_each_module
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import find_task, for_each_task

from .common import text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 7
MAX_ELEMENTS = 64
GLOBALS = ("init_uts_ns", "init_cred", "init_pid_ns", "init_nsproxy", "init_task")


def samples(prog: drgn.Program) -> dict[str, Any]:
    """Return objects of many types with the value of each member."""
    return {
        name: {
            "type": value.type_.type_name(),
            "addr": hex(value.address_),
            "size": drgn.sizeof(value),
            "value": members(value),
        }
        for name, value in _objects(prog)
    }


def _objects(prog: drgn.Program) -> Iterator[tuple[str, drgn.Object]]:
    for name in GLOBALS:
        yield name, prog[name]
    first = find_task(prog, 1)
    yield "task_pid1", first[0]
    yield "mm_pid1", first.mm[0]
    yield "signal_pid1", first.signal[0]
    yield "loopback", prog["init_net"].loopback_dev[0]
    for cpu in for_each_possible_cpu(prog):
        yield f"runqueues_cpu{cpu}", per_cpu(prog["runqueues"], cpu)
    for module in for_each_module(prog):
        yield f"module_{text(module.name)}", module[0]
    for map_ in bpf_map_for_each(prog):
        yield f"map_{map_.id.value_()}", map_[0]
    for task in for_each_task(prog):
        if text(task.comm) in ("birch", "elm"):
            yield f"task_{text(task.comm)}", task[0]
            yield f"cred_{text(task.comm)}", task.cred[0]
            for fd, file in for_each_file(task):
                yield f"file_{text(task.comm)}_{fd}", file[0]


def members(value: drgn.Object, depth: int = 0) -> Any:
    """Return an object as JSON: structs by member, enumerators by number and name.

    Nameless members are `<anon@offset>`; deeper than MAX_DEPTH is "...", and of an array the first
    MAX_ELEMENTS are there.
    """
    kind = value.type_
    while kind.kind == TypeKind.TYPEDEF:
        kind = kind.type
    try:
        if kind.kind in (TypeKind.STRUCT, TypeKind.UNION):
            return _struct(value, kind, depth)
        if kind.kind == TypeKind.ARRAY:
            return _array(value, kind, depth)
        return _scalar(value, kind)
    except drgn.FaultError as error:
        return {"fault": str(error)}


def _struct(value: drgn.Object, kind: drgn.Type, depth: int) -> Any:
    if not kind.is_complete():
        return None
    if depth >= MAX_DEPTH:
        return "..."
    found = {}
    for member in kind.members:
        inner = Object(
            value.prog_,
            member.type,
            address=value.address_ + member.bit_offset // 8,
            bit_offset=member.bit_offset % 8,
            bit_field_size=member.bit_field_size,
        )
        name = member.name or f"<anon@{member.bit_offset // 8}>"
        found[name] = members(inner, depth + 1)
    return found


def _array(value: drgn.Object, kind: drgn.Type, depth: int) -> Any:
    length = kind.length or 0
    if kind.type.kind == TypeKind.INT and kind.type.size == 1 and "char" in kind.type.name:
        return {"bytes": value.prog_.read(value.address_, length).hex()} if length else []
    return [members(value[index], depth + 1) for index in range(min(length, MAX_ELEMENTS))]


def _scalar(value: drgn.Object, kind: drgn.Type) -> Any:
    if kind.kind == TypeKind.POINTER:
        return hex(value.value_())
    if kind.kind == TypeKind.ENUM:
        number = value.value_()
        names = [entry.name for entry in kind.enumerators or () if entry.value == number]
        return {"enum": number, "name": names[0] if names else None}
    if kind.kind in (TypeKind.FUNCTION, TypeKind.VOID):
        return None
    return value.value_()
