"""The kernel itself, its modules, devices, control groups, caches and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drgn import container_of
from drgn.helpers.linux.cgroup import cgroup_path, css_for_each_descendant_pre
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.module import for_each_module
from drgn.helpers.linux.net import for_each_net
from drgn.helpers.linux.slab import for_each_slab_cache

from .common import address, has, storage, text

if TYPE_CHECKING:
    import drgn

SYMBOLS = (
    *("init_task", "init_top_pgt", "_stext", "_etext", "__start_BTF", "__stop_BTF"),
    *("btf_vmlinux", "modules", "super_blocks", "linux_banner", "map_idr", "prog_idr", "btf_idr"),
    *("link_idr", "__per_cpu_offset", "init_uts_ns", "init_nsproxy", "init_net", "init_pid_ns"),
    *("init_cred", "runqueues", "inode_hashtable", "file_systems", "cgrp_dfl_root"),
    *("slab_caches", "tcp_hashinfo", "workqueues", "jiffies_64"),
)
# Where the kernel's memory is: x86-64 has them as variables.
BASES = ("page_offset_base", "vmemmap_base", "vmalloc_base")


def kernel(prog: drgn.Program) -> dict[str, Any]:
    """Return names, versions and where the memory is."""
    names = prog["init_uts_ns"].name
    vmcoreinfo = prog["VMCOREINFO"].string_().decode()
    cpus = prog["nr_cpu_ids"].value_()
    return {
        "release": text(names.release),
        "version": text(names.version),
        "nodename": text(names.nodename),
        "machine": text(names.machine),
        "vmcoreinfo": vmcoreinfo,
        "linux_banner": prog.read_c_string(prog.symbol("linux_banner").address).decode(),
        **{name: address(prog[name]) for name in BASES if name in prog},
        "nr_cpu_ids": cpus,
        "jiffies": prog["jiffies"].value_(),
        "init_task": address(prog["init_task"].address_of_()),
        "per_cpu_offset": [address(prog["__per_cpu_offset"][cpu]) for cpu in range(cpus)],
    }


def symbols(prog: drgn.Program) -> dict[str, Any]:
    """Return some symbols, or None for those that this kernel does not have."""
    found: dict[str, Any] = {}
    for name in SYMBOLS:
        try:
            symbol = prog.symbol(name)
        except LookupError:
            found[name] = None
        else:
            found[name] = {"address": hex(symbol.address), "size": symbol.size}
    return found


def modules(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the loaded modules."""
    return [
        {"name": text(module.name), "addr": address(module), "state": module.state.value_()}
        for module in for_each_module(prog)
    ]


def network_devices(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the devices of every network namespace."""
    return [
        {
            "net": address(net),
            "addr": address(device),
            "name": text(device.name),
            "ifindex": device.ifindex.value_(),
            "mtu": device.mtu.value_(),
            "flags": hex(device.flags.value_()),
            "dev_addr": prog.read(device.dev_addr.value_(), 6).hex(),
        }
        for net in for_each_net(prog)
        for device in list_for_each_entry(
            "struct net_device", net.dev_base_head.address_of_(), "dev_list"
        )
    ]


def cgroups(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the cgroups of the default hierarchy, parents first."""
    found = []
    for css in css_for_each_descendant_pre(prog["cgrp_dfl_root"].cgrp.self.address_of_()):
        cgroup = container_of(css, "struct cgroup", "self")
        facts = {
            "addr": address(cgroup),
            "path": cgroup_path(cgroup).decode(),
            "level": cgroup.level.value_(),
            "kn_id": cgroup.kn.id.value_(),
        }
        if has(cgroup, "bpf_cgrp_storage"):
            facts["bpf_storage"] = storage(cgroup.bpf_cgrp_storage)
        found.append(facts)
    return found


def workqueues(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the work queues."""
    head = prog["workqueues"].address_of_()
    queues = list_for_each_entry("struct workqueue_struct", head, "list")
    return [{"addr": address(queue), "name": text(queue.name)} for queue in queues]


def slab_caches(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the slab caches."""
    return [
        {
            "addr": address(cache),
            "name": text(cache.name),
            "size": cache.size.value_(),
            "object_size": cache.object_size.value_(),
        }
        for cache in for_each_slab_cache(prog)
    ]
