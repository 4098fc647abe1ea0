"""Structs of functions that BPF programs implement (kernel/bpf/bpf_struct_ops.c).

A map of type struct_ops holds one such struct twice: the kernel's copy (`kvalue`), whose slots
point to code, and user space's (`uvalue`), where a slot that a program fills holds the program's id
instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.enums import short_name
from btfdump._bpf.kernel_btf import kernel_btfs, types_of
from btfdump._bpf.registry import registered
from btfdump._btf import types
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_TYPES = 1 << 12
"""Most types of struct_ops believed of one BTF."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A function pointer in a struct of functions.

    `prog_id` is the id of the program that fills it, 0 if none does. `address` is what the kernel
    calls: then a trampoline, otherwise a function of the kernel, and 0 for an empty slot.
    """

    name: str
    prog_id: int
    address: int


@dataclass(frozen=True, slots=True)
class StructOps:
    """A struct_ops map, a `struct bpf_map` at virtual `address`.

    `ops` is the virtual address of the kernel's copy of the struct, `type` the struct's name.
    `instance` is the struct's own `name`, if it has one. `state` is "inuse" once the struct is
    registered with its subsystem; others are "init", "tobefree" and "ready".
    """

    address: int
    map_id: int
    map_name: str
    type: str
    ops: int
    instance: str
    state: str
    slots: tuple[Slot, ...]


def find_struct_ops(kernel: Context) -> Iterator[StructOps | Note]:
    """Yield every struct_ops map by id, and notes on what cannot be read.

    Raises `SymbolNotFoundError` for a kernel without BPF.
    """
    kernel.own_symbol("map_idr")
    return _read(registered(kernel, "map_idr", "struct bpf_map"))


def _read(maps: Iterator[Value]) -> Iterator[StructOps | Note]:
    try:
        for value in maps:
            try:
                if short_name(value.map_type, "BPF_MAP_TYPE_") == "struct_ops":
                    yield struct_ops_of(value)
            except BtfdumpError as error:
                yield Note(f"map at {value.address_:#x}: {error}", value.address_)
    except BtfdumpError as error:
        yield Note(str(error))


def struct_ops_of(map_: Value) -> StructOps:
    """Read what is in the struct_ops map whose `struct bpf_map` is `map_`.

    Raises `FaultError`, and `TypeNotFoundError` if the BTF lacks the type of the value.
    """
    kernel = map_._context_
    outer = value_at(kernel, "struct bpf_struct_ops_map", map_.address_)
    btf = kernel.btf
    if outer.has_member_("btf") and outer.btf:  # of a module, since 6.9 (fcc2c1fb0651)
        btf = types_of(kernel, outer.btf)
    value_type = btf.type(int(map_.btf_vmlinux_value_type_id))
    value = value_at(kernel, value_type, outer.kvalue.address_).read_()
    ops = value.data
    user = value_at(kernel, value_type, int(outer.uvalue)).data
    layout = ops._layout_
    if not isinstance(layout, StructLayout):
        raise CorruptDataError(f"{value_type} holds no struct of functions", map_.address_)
    state = value.common.state if value.has_member_("common") else value.state
    return StructOps(
        address=map_.address_,
        map_id=int(map_.id),
        map_name=map_.member_("name").string_(),
        type=layout.base.name,
        ops=ops.address_,
        instance=_instance(ops),
        state=short_name(state, "BPF_STRUCT_OPS_STATE_"),
        slots=tuple(
            Slot(name, int(user.member_(name)), int(ops.member_(name)))
            for name in function_members(layout.base)
        ),
    )


def function_members(struct: types.Composite) -> list[str]:
    """Return the names of the members that are pointers to functions."""
    found = []
    for member in struct.members:
        pointer = struct.btf.skip_modifiers(member.type_id)
        if isinstance(pointer, types.Ptr):
            target = struct.btf.skip_modifiers(pointer.type_id)
            if isinstance(target, types.FuncProto):
                found.append(member.name)
    return found


def _instance(ops: Value) -> str:
    """Return the text in the member `name`, if the struct has one that is an array of char."""
    if not ops.has_member_("name"):
        return ""
    name = ops.member_("name")
    layout = name._layout_
    return name.string_() if isinstance(layout, ArrayLayout) and layout.is_text else ""


def find_struct_ops_types(kernel: Context) -> Iterator[str | Note]:
    """Yield the names of the structs that programs can implement, and notes.

    Kernels before 6.9 (612d087d4ba5) do not keep the list where it can be found; they yield
    nothing.
    """
    for item in kernel_btfs(kernel):
        if isinstance(item, Note):
            yield item
            continue
        value, btf = item
        try:
            yield from _types_in(value, btf)
        except BtfdumpError as error:
            yield Note(f"struct_ops of {btf.name}: {error}")


def _types_in(value: Value, btf: Btf) -> list[str]:
    if not value.has_member_("struct_ops_tab") or not value.struct_ops_tab:
        return []
    table = value.struct_ops_tab.deref_()
    count = int(table.cnt)
    if count > MAX_TYPES:
        raise CorruptDataError(f"claims {count} types", table.address_)
    return [btf.type(int(table.ops[index].type_id)).name for index in range(count)]
