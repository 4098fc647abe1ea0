"""More calls of drgn's helpers, whose results on the stock 7.3 dump were recorded with DWARF.

`python -m tests.support.more_drgn_helpers CORE VMLINUX > drgn-helpers.json.xz` records them: what
each gives where drgn has the DWARF of a vmlinux and btfdump is not asked.
"""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from drgn import Program
from drgn.helpers.linux import (
    bitmap,
    bitops,
    block,
    bpf,
    cgroup,
    cpumask,
    device,
    fs,
    hugetlb,
    idr,
    ioport,
    ipc,
    irq,
    kernfs,
    kthread,
    locking,
    mapletree,
    mm,
    mmzone,
    module,
    net,
    nodemask,
    pci,
    percpu,
    pid,
    printk,
    rbtree,
    resource,
    sched,
    signal,
    slab,
    swap,
    sysfs,
    timekeeping,
    timer,
    user,
    vmstat,
    wait,
    xarray,
)
from drgn.helpers.linux import list as list_

from tests.support.drgn_helpers import init, some, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from drgn import Object

_FLAGS = (
    "Active Checked Dirty Head HWPoison Idle LRU Locked MappedToDisk Mlocked OwnerPriv1 Private "
    "Readahead Reclaim Referenced Reported Reserved Slab SwapBacked Tail Unevictable Uptodate "
    "Waiters Workingset Writeback Young"
)


def printed(print_: Callable[..., None], *args: Any) -> str:
    """Return what a helper prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_(*args)
    return out.getvalue()


def tasks(p: Program) -> list[Object]:
    """Return the tasks."""
    return some(pid.for_each_task(p), 99)


def list_of_tasks(p: Program) -> Object:
    """Return the list of processes."""
    return p["init_task"].tasks.address_of_()


def pages(p: Program) -> list[Object]:
    """Return some pages from all over the memory."""
    return some(mm.for_each_page(p), 30_000)[2000::977]


def flags_of_pages(name: str, p: Program) -> list[bool]:
    """Return whether a flag is set, of some pages."""
    has_flag = getattr(mm, name)
    return [bool(has_flag(page)) for page in pages(p)]


def mapping(p: Program) -> Object:
    """Return the page cache of a file of pid 1's."""
    return some(fs.for_each_file(init(p)))[0][1].f_inode.i_mapping


def sections(p: Program) -> list[Object]:
    """Return some sections of the memory."""
    return [section for _, section in some(mmzone.for_each_present_section(p), 9)]


def children(p: Program) -> list[Object]:
    """Return the files in a folder of sysfs."""
    return some(kernfs.kernfs_children(kernfs.kernfs_walk(p["sysfs_root_kn"], "kernel")))


def lo(p: Program) -> Object:
    """Return the loopback device."""
    return net.netdev_get_by_name(p, "lo")


def queue(p: Program) -> Object:
    """Return what wait() waits in."""
    return init(p).signal.wait_chldexit.address_of_()


