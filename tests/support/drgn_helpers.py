"""Calls of drgn's helpers whose results on the stock 6.12 dump were recorded with DWARF.

See sample_dumps/README.md: `drgn-helpers.json.xz` has what each gave, by these names.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from drgn import Object, sizeof
from drgn.helpers.common.memory import identify_address
from drgn.helpers.linux import (
    block,
    boot,
    bpf,
    cgroup,
    cpumask,
    device,
    fs,
    hugetlb,
    idr,
    irq,
    kallsyms,
    kernfs,
    kthread,
    locking,
    mapletree,
    mm,
    mmzone,
    module,
    net,
    nodemask,
    panic,
    pci,
    percpu,
    pid,
    printk,
    sched,
    signal,
    slab,
    swap,
    sysfs,
    tc,
    timekeeping,
    timer,
    user,
    vmstat,
    wait,
    xarray,
)
from drgn.helpers.linux import (
    list as list_,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drgn import Program

_PLAIN = ("INT", "POINTER", "ENUM", "TYPEDEF", "BOOL")


def init(p: Program) -> Object:
    """Return the task of pid 1."""
    return pid.find_task(p, 1)


def some(found: Iterable[Any], most: int = 50) -> list[Any]:
    """Return the first of what an iterator finds."""
    return list(islice(found, most))


HELPERS: dict[str, Callable[[Program], Any]] = {
    "pid.find_task": lambda p: init(p),
    "pid.for_each_task": lambda p: some(pid.for_each_task(p), 200),
    "pid.find_pid": lambda p: pid.find_pid(p, 1),
    "pid.for_each_pid": lambda p: some(pid.for_each_pid(p), 200),
    "pid.pid_task": lambda p: pid.pid_task(pid.find_pid(p, 1), p["PIDTYPE_PID"]),
    "pid.for_each_task_in_group": lambda p: some(pid.for_each_task_in_group(init(p))),
    "list.list_for_each_entry": lambda p: [
        t.comm.string_()
        for t in list_.list_for_each_entry(
            "struct task_struct", p["init_task"].tasks.address_of_(), "tasks"
        )
    ],
    "sched.task_state_to_char": lambda p: [
        sched.task_state_to_char(t) for t in pid.for_each_task(p)
    ],
    "sched.get_task_state": lambda p: [sched.get_task_state(t) for t in pid.for_each_task(p)],
    "sched.task_cpu": lambda p: [sched.task_cpu(t) for t in pid.for_each_task(p)],
    "sched.cpu_curr": lambda p: sched.cpu_curr(p, 0),
    "sched.idle_task": lambda p: sched.idle_task(p, 1),
    "sched.loadavg": lambda p: sched.loadavg(p),
    "sched.cpu_rq": lambda p: sched.cpu_rq(p, 1),
    "sched.task_since_last_arrival_ns": lambda p: [
        sched.task_since_last_arrival_ns(t) for t in some(pid.for_each_task(p), 5)
    ],
    "sched.task_rq": lambda p: sched.task_rq(init(p)),
    "sched.task_thread_info": lambda p: sched.task_thread_info(init(p)),
    "percpu.per_cpu": lambda p: percpu.per_cpu(p["runqueues"], 1).curr,
    "percpu.per_cpu_ptr": lambda p: percpu.per_cpu_ptr(p["runqueues"].address_of_(), 1),
    "percpu.percpu_counter_sum": lambda p: percpu.percpu_counter_sum(
        p["vm_committed_as"].address_of_()
    ),
    "cpumask.for_each_online_cpu": lambda p: some(cpumask.for_each_online_cpu(p)),
    "cpumask.for_each_possible_cpu": lambda p: some(cpumask.for_each_possible_cpu(p)),
    "cpumask.num_present_cpus": lambda p: cpumask.num_present_cpus(p),
    "cpumask.cpumask_to_cpulist": lambda p: cpumask.cpumask_to_cpulist(cpumask.cpu_online_mask(p)),
    "nodemask.for_each_online_node": lambda p: some(nodemask.for_each_online_node(p)),
    "boot.kaslr_offset": lambda p: boot.kaslr_offset(p),
    "boot.pgtable_l5_enabled": lambda p: boot.pgtable_l5_enabled(p),
    "fs.for_each_mount": lambda p: some(fs.for_each_mount(p)),
    "fs.mount_dst": lambda p: [
        (fs.mount_src(m), fs.mount_dst(m), fs.mount_fstype(m)) for m in fs.for_each_mount(p)
    ],
    "fs.for_each_file": lambda p: some(fs.for_each_file(init(p))),
    "fs.d_path": lambda p: [fs.d_path(f.f_path) for _, f in fs.for_each_file(init(p))],
    "fs.path_lookup": lambda p: fs.path_lookup(p, "/proc"),
    "fs.inode_path": lambda p: fs.inode_path(some(fs.for_each_file(init(p)))[0][1].f_inode),
    "fs.dentry_path": lambda p: fs.dentry_path(some(fs.for_each_file(init(p)))[0][1].f_path.dentry),
    "fs.fget": lambda p: fs.fget(init(p), 0),
    "fs.for_each_super": lambda p: [
        (s.s_type.name.string_())
        for s in list_.list_for_each_entry(
            "struct super_block", p["super_blocks"].address_of_(), "s_list"
        )
    ],
    "mm.for_each_vma": lambda p: some(mm.for_each_vma(init(p).mm)),
    "mm.vma_find": lambda p: mm.vma_find(init(p).mm, 0x400000),
    "mm.vma_name": lambda p: [mm.vma_name(v) for v in some(mm.for_each_vma(init(p).mm))],
    "mm.totalram_pages": lambda p: mm.totalram_pages(p),
    "mm.virt_to_phys": lambda p: mm.virt_to_phys(p, init(p).value_()),
    "mm.virt_to_page": lambda p: mm.virt_to_page(init(p)),
    "mm.pfn_to_page": lambda p: mm.pfn_to_page(p, 100),
    "mm.page_to_virt": lambda p: mm.page_to_virt(mm.virt_to_page(init(p))),
    "mm.PageSlab": lambda p: mm.PageSlab(mm.virt_to_page(init(p))),
    "mm.for_each_page": lambda p: some(mm.for_each_page(p), 20),
    "mm.for_each_vmap_area": lambda p: some(mm.for_each_vmap_area(p), 100),
    "mm.find_vmap_area": lambda p: mm.find_vmap_area(p, init(p).stack),
    "mm.follow_phys": lambda p: mm.follow_phys(p["init_mm"].address_of_(), init(p).stack),
    "mm.get_task_rss": lambda p: mm.task_rss(init(p)),
    "mm.compound_head": lambda p: mm.compound_head(mm.virt_to_page(init(p))),
    "mm.vm_commit_limit": lambda p: mm.vm_commit_limit(p),
    "mm.for_each_memory_block": lambda p: some(mm.for_each_memory_block(p)),
    "mmzone.for_each_online_pgdat": lambda p: some(mmzone.for_each_online_pgdat(p)),
    "slab.for_each_slab_cache": lambda p: [c.name.string_() for c in slab.for_each_slab_cache(p)],
    "slab.find_slab_cache": lambda p: slab.find_slab_cache(p, "task_struct"),
    "slab.slab_cache_for_each_allocated_object": lambda p: sorted(
        o.value_()
        for o in slab.slab_cache_for_each_allocated_object(
            slab.find_slab_cache(p, "task_struct"), "struct task_struct"
        )
    ),
    "slab.slab_object_info": lambda p: slab.slab_object_info(p, init(p).value_() + 8),
    "slab.find_containing_slab_cache": lambda p: slab.find_containing_slab_cache(
        p, init(p).value_() + 8
    ),
    "slab.slab_cache_usage": lambda p: slab.slab_cache_usage(
        slab.find_slab_cache(p, "task_struct")
    ),
    "slab.get_slab_cache_aliases": lambda p: slab.get_slab_cache_aliases(p),
    "slab.slab_total_usage": lambda p: slab.slab_total_usage(p),
    "net.for_each_net": lambda p: some(net.for_each_net(p)),
    "net.netdev_for_each": lambda p: [
        d.name.string_() for d in net.for_each_netdev(p["init_net"].address_of_())
    ],
    "net.netdev_get_by_name": lambda p: net.netdev_get_by_name(p["init_net"].address_of_(), "lo"),
    "net.netdev_ipv4": lambda p: net.netdev_ipv4_addrs(
        net.netdev_get_by_name(p["init_net"].address_of_(), "lo")
    ),
    "net.is_pp_page": lambda p: net.is_pp_page(mm.virt_to_page(init(p))),
    "cgroup.css_for_each_child": lambda p: some(
        cgroup.css_for_each_child(p["cgrp_dfl_root"].cgrp.self.address_of_())
    ),
    "cgroup.cgroup_path": lambda p: cgroup.cgroup_path(init(p).cgroups.dfl_cgrp),
    "cgroup.cgroup_get_from_path": lambda p: cgroup.cgroup_get_from_path(p, "/"),
    "bpf.bpf_map_for_each": lambda p: some(bpf.bpf_map_for_each(p)),
    "bpf.bpf_prog_for_each": lambda p: some(bpf.bpf_prog_for_each(p)),
    "bpf.bpf_link_for_each": lambda p: some(bpf.bpf_link_for_each(p)),
    "bpf.bpf_btf_for_each": lambda p: some(bpf.bpf_btf_for_each(p)),
    "bpf.bpf_map_by_id": lambda p: bpf.bpf_map_by_id(p, some(bpf.bpf_map_for_each(p))[0].id),
    "bpf.bpf_prog_used_maps": lambda p: [
        some(bpf.bpf_prog_used_maps(one)) for one in bpf.bpf_prog_for_each(p)
    ],
    "bpf.cgroup_bpf_prog_for_each": lambda p: some(
        bpf.cgroup_bpf_prog_for_each(p["cgrp_dfl_root"].cgrp.address_of_(), 0)
    ),
    "idr.idr_for_each": lambda p: some(idr.idr_for_each(p["map_idr"].address_of_())),
    "xarray.xa_for_each": lambda p: some(xarray.xa_for_each(p["map_idr"].idr_rt.address_of_())),
    "mapletree.mt_for_each": lambda p: some(mapletree.mt_for_each(init(p).mm.mm_mt.address_of_())),
    "block.for_each_disk": lambda p: some(block.for_each_disk(p)),
    "block.for_each_partition": lambda p: some(block.for_each_partition(p)),
    "device.for_each_registered_chrdev": lambda p: some(device.for_each_registered_chrdev(p)),
    "device.for_each_registered_blkdev": lambda p: some(device.for_each_registered_blkdev(p)),
    "device.bus_for_each_dev": lambda p: some(
        device.bus_for_each_dev(p["pci_bus_type"].address_of_())
    ),
    "device.class_for_each_device": lambda p: some(
        device.class_for_each_device(p["block_class"].address_of_())
    ),
    "pci.for_each_pci_dev": lambda p: some(pci.for_each_pci_dev(p)),
    "hugetlb.for_each_hstate": lambda p: some(hugetlb.for_each_hstate(p)),
    "irq.irq_to_desc": lambda p: irq.irq_to_desc(p, 1),
    "kernfs.kernfs_path": lambda p: kernfs.kernfs_path(p["sysfs_root_kn"]),
    "kernfs.kernfs_walk": lambda p: kernfs.kernfs_walk(p["sysfs_root_kn"], "kernel"),
    "kthread.to_kthread": lambda p: kthread.to_kthread(pid.find_task(p, 2)),
    "sysfs.sysfs_lookup": lambda p: sysfs.sysfs_lookup(p, "/sys/kernel"),
    "module.for_each_module": lambda p: some(module.for_each_module(p)),
    "module.find_module": lambda p: module.find_module(p, "veth"),
    "module.module_taints": lambda p: [module.module_taints(m) for m in module.for_each_module(p)],
    "module.address_to_module": lambda p: module.address_to_module(
        p, some(module.for_each_module(p))[0].mem[0].base
    ),
    "kallsyms.load_module_kallsyms": lambda p: kallsyms.load_module_kallsyms(p) and 1,
    "panic.tainted": lambda p: panic.tainted(p),
    "panic.panic_message": lambda p: panic.panic_message(p),
    "printk.get_dmesg": lambda p: len(printk.get_dmesg(p)),
    "printk.get_printk_records": lambda p: len(printk.get_printk_records(p)),
    "signal.sigpending_for_each": lambda p: some(
        signal.sigpending_for_each(init(p).pending.address_of_())
    ),
    "swap.for_each_swap_info": lambda p: some(swap.for_each_swap_info(p)),
    "tc.qdisc_lookup": lambda p: tc.qdisc_lookup(
        net.netdev_get_by_name(p["init_net"].address_of_(), "lo"), 0
    ),
    "timekeeping.ktime_get_seconds": lambda p: timekeeping.ktime_get_seconds(p),
    "timer.for_each_timer": lambda p: some(
        timer.timer_base_for_each(percpu.per_cpu(p["timer_bases"], 0)[0].address_of_())
    ),
    "timer.hrtimer": lambda p: some(
        timer.hrtimer_clock_base_for_each(
            percpu.per_cpu(p["hrtimer_bases"], 0).clock_base[0].address_of_()
        )
    ),
    "user.find_user": lambda p: user.find_user(p, 0),
    "user.for_each_user": lambda p: some(user.for_each_user(p)),
    "vmstat.global_node_page_state": lambda p: vmstat.global_node_page_state(p, p["NR_FILE_PAGES"]),
    "vmstat.global_zone_page_state": lambda p: vmstat.global_zone_page_state(p, p["NR_FREE_PAGES"]),
    "vmstat.global_vm_event_state": lambda p: vmstat.global_vm_event_state(p, p["PGFAULT"]),
    "vmstat.nr_free_pages": lambda p: vmstat.nr_free_pages(p),
    "wait.waitqueue_for_each_task": lambda p: some(
        wait.waitqueue_for_each_task(init(p).signal.wait_chldexit.address_of_())
    ),
    "locking.mutex_owner": lambda p: locking.mutex_owner(p["slab_mutex"].address_of_()),
    "common.identify_address": lambda p: [
        identify_address(p, a)
        for a in (
            init(p).value_(),
            init(p).value_() + 24,
            p.symbol("init_task").address,
            init(p).stack.value_() + 100,
            p.symbol("schedule").address + 4,
            some(fs.for_each_file(init(p)))[0][1].value_(),
        )
    ],
    "prog.symbol": lambda p: (
        p.symbol("schedule").address,
        p.symbol(p.symbol("schedule").address + 5).name,
    ),
    "prog.threads": lambda p: [t.tid for t in p.threads()],
    "prog.function": lambda p: p.function("schedule").type_.type_name(),
    "type sockaddr": lambda p: sizeof(p.type("struct sk_buff")),
}
"""Name -> a call of the helper."""


def told(result: Any) -> Any:
    """Return a result as it was recorded: objects by type and value, or by their address."""
    if isinstance(result, Object):
        name = result.type_.type_name()
        if result.type_.kind.name not in _PLAIN:
            where = result.address_
            return f"{name}:{where:#x}" if where is not None else f"{name}@{where}"
        try:
            return f"{name}:{result.value_()}"
        except TypeError:  # a typedef of a struct
            return f"{name}@{result.address_}"
    if isinstance(result, list | tuple):
        return [told(one) for one in result]
    if isinstance(result, dict):
        return {str(told(key)): told(value) for key, value in result.items()}
    if hasattr(result, "__dict__") and not isinstance(result, type):
        return str({key: told(value) for key, value in vars(result).items()})
    return str(result)


def call(name: str, p: Program) -> Any:
    """Return what a helper gives, in the form in which it was recorded."""
    return told(HELPERS[name](p))
