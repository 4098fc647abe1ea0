"""TCP congestion controls: built in, from modules, and from BPF (net/ipv4/tcp_cong.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.struct_ops import StructOps, find_struct_ops, function_members
from btfdump._btf import types
from btfdump._kernel.notes import Note
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

KERNEL = "vmlinux"


@dataclass(frozen=True, slots=True)
class CongestionControl:
    """A registered `struct tcp_congestion_ops` at virtual `address`.

    `owner` is "vmlinux", a module's name, or "map 24 btfs_cc" if BPF programs implement it; in that
    case `map_id` is not 0, and `slots` names programs. `slots` says what each function pointer that
    is set leads to. `is_default` means that new sockets of the initial network namespace use it.
    """

    address: int
    name: str
    owner: str
    map_id: int
    is_default: bool
    slots: Mapping[str, str]


def find_congestion_controls(kernel: Context) -> Iterator[CongestionControl | Note]:
    """Yield the registered congestion controls in the kernel's order, and notes.

    Raises `SymbolNotFoundError` for a kernel without TCP.
    """
    head = find_global(kernel, "tcp_cong_list")
    return _read(head)


def _read(head: Value) -> Iterator[CongestionControl | Note]:
    kernel = head._context_
    by_address: dict[int, StructOps] = {}
    for item in _struct_ops(kernel):
        if isinstance(item, Note):
            yield item
        else:
            by_address[item.ops] = item
    default = _default(kernel)
    try:
        for value in head.walk_():
            try:
                yield _control(value, by_address.get(value.address_), default)
            except BtfdumpError as error:
                yield Note(f"congestion control at {value.address_:#x}: {error}", value.address_)
    except BtfdumpError as error:
        yield Note(f"tcp_cong_list: {error}", head.address_)


def _struct_ops(kernel: Context) -> Iterator[StructOps | Note]:
    try:
        yield from find_struct_ops(kernel)
    except BtfdumpError as error:  # a kernel without BPF has congestion controls as well
        yield Note(f"which of them BPF programs implement is not known: {error}")


def _default(kernel: Context) -> int:
    """Return the address of the default's `struct tcp_congestion_ops`, 0 if it is not known."""
    try:
        ipv4 = find_global(kernel, "init_net").ipv4
        return int(ipv4.tcp_congestion_control)
    except BtfdumpError:
        return 0


def _control(value: Value, bpf: StructOps | None, default: int) -> CongestionControl:
    value.read_()
    owner = f"map {bpf.map_id} {bpf.map_name}" if bpf is not None else _module(value)
    programs = {s.name: f"program {s.prog_id}" for s in bpf.slots if s.prog_id} if bpf else {}
    slots = {}
    struct = value.type_.btf.skip_modifiers(value.type_)
    assert isinstance(struct, types.Composite)
    for name in function_members(struct):
        address = int(value.member_(name))
        if address:
            symbol = value._context_.symbolize(address) or f"{address:#x}"
            slots[name] = programs.get(name) or symbol.removesuffix(f" [{owner}]")
    return CongestionControl(
        address=value.address_,
        name=value.member_("name").string_(),
        owner=owner,
        map_id=bpf.map_id if bpf is not None else 0,
        is_default=value.address_ == default,
        slots=slots,
    )


def _module(value: Value) -> str:
    return value.owner.member_("name").string_() if value.owner else KERNEL