MORE_HELPERS: dict[str, Callable[[Program], Any]] = {
    "bitmap.bitmap_weight": lambda p: bitmap.bitmap_weight(p["__cpu_online_mask"].bits, 64),
    "bitops.for_each_set_bit": lambda p: [
        some(bitops.for_each_set_bit(p["__cpu_online_mask"].bits, 8)),
        some(bitops.for_each_clear_bit(p["__cpu_online_mask"].bits, 8)),
    ],
    "block.disk_name": lambda p: [
        (block.disk_name(disk), block.disk_devt(disk)) for disk in some(block.for_each_disk(p))
    ],
    "block.part_name": lambda p: [
        (block.part_name(part), block.part_devt(part), block.bdev_partno(part))
        for part in some(block.for_each_partition(p))
    ],
    "block.nr_blockdev_pages": lambda p: block.nr_blockdev_pages(p),
    "block.print_disks": lambda p: printed(block.print_disks, p),
    "block.print_partitions": lambda p: printed(block.print_partitions, p),
    "bpf.cgroup_bpf_prog_for_each": lambda p: [
        some(bpf.cgroup_bpf_prog_for_each(p["cgrp_dfl_root"].cgrp.address_of_(), kind))
        for kind in range(10)
    ],
    "bpf.bpf_prog_by_id": lambda p: [bpf.bpf_prog_by_id(p, id_) for id_ in range(1, 9)],
    "cgroup.css_for_each_descendant_pre": lambda p: [
        (cgroup.cgroup_name(css.cgroup), cgroup.cgroup_path(css.cgroup))
        for css in some(
            cgroup.css_for_each_descendant_pre(p["cgrp_dfl_root"].cgrp.self.address_of_())
        )
    ],
    "cpumask.for_each_cpu": lambda p: [
        some(cpumask.for_each_cpu(mask))
        for mask in (
            cpumask.cpu_possible_mask(p),
            cpumask.cpu_present_mask(p),
            cpumask.cpu_online_mask(p),
        )
    ],
    "cpumask.cpumask_of": lambda p: some(cpumask.for_each_cpu(cpumask.cpumask_of(p, 1))),
    "cpumask.cpumask_weight": lambda p: cpumask.cpumask_weight(cpumask.cpu_online_mask(p)),
    "cpumask.num_online_cpus": lambda p: (cpumask.num_online_cpus(p), cpumask.num_possible_cpus(p)),
    "device.bus_to_subsys": lambda p: device.bus_to_subsys(p["pci_bus_type"].address_of_()),
    "device.class_to_subsys": lambda p: device.class_to_subsys(p["block_class"].address_of_()),
    "device.dev_name": lambda p: [
        device.dev_name(one)
        for one in some(device.bus_for_each_dev(p["platform_bus_type"].address_of_()))
    ],
    "fs.address_space_for_each_page": lambda p: some(fs.address_space_for_each_page(mapping(p))),
    "fs.decode_file_type": lambda p: fs.decode_file_type(mapping(p).host.i_mode),
    "fs.print_files": lambda p: printed(fs.print_files, init(p)),
    "fs.print_mounts": lambda p: printed(fs.print_mounts, p),
    "fs.super_block_for_each_mount": lambda p: [
        some(fs.super_block_for_each_mount(mount.mnt.mnt_sb))
        for mount in some(fs.for_each_mount(p), 6)
    ],
    "hugetlb.huge_page_size": lambda p: [
        *(hugetlb.huge_page_size(size) for size in some(hugetlb.for_each_hstate(p))),
        hugetlb.hugetlb_total_pages(p),
        hugetlb.hugetlb_total_usage(p),
    ],
    "idr.idr_find": lambda p: idr.idr_find(p["init_pid_ns"].idr.address_of_(), 1),
    "ioport.for_each_resource": lambda p: some(
        ioport.for_each_resource(p["iomem_resource"].address_of_())
    ),
    "ipc.for_each_sysv_msg_queue": lambda p: some(ipc.for_each_sysv_msg_queue(p)),
    "ipc.for_each_sysv_sem_array": lambda p: some(ipc.for_each_sysv_sem_array(p)),
    "ipc.for_each_sysv_shm": lambda p: some(ipc.for_each_sysv_shm(p)),
    "irq.for_each_irq_desc": lambda p: [
        (
            number,
            irq.irq_desc_action_names(desc),
            irq.irq_desc_chip_name(desc),
            some(cpumask.for_each_cpu(irq.irq_desc_affinity_mask(desc))),
        )
        for number, desc in some(irq.for_each_irq_desc(p))
    ],
    "irq.irq_get_nr_irqs": lambda p: irq.irq_get_nr_irqs(p),
    "irq.gate_desc_func": lambda p: [irq.gate_desc_func(p["idt_table"][at]) for at in range(32)],
    "kernfs.kernfs_name": lambda p: [
        (kernfs.kernfs_name(node), kernfs.kernfs_parent(node), kernfs.kernfs_path(node))
        for node in children(p)
    ],
    "kthread.kthread_data": lambda p: [
        kthread.kthread_data(task) for task in tasks(p) if kthread.task_is_kthread(task)
    ],
    "list.list_count_nodes": lambda p: list_.list_count_nodes(list_of_tasks(p)),
    "list.validate_list_count_nodes": lambda p: list_.validate_list_count_nodes(list_of_tasks(p)),
    "list.list_first_entry": lambda p: [
        entry(list_of_tasks(p), "struct task_struct", "tasks")
        for entry in (list_.list_first_entry, list_.list_last_entry)
    ],
    "list.list_for_each_entry_reverse": lambda p: some(
        list_.list_for_each_entry_reverse("struct task_struct", list_of_tasks(p), "tasks")
    ),
    "list.hlist_for_each": lambda p: [
        some(list_.hlist_for_each(p["mount_hashtable"][at].address_of_())) for at in range(64)
    ],
    "locking.rwsem_owner": lambda p: [
        locking.rwsem_locked(init(p).mm.mmap_lock.address_of_()),
        locking.rwsem_owner(init(p).mm.mmap_lock.address_of_()),
    ],
    "mapletree.mtree_load": lambda p: mapletree.mtree_load(
        init(p).mm.mm_mt.address_of_(), init(p).mm.start_code
    ),
    "mm.decode_page_flags": lambda p: [
        [tell(page) for tell in (mm.page_to_pfn, mm.page_to_phys, mm.page_to_virt)]
        + [tell(page) for tell in (mm.decode_page_flags, mm.page_size, mm.PageCompound)]
        for page in pages(p)
    ],
    "mm.compound_order": lambda p: [
        (mm.compound_order(head), mm.compound_nr(head)) for head in map(mm.compound_head, pages(p))
    ],
    **{f"mm.Page{flag}": partial(flags_of_pages, f"Page{flag}") for flag in _FLAGS.split()},
    "mm.virt_to_page": lambda p: [
        mm.PFN_PHYS(p, 5),
        mm.PHYS_PFN(p, 0x5000),
        mm.phys_to_virt(p, 0x1000),
        mm.virt_to_phys(init(p)),
        mm.virt_to_pfn(init(p)),
        mm.virt_to_page(init(p)),
        mm.pfn_to_virt(p, 5),
    ],
    "mm.in_direct_map": lambda p: [
        mm.in_direct_map(p, init(p)),
        mm.in_direct_map(p, p["init_task"].address_),
    ],
    "mm.vmalloc_to_page": lambda p: [
        mm.vmalloc_to_page(init(p).stack),
        mm.vmalloc_to_pfn(init(p).stack),
    ],
    "mm.follow_page": lambda p: [
        mm.follow_phys(p["init_mm"].address_of_(), init(p).value_()),
        mm.follow_page(p["init_mm"].address_of_(), init(p).value_()),
    ],
    "mm.vm_memory_committed": lambda p: [
        mm.totalram_pages(p),
        mm.vm_memory_committed(p),
        mm.memory_block_size_bytes(p),
    ],
    "mm.task_vsize": lambda p: [mm.task_vsize(init(p)), mm.task_rss(init(p))],
    "mmzone.NODE_DATA": lambda p: mmzone.NODE_DATA(p, 0),
    "mmzone.low_wmark_pages": lambda p: [
        (mmzone.min_wmark_pages(zone), mmzone.low_wmark_pages(zone), mmzone.high_wmark_pages(zone))
        for zone in (mmzone.NODE_DATA(p, 0).node_zones[at].address_of_() for at in range(2))
    ],
    "mmzone.decode_section_flags": lambda p: [
        (
            mmzone.decode_section_flags(section),
            mmzone.early_section(section),
            mmzone.online_section(section),
            mmzone.present_section(section),
            mmzone.valid_section(section),
            mmzone.section_mem_map_addr(section),
        )
        for section in sections(p)
    ],
    "module.module_address_regions": lambda p: [
        (module.module_address_regions(one), module.module_percpu_region(one))
        for one in module.for_each_module(p)
    ],
    "net.netdev_name": lambda p: [
        net.netdev_name(lo(p)),
        net.netdev_priv(lo(p)),
        net.netdev_get_by_index(p, 1),
        some(net.netdev_for_each_tx_queue(lo(p))),
        net.netdev_ipv4_addrs(lo(p)),
        net.netdev_ipv6_addrs(lo(p)),
    ],
    "nodemask.for_each_node": lambda p: [
        some(nodemask.for_each_node(p)),
        some(nodemask.for_each_online_node(p)),
        nodemask.nr_node_ids(p),
        nodemask.node_state(0, p["N_ONLINE"]),
    ],
    "pci.for_each_pci_root_bus": lambda p: [
        pci.pci_bus_name(bus) for bus in some(pci.for_each_pci_root_bus(p))
    ],
    "pci.pci_name": lambda p: [
        (pci.pci_name(one), pci.pci_is_bridge(one)) for one in some(pci.for_each_pci_dev(p))
    ],
    "percpu.percpu_counter_sum": lambda p: percpu.percpu_counter_sum(
        p["vm_committed_as"].address_of_()
    ),
    "printk.print_dmesg": lambda p: len(printed(printk.print_dmesg, p)),
    "rbtree.rbtree_inorder_for_each_entry": lambda p: some(
        rbtree.rbtree_inorder_for_each_entry(
            "struct vmap_area", p["vmap_nodes"][0].busy.root.address_of_(), "rb_node"
        )
    ),
    "resource.task_rlimits": lambda p: resource.task_rlimits(init(p)),
    "sched.rq_for_each_fair_task": lambda p: [
        some(each(sched.cpu_rq(p, cpu)))
        for cpu in (0, 1)
        for each in (sched.rq_for_each_fair_task, sched.rq_for_each_rt_task)
    ],
    "sched.task_group_name": lambda p: sched.task_group_name(p["root_task_group"].address_of_()),
    "sched.task_on_cpu": lambda p: [sched.task_on_cpu(task) for task in tasks(p)],
    "signal.sigset_to_hex": lambda p: signal.sigset_to_hex(init(p).blocked),
    "slab.slab_cache_order": lambda p: [
        (
            slab.slab_cache_is_merged(cache),
            slab.slab_cache_objects_per_slab(cache),
            slab.slab_cache_order(cache),
            slab.slab_cache_pages_per_slab(cache),
        )
        for cache in some(slab.for_each_slab_cache(p), 99)
    ],
    "slab.print_slab_caches": lambda p: printed(slab.print_slab_caches, p),
    "swap.swap_total_usage": lambda p: swap.swap_total_usage(p),
    "sysfs.sysfs_lookup_node": lambda p: [
        sysfs.sysfs_lookup_node(p, "/kernel"),
        sysfs.sysfs_lookup_kobject(p, "/kernel"),
    ],
    "timekeeping.ktime_get_real_seconds": lambda p: [
        timekeeping.ktime_get_boottime_seconds(p),
        timekeeping.ktime_get_clocktai_seconds(p),
        timekeeping.ktime_get_coarse_boottime_ns(p),
        timekeeping.ktime_get_coarse_clocktai_ns(p),
        timekeeping.ktime_get_coarse_ns(p),
        timekeeping.ktime_get_coarse_real_ns(p),
        timekeeping.ktime_get_real_seconds(p),
    ],
    "timer.timer_base_names": lambda p: timer.timer_base_names(p),
    "user.kuid_val": lambda p: [user.kuid_val(one.uid) for one in some(user.for_each_user(p))],
    "vmstat.global_numa_event_state": lambda p: vmstat.global_numa_event_state(p, p["NUMA_HIT"]),
    "vmstat.zone_page_state": lambda p: vmstat.zone_page_state(
        mmzone.NODE_DATA(p, 0).node_zones[0].address_of_(), p["NR_FREE_PAGES"]
    ),
    "wait.waitqueue_for_each_entry": lambda p: [
        wait.waitqueue_active(queue(p)),
        some(wait.waitqueue_for_each_entry(queue(p))),
    ],
    "xarray.xa_load": lambda p: xarray.xa_load(mapping(p).i_pages.address_of_(), 0),
}
"""Name -> a call of the helper."""


def main(core: str, vmlinux: str) -> None:
    """Write what the calls give with DWARF."""
    prog = Program()
    prog.set_core_dump(core)
    prog.load_debug_info([vmlinux])
    found = {name: told(call(prog)) for name, call in MORE_HELPERS.items()}
    sys.stdout.buffer.write(lzma.compress(json.dumps(found).encode()))


if __name__ == "__main__":
    main(*sys.argv[1:])
