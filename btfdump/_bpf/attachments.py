"""What holds each program in place: links, and the places that take programs without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.enums import enumerator_names
from btfdump._bpf.links import cgroup_path, find_links
from btfdump._bpf.struct_ops import find_struct_ops
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


@dataclass(frozen=True, slots=True)
class Attachment:
    """A program is attached; `place` says where ("link 3 tracing fentry do_exit")."""

    prog_id: int
    place: str


def find_attachments(kernel: Context) -> Iterator[Attachment | Note]:
    """Yield every attachment found, and notes on what cannot be read.

    These are links, slots of struct_ops maps, network devices (XDP) and cgroups. Filters of traffic
    control, sockets, and maps of programs or sockets are not looked at.
    """
    yield from _guarded(kernel, _of_links)
    yield from _guarded(kernel, _of_struct_ops)
    yield from _guarded(kernel, _of_devices)
    yield from _guarded(kernel, _of_cgroups)


def _guarded(
    kernel: Context, find: Callable[[Context], Iterator[Attachment | Note]]
) -> Iterator[Attachment | Note]:
    try:
        yield from find(kernel)
    except SymbolNotFoundError:  # this kernel was built without such places
        return
    except BtfdumpError as error:
        yield Note(f"attached programs: {error}")


def _of_links(kernel: Context) -> Iterator[Attachment | Note]:
    for link in find_links(kernel):
        if isinstance(link, Note):
            yield link
        elif link.prog_id:
            text = f"link {link.id} {link.type} {link.target}".rstrip()
            yield Attachment(link.prog_id, text)


def _of_struct_ops(kernel: Context) -> Iterator[Attachment | Note]:
    for item in find_struct_ops(kernel):
        if isinstance(item, Note):
            yield item
            continue
        for slot in item.slots:
            if slot.prog_id:
                place = f"map {item.map_id} {item.map_name} {slot.name}"
                yield Attachment(slot.prog_id, place)


def _of_devices(kernel: Context) -> Iterator[Attachment | Note]:
    """Yield XDP programs that were attached by netlink: `net_device.xdp_state` (net/core/dev.c)."""
    if not _has_member(kernel, "net_device", "xdp_state"):  # before 5.9 (7f0a838254bd)
        return
    modes = enumerator_names(kernel, "bpf_xdp_mode", "XDP_MODE_")
    for net in find_global(kernel, "net_namespace_list").walk_():
        for device in net.dev_base_head.walk_():
            for number, state in enumerate(device.xdp_state):
                if state.prog and not state.link:
                    mode = modes.get(number, str(number)).lower()
                    place = f"xdp {mode} {device.member_('name').string_()}"
                    yield Attachment(int(state.prog.aux.id), place)


def _of_cgroups(kernel: Context) -> Iterator[Attachment | Note]:
    """Yield programs attached by bpf(2) alone: `cgroup_bpf.progs` (kernel/bpf/cgroup.c)."""
    if not _has_member(kernel, "cgroup", "bpf"):  # CONFIG_CGROUP_BPF=n
        return
    kinds = enumerator_names(kernel, "cgroup_bpf_attach_type", "")
    root = value_at(kernel, "struct cgroup_root", "cgrp_dfl_root")
    pending, seen = [root.cgrp], {root.cgrp.address_}
    while pending:
        cgroup = pending.pop()
        try:
            yield from _of_cgroup(cgroup, kinds)
            children = list(cgroup.member_("self").children.walk_())
        except BtfdumpError as error:
            yield Note(f"programs of the cgroup at {cgroup.address_:#x}: {error}")
            continue
        for child in children:
            if child.address_ not in seen:
                seen.add(child.address_)
                pending.append(child)


def _of_cgroup(cgroup: Value, kinds: dict[int, str]) -> Iterator[Attachment]:
    progs = cgroup.bpf.progs.read_()
    if not any(progs.bytes_()):  # most have none, and there may be thousands
        return
    for number, head in enumerate(progs):
        for entry in head.walk_():
            if entry.prog and not entry.link:
                kind = kinds.get(number, str(number)).lower()
                place = f"{kind} of cgroup {cgroup_path(cgroup)}"
                yield Attachment(int(entry.prog.aux.id), place)


def _has_member(kernel: Context, struct: str, member: str) -> bool:
    found = kernel.btf.find_all("struct", struct)
    return any(value_at(kernel, type_, 0).has_member_(member) for type_ in found)
