"""BPF links: what holds a program in the place where it runs (kernel/bpf/syscall.c: link_idr).

A `struct bpf_link` is the first member, or nearly, of a larger struct for its type, which knows the
place. What is read of it mirrors each type's `fill_link_info`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from btfdump._bpf.enums import enumerator_names, short_name
from btfdump._bpf.registry import registered
from btfdump._bpf.trampolines import traced_function
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import offset_of, value_at
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

    Details: TypeAlias = "dict[str, str | int]"
    Attached: TypeAlias = "tuple[str, Details]"
    FindAttached: TypeAlias = "Callable[[Value], Attached]"

MAX_DEPTH = 64
"""Most levels of cgroups that a path is made of."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link, a `struct bpf_link` at virtual `address`.

    `type` is as bpftool spells it; `prog_id` is 0 if the link holds no program. `target` says in
    words where the link is attached, `details` the same in numbers, named as in `bpftool link show
    -j`.
    """

    address: int
    id: int
    type: str
    prog_id: int
    target: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


def find_links(kernel: Context) -> Iterator[Link | Note]:
    """Yield every link by id, and notes on what cannot be read.

    Raises `SymbolNotFoundError` for a kernel without links (before Linux 5.8), or without BPF.
    """
    kernel.own_symbol("link_idr")
    return _read(registered(kernel, "link_idr", "struct bpf_link"))


def _read(links: Iterator[Value]) -> Iterator[Link | Note]:
    try:
        for value in links:
            try:
                link = link_of(value)
            except BtfdumpError as error:
                yield Note(f"link at {value.address_:#x}: {error}", value.address_)
                continue
            try:
                yield place_of(link, value._context_)
            except BtfdumpError as error:
                yield link
                yield Note(f"link {link.id}: where it is attached: {error}", value.address_)
    except BtfdumpError as error:
        yield Note(str(error))


def link_of(value: Value) -> Link:
    """Read a `struct bpf_link`, but not where it is attached; raises `FaultError`."""
    value.read_()
    prog_id = int(value.prog.aux.id) if value.prog else 0
    number = int(value.id)
    return Link(value.address_, number, short_name(value.type, "BPF_LINK_TYPE_"), prog_id)


def place_of(link: Link, kernel: Context) -> Link:
    """Return a link with its target, as far as links of its type are understood here.

    Raises `FaultError`, and `MemberNotFoundError` for a kernel that keeps it elsewhere.
    """
    struct, place = _PLACES.get(link.type, ("", None))
    if place is None or not kernel.btf.find_all("struct", struct):
        return link
    type_ = kernel.own_type(f"struct {struct}")
    offset = offset_of(kernel, type_, "link")
    target, details = place(value_at(kernel, type_, kernel.wrap(link.address - offset)))
    return replace(link, target=target, details=details)


def _raw_tracepoint(link: Value) -> Attached:
    name = link.btp.tp.member_("name").string_()
    return name, {"tp_name": name}


def _tracing(link: Value) -> Attached:
    key = int(link.trampoline.key)
    attach = short_name(_attach_type(link, "attach_type"), "BPF_")
    details: Details = {
        "attach_type": attach,
        "target_obj_id": key >> 32,
        "target_btf_id": key & 0x7FFFFFFF,
    }
    return f"{attach.removeprefix('trace_')} {traced_function(link.trampoline.deref_())}", details


def _attach_type(link: Value, own: str) -> Value:
    """Return the attach type of a link: of all in `struct bpf_link` since 6.17 (b725441f02c2).

    Before, `own` was the name of the member that this type of link had for it.
    """
    base = link.link
    while base.has_member_("link"):  # tracing: a struct bpf_tramp_link is around it
        base = base.link
    return base.attach_type if base.has_member_("attach_type") else link.member_(own)


def _cgroup(link: Value) -> Attached:
    attach = short_name(_attach_type(link, "type"), "BPF_")
    if not link.cgroup:  # gone, and the link with it
        return f"{attach} of no cgroup", {"cgroup_id": 0, "attach_type": attach}
    details: Details = {"cgroup_id": int(link.cgroup.kn.id), "attach_type": attach}
    return f"{attach} of cgroup {cgroup_path(link.cgroup.deref_())}", details


def cgroup_path(cgroup: Value) -> str:
    """Return the path of a `struct cgroup` in its hierarchy; mirrors kernfs_path()."""
    node = cgroup.kn.deref_()
    # Renamed in 6.15 (633488947ef6).
    parent = "parent" if node.has_member_("parent") else "__parent"
    names: list[str] = []
    while len(names) < MAX_DEPTH and node.member_(parent):
        names.append(node.member_("name").string_())
        node = node.member_(parent).deref_()
    return "/" + "/".join(reversed(names))


def _iter(link: Value) -> Attached:
    name = link.tinfo.reg_info.target.string_()
    return name, {"target_name": name}


def _netns(link: Value) -> Attached:
    attach = short_name(_attach_type(link, "type"), "BPF_")
    inode = int(link.net.ns.inum) if link.net else 0
    return f"{attach} of netns {inode}", {"netns_ino": inode, "attach_type": attach}


def _device(link: Value) -> Attached:
    if not link.dev:
        return "no device", {"ifindex": 0}
    name = link.dev.member_("name").string_()
    return name, {"devname": name, "ifindex": int(link.dev.ifindex)}


def _device_hook(link: Value) -> Attached:
    name, details = _device(link)
    if not link.dev:
        return name, details
    details["attach_type"] = attach = _attach_name(link, int(_attach_type(link, "location")))
    return f"{attach} of {name}", details


def _attach_name(link: Value, number: int) -> str:
    names = enumerator_names(link._context_, "bpf_attach_type", "BPF_")
    return names.get(number, str(number)).lower()


def _perf_event(link: Value) -> Attached:
    file = link.perf_file.deref_()
    event = value_at(link._context_, "struct perf_event", int(file.private_data))
    call = event.tp_event if event.has_member_("tp_event") else None
    if call is None or not call:
        return "a perf event", {"event_type": int(event.attr.type)}
    system = call.member_("class").system.string_()
    name = call.tp.member_("name") if system not in ("kprobes", "uprobes") else call.member_("name")
    text = f"{system}:{name.string_()}"
    return text, {"tracepoint": text}


def _kprobe_multi(link: Value) -> Attached:
    count = int(link.cnt)
    first = link._context_.symbolize(int(link.addrs[0])) if count else None
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{first or 'no function'}{more}", {"func_cnt": count}


def _uprobe_multi(link: Value) -> Attached:
    count = int(link.cnt)
    name = link.path.dentry.d_name.member_("name").string_()
    return f"{count} places in {name}", {"func_cnt": count}


def _map(link: Value) -> Attached:
    if not link.map:
        return "no map", {"map_id": 0}
    number = int(link.map.id)
    details: Details = {"map_id": number}
    return f"map {number} {link.map.member_('name').string_()}".rstrip(), details


def _map_hook(link: Value) -> Attached:
    target, details = _map(link)
    if link.map:
        details["attach_type"] = short_name(_attach_type(link, "attach_type"), "BPF_")
    return target, details


def _netfilter(link: Value) -> Attached:
    ops = link.hook_ops
    family, hook, priority = int(ops.pf), int(ops.hooknum), int(ops.priority)
    details: Details = {"pf": family, "hook": hook, "prio": priority}
    return f"family {family}, hook {hook}, priority {priority}", details


_PLACES: dict[str, tuple[str, FindAttached]] = {
    "raw_tracepoint": ("bpf_raw_tp_link", _raw_tracepoint),
    "tracing": ("bpf_tracing_link", _tracing),
    "cgroup": ("bpf_cgroup_link", _cgroup),
    "iter": ("bpf_iter_link", _iter),
    "netns": ("bpf_netns_link", _netns),
    "xdp": ("bpf_xdp_link", _device),
    "perf_event": ("bpf_perf_link", _perf_event),
    "kprobe_multi": ("bpf_kprobe_multi_link", _kprobe_multi),
    "uprobe_multi": ("bpf_uprobe_multi_link", _uprobe_multi),
    "struct_ops": ("bpf_struct_ops_link", _map),
    "netfilter": ("bpf_nf_link", _netfilter),
    "tcx": ("tcx_link", _device_hook),
    "netkit": ("netkit_link", _device_hook),
    "sockmap": ("sockmap_link", _map_hook),
}
"""Link type -> the struct around its `link`, and what to read of it."""
