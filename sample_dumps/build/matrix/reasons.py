"""Why something on docs/kernels.md does not work: what is known of each line there, as data.

What no reason fits is told first on the page, and fails the tests: it is a fault of btfdump or of
its library, or something to find out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MODULES_OF_5_10 = (
    "kvm*|net_bridge*|udp_tunnel*|nf_gre_net|fw_cfg_*|pending_free_dma_bufs|fuse_*|rng_list|nvme_*"
).replace("*", r"\w*")
_OF_OTHER_MODULES = (
    "binfmt_misc|hiddev|ib_ucq_object|ib_uevent_object|ib_uqp_object|ib_uverbs_*|llc_sap|netns_can|"
    "nfs_*|pnfs_*|rdma_id_private|kvm_sev_info|phy_device|usb_*"
).replace("*", r"\w*")
_NO_STRUCT = r"[\w.]+: \"[^\"]+\": no struct \w+ in the BTF"


@dataclass(frozen=True)
class Reason:
    """Why lines of one kind (a member of `Figures`) that match `pattern` are as they are.

    A line is `KEY: TEXT`, and the pattern is sought from its start. `kernels` are names of the
    matrix, with all their flavours; all kernels if there are none.
    """

    kind: str
    pattern: str
    why: str
    kernels: tuple[str, ...] = ()

    def explains(self, kind: str, line: str, kernel: str) -> bool:
        """Whether it is the reason for a line of a kind that was seen on a kernel."""
        is_here = not self.kernels or any(
            kernel == one or kernel.startswith(f"{one}-") for one in self.kernels
        )
        return kind == self.kind and is_here and re.match(self.pattern, line) is not None


REASONS = (
    Reason(
        "estate",
        r"/lib/bpf/graphs\.bpf\.o does not load",
        "These BPF programs keep objects in lists and trees, which needs Linux 6.10.",
        ("6.1",),
    ),
    Reason(
        "estate",
        r"/lib/bpf/values\.bpf\.o does not load",
        "These BPF programs use what Linux 6.1 has and 5.10 has not: there are no BPF objects.",
        ("5.10",),
    ),
    Reason(
        "estate",
        r"arm_timers does not load on a real-time kernel",
        "The verifier refuses `bpf_timer` there: the map of timers is empty, and the program that "
        "arms them is left out. All the others are loaded.",
        ("6.1-rt", "6.12-rt"),
    ),
    Reason(
        "dead",
        rf"({_MODULES_OF_5_10})\.|{_NO_STRUCT}",
        "The elements are structs of modules. Linux 5.10 keeps no BTF of its modules: that came "
        "with 5.11.",
        ("5.10",),
    ),
    Reason(
        "dead",
        rf"({_OF_OTHER_MODULES})\.{_NO_STRUCT}",
        "A header declares the head, and a module that is not loaded here has the elements: "
        "binfmt_misc, usbhid, usbcore, ib_uverbs, rdma_cm, llc2, can-gw, nfsv4, kvm_amd, libphy.",
    ),
    Reason(
        "dead",
        r"blk_crypto_profile\.idle_slots:",
        "Built without CONFIG_BLK_INLINE_ENCRYPTION: nothing is ever on the list.",
    ),
    Reason(
        "dead",
        r"hwmon_device\.tzdata:",
        "Built without CONFIG_THERMAL_OF: nothing is ever on the list.",
    ),
    Reason(
        "dead",
        r"kvm_xen\.evtchn_ports:",
        "Built without CONFIG_KVM_XEN: nothing is ever in it.",
    ),
    Reason(
        "dead",
        r"kfree_rcu_cpu\.bkvcache:",
        "Up to Linux 6.1 the pages of the cache are linked by their first bytes, of which no "
        "member is a link.",
        ("5.10", "6.1"),
    ),
    Reason(
        "dead",
        r"io_ring_ctx\.iopoll_list:",
        "Linux 5.10 links requests by another member than the kernels that the line is about.",
        ("5.10",),
    ),
    Reason(
        "dead",
        r"pidfs_attr\.xattrs:",
        "In Linux 6.18 the attributes are in a tree behind this pointer; the line is about the "
        "list that it became.",
        ("6.18",),
    ),
    Reason(
        "unread",
        r"[\w:]+:.* no struct",
        "The elements are structs of modules, of which Linux 5.10 keeps no BTF.",
        ("5.10",),
    ),
    Reason(
        "notes",
        r"[\w-]+: .*VMCOREINFO has no SYMBOL\(kallsyms_names\)",
        "Linux 5.10 does not say in a dump where its symbols are, and does not export the variable "
        "that this part of the table is read from: with `--vmlinux` it is there.",
        ("5.10",),
    ),
    Reason(
        "notes",
        r"mem: .*this kernel has no counter",
        "Linux 5.10 does not count this page by page: the table says which counter it lacks.",
        ("5.10",),
    ),
    Reason(
        "notes",
        r"blocks: blocks\.ended: .*no member 'bd_stats'",
        "In Linux 5.10 the counts are of partitions, `struct hd_struct`, not of block devices.",
        ("5.10",),
    ),
    Reason(
        "unread",
        r"\w+: .*VMCOREINFO has no SYMBOL\(kallsyms_names\)",
        "Linux 5.10 does not say in a dump where its symbols are, and does not export the variable "
        "that the table begins at: with `--vmlinux` it has rows.",
        ("5.10",),
    ),
    Reason(
        "unread",
        r"zones: .*the type of node_data",
        "In Linux 5.10 only exported symbols are known: nothing says where this array ends.",
        ("5.10",),
    ),
    Reason(
        "unread",
        r"\w+: N symbols are called",
        "Two variables of the kernel have this name. btfdump does not choose: `NAME@1` and "
        "`NAME@2` say which is meant.",
    ),
    Reason(
        "dead",
        r"uncached_list\.head:",
        "In Linux 6.1 and before, the lists of IPv4 and IPv6 have one type and elements of two, "
        "`rtable` and `rt6_info`. A line says one thing of a member.",
    ),
    Reason(
        "dead",
        r"deferred_split\.split_queue:",
        "Up to Linux 6.1 the link is in the third `struct page` of a huge page, and a line "
        "leads to what contains the link.",
    ),
    Reason(
        "dead",
        r"rcu_node\.blkd_tasks:",
        "Built without CONFIG_PREEMPT_RCU: no task is ever on the list, nor has a link for it.",
    ),
    Reason(
        "dead",
        r"rcu_tasks_percpu\.rtp_exit_list:",
        "Built without CONFIG_TASKS_RCU: no task is ever on the list, nor has a link for it.",
    ),
    Reason(
        "dead",
        r"rcu_tasks_percpu\.rtp_blkd_tasks:",
        "In Linux 7.3 the list is left over: RCU Tasks Trace waits by SRCU, and no task has a link "
        "for it.",
    ),
    Reason(
        "dead",
        r"lru_gen_mm_list\.fifo:",
        "Built without CONFIG_LRU_GEN_WALKS_MMU: no address space is ever on the list.",
    ),
    Reason(
        "dead",
        r"kvm\.gpc_list:",
        "This architecture has no cache of guest pages (CONFIG_HAVE_KVM_PFNCACHE): the list stays "
        "empty.",
    ),
    Reason(
        "dead",
        r"kvm\w*\.",
        "The elements are structs of the module kvm, which does not load in an emulated s390x.",
        ("6.12-s390x",),
    ),
    Reason(
        "notes",
        r"map: (values|keys) are bytes: was loaded without BTF",
        "The workload makes some maps without BTF, on purpose: nothing tells what is in them.",
    ),
    Reason(
        "notes",
        r"globals of the library: limit of N objects reached",
        "`event_hash`: tracing has more kinds of events than are read of one variable here.",
    ),
    Reason(
        "notes",
        r"globals of the library: list head was never initialised",
        "`zombie_secs_pages`: the kernel sets this list up only where there is SGX.",
    ),
)


def reason_for(kind: str, line: str, kernel: str) -> Reason | None:
    """Return the first reason for a line, or None if none is known."""
    return next((one for one in REASONS if one.explains(kind, line, kernel)), None)
