"""Containers of real kernels, entry by entry and in order, against what drgn read through DWARF.

On the tagged kernel its tags say what the containers hold, on the stock ones the library does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._kernel.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._api.kernel import Kernel


ALL = ("tagged", "stock", "s390x")
X86 = ("tagged", "stock")  # only there the lists of ground-truth-2.json were taken


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every dump that has the ground truth it asks for."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", X86 if "lists" in metafunc.fixturenames else ALL)


@pytest.fixture
def kernel(opened, name: str) -> Kernel:
    return opened(name)


@pytest.fixture
def known(truth, name: str) -> Any:
    return truth(name)


@pytest.fixture
def lists(truth, name: str) -> Any:
    return truth(name, "-2")


def addresses(values: Iterable[Value]) -> list[str]:
    return [hex(value.address_) for value in values]


def keyed(container: Value) -> list[list[Any]]:
    """Return [key, address] of each entry."""
    return [[entry.key_, hex(entry.address_)] for entry in container.walk_()]


def at(kernel: Kernel, struct: str, address: str) -> Value:
    return kernel.value(f"struct {struct}", int(address, 0))


# Filesystems


def test_super_blocks_and_their_inodes(kernel, known):
    found = list(kernel["super_blocks"].walk_())
    assert addresses(found) == [row["addr"] for row in known["supers"]]
    for sb, row in zip(found, known["supers"], strict=True):
        inodes = list(sb.s_inodes.walk_())
        expected = [(i["addr"], i["ino"]) for i in row["inodes"]]
        found_inodes = [(hex(i.address_), int(i.i_ino)) for i in inodes]
        assert found_inodes[: len(expected)] == expected  # the first ones were noted down
        assert len(inodes) == row["n_inodes"]


def test_mounts(kernel, known):
    namespace = kernel["init_task"].nsproxy.mnt_ns
    found = list(namespace.mounts.walk_())
    assert sorted(addresses(found)) == sorted(row["addr"] for row in known["mounts"])
    ids = [int(mount.mnt_id_unique) for mount in found]
    assert ids == sorted(ids)  # the order of the tree


def test_mounts_on_mounts(kernel, lists):
    for address, children in lists["mounts_children"].items():
        assert addresses(at(kernel, "mount", address).mnt_mounts.walk_()) == children


def test_children_of_dentries(kernel, lists):
    for address, children in lists["dentries"].items():
        found = at(kernel, "dentry", address).d_children.walk_()
        assert [[hex(d.address_), d.d_name.name.string_()] for d in found] == children


def test_page_cache(kernel, lists):
    assert sum(map(len, lists["page_cache"].values())) > 1000
    for address, pages in lists["page_cache"].items():
        assert keyed(at(kernel, "inode", address).i_mapping.i_pages) == pages


def test_open_files(kernel, lists):
    for pid, files in lists["files"].items():
        table = kernel.task(int(pid)).files.fdt
        found = [[n, hex(int(table.fd[n]))] for n in range(int(table.max_fds)) if int(table.fd[n])]
        assert found == files


def test_hash_tables_of_the_dcache(kernel, lists):
    """Every named child of a root is in the bucket that its hash leads to."""
    table = kernel["dentry_hashtable"]
    shift = int(kernel["d_hash_shift"])
    hashed = 0
    for children in lists["dentries"].values():
        for address, _ in children:
            dentry = at(kernel, "dentry", address)
            if not int(dentry.d_hash.pprev):
                continue
            bucket = table[int(dentry.d_name.hash) >> shift]
            assert address in addresses(bucket.walk_())
            hashed += 1
    assert hashed > 50


# Memory


def test_vmas(kernel, lists):
    for pid, vmas in lists["vmas"].items():
        tree = kernel.task(int(pid)).mm.mm_mt
        found = [[hex(v.address_), int(v.vm_start), int(v.vm_end)] for v in tree.walk_()]
        assert found == vmas
        assert [v.key_ for v in tree.walk_()] == [(start, end - 1) for _, start, end in vmas]


def test_slab_caches(kernel, known, name, truth):
    found = [[hex(c.address_), c.name.string_()] for c in kernel["slab_caches"].walk_()]
    assert found == [[row["addr"], row["name"]] for row in known["caches"]]
    if name in X86:
        assert found == truth(name, "-2")["slab_caches"]


# Processes


def test_pids(kernel, lists):
    assert keyed(kernel["init_pid_ns"].idr) == lists["pid_ns_idr"]


def test_tasks_of_pids(kernel, lists):
    for address, four in lists["pid_tasks"].items():
        pid = at(kernel, "pid", address)
        assert [[int(t.pid) for t in pid.tasks[kind].walk_()] for kind in range(4)] == four


def test_pending_signals(kernel, lists):
    pending = 0
    for pid, queues in lists["signals"].items():
        task = kernel.task(int(pid))
        own = [int(q.info.si_signo) for q in task.pending.list.walk_()]
        shared = [int(q.info.si_signo) for q in task.signal.shared_pending.list.walk_()]
        assert {"pending": own, "shared": shared} == queues
        pending += len(own) + len(shared)
    assert pending


def test_runqueues(kernel, lists):
    variable = kernel["runqueues"]
    for row in lists["runqueues"]:
        rq = kernel.per_cpu(variable, row["cpu"])
        assert (hex(rq.address_), hex(int(rq.curr))) == (row["addr"], row["curr"])
        assert [int(t.pid) for t in rq.cfs_tasks.walk_()] == row["cfs_tasks"]
        assert addresses(rq.cfs.tasks_timeline.walk_()) == row["timeline"]


# Control groups


def test_cgroups(kernel, known):
    """From the default hierarchy's root down, each with its path."""
    found = []
    by_path = {row["path"]: row["addr"] for row in known["cgroups"]}
    pending = [(at(kernel, "cgroup", by_path["/"]), "")]
    while pending:
        cgroup, path = pending.pop(0)
        found.append((path or "/", hex(cgroup.address_)))
        pending += [
            (child, f"{path}/{child.kn.name.string_()}")
            for child in cgroup.member_("self").children.walk_()
        ]
    assert sorted(found) == sorted(by_path.items())


def test_css_sets(kernel, lists):
    for address, row in lists["css_sets"].items():
        css_set = at(kernel, "css_set", address)
        assert [int(task.pid) for task in css_set.tasks.walk_()] == row["tasks"]
        assert addresses(css_set.cgrp_links.walk_()) == row["links"]


# Modules, devices, workqueues


def test_modules(kernel, known):
    found = [(hex(m.address_), m.member_("name").string_()) for m in kernel["modules"].walk_()]
    assert found == [(row["addr"], row["name"]) for row in known["modules"]]


def test_net_devices(kernel, known):
    by_net: dict[str, list[tuple[str, str, int]]] = {}
    for row in known["netdevs"]:
        by_net.setdefault(row["net"], []).append((row["addr"], row["name"], row["ifindex"]))
    nets = addresses(kernel["net_namespace_list"].walk_())
    assert set(by_net) <= set(nets)
    for net in nets:
        devices = at(kernel, "net", net).dev_base_head.walk_()
        found = [(hex(d.address_), d.member_("name").string_(), int(d.ifindex)) for d in devices]
        assert found == by_net.get(net, [])


def test_workqueues(kernel, known):
    found = [
        (hex(wq.address_), wq.member_("name").string_()) for wq in kernel["workqueues"].walk_()
    ]
    assert found == [(row["addr"], row["name"]) for row in known["workq"]]


def test_pools_of_workqueues(kernel, lists):
    for address, row in lists["workqueues"].items():
        workqueue = at(kernel, "workqueue_struct", address)
        assert workqueue.member_("name").string_() == row["name"]
        assert addresses(workqueue.pwqs.walk_()) == row["pwqs"]


# BPF


@pytest.mark.parametrize("variable", ["map_idr", "prog_idr", "btf_idr", "link_idr"])
def test_idrs_of_bpf(kernel, lists, variable):
    assert keyed(kernel[variable]) == lists["idrs"][variable]


def test_maps_and_programs_by_id(kernel, known):
    for variable, rows in (("map_idr", "maps"), ("prog_idr", "progs"), ("btf_idr", "btfs")):
        expected = [[row["id"], row["addr"]] for row in known[rows]]
        assert sorted(keyed(kernel[variable])) == sorted(expected)


# Sockets


def test_sockets_in_the_hash_tables_of_tcp(kernel, known):
    """Each socket that listens, or is connected, is in the table where TCP looks for it."""
    tables = kernel["tcp_hashinfo"]
    listening = in_table(tables.lhash2, int(tables.lhash2_mask) + 1, "nulls_head")
    connected = in_table(tables.ehash, int(tables.ehash_mask) + 1, "chain")
    bound = in_table(tables.bhash, int(tables.bhash_size), "chain")
    ports = {int(bucket.port) for bucket in bound}
    tcp = [row for row in known["sk_storage"] if row["type"] == 1 and row["family"] in (2, 10)]
    assert tcp
    for row in tcp:
        state = row["state"]
        if state == 10:  # TCP_LISTEN
            assert row["sk"] in addresses(listening)
        elif state == 1:  # TCP_ESTABLISHED
            assert row["sk"] in addresses(connected)
        if state in (1, 10):
            assert row["sport"] in ports
    assert all(int(sock.member_("__sk_common").skc_state) == 10 for sock in listening)


def in_table(buckets: Value, size: int, head: str) -> list[Value]:
    return [entry for index in range(size) for entry in buckets[index].member_(head).walk_()]


# The module btfsample


@pytest.fixture
def root(opened) -> Value:
    kernel = opened("tagged")
    return kernel.value("struct sample_root", kernel.symbol("sample_root"))


@pytest.fixture
def known_sample(truth) -> Any:
    return truth("tagged")["btfsample"]


@pytest.mark.parametrize("member", ["items", "subs", "empty", "one", "tree", "ctree", "ll", "two"])
def test_tagged_containers_of_the_sample(root, known_sample, member):
    container = root.member_(member)
    assert container.expansion_().provenance == "tag"
    assert addresses(container.walk_()) == [row["addr"] for row in known_sample[member]]


def test_hash_table_of_the_sample(root, known_sample):
    for index, bucket in enumerate(known_sample["table"]):
        assert addresses(root.table[index].walk_()) == [row["addr"] for row in bucket]


def test_per_cpu_counter_of_the_sample(opened, root, known_sample):
    kernel = opened("tagged")
    found = [kernel.per_cpu(root.cnt, cpu) for cpu in range(2)]
    assert [{"addr": hex(v.address_), "value": int(v)} for v in found] == known_sample["cnt"]


SAMPLE = """
[struct.sample_root]
xa = "sample_item"
idr = "sample_item"
bad_member = "sample_item:link"
bad_type = "sample_item:link"
bad_syntax = "sample_item:link"
"""


def test_untagged_containers_of_the_sample(sample_with_overlay, known_sample):
    root = sample_with_overlay(SAMPLE)
    assert keyed(root.xa) == [[row["index"], row["addr"]] for row in known_sample["xa"]]
    assert keyed(root.idr) == [[row["id"], row["addr"]] for row in known_sample["idr"]]
    for member in ("bad_member", "bad_type", "bad_syntax"):
        links = [hex(item.link.address_) for item in root.member_(member).walk_()]
        assert links == known_sample[member]
        assert root.member_(member).expansion_().provenance == "overlay sample.toml"


@pytest.fixture
def sample_with_overlay(sample, tmp_path):
    from btfdump._api.opening import open_core

    kernels = []

    def open_with(text: str) -> Value:
        path = tmp_path / "sample.toml"
        path.write_text(text)
        kernel = open_core(sample("tagged"), overlays=[path])
        kernels.append(kernel)
        return kernel.value("struct sample_root", kernel.symbol("sample_root"))

    yield open_with
    for kernel in kernels:
        kernel.close()


# Who says it


def test_who_says_what_the_containers_hold(opened):
    """Tags on the tagged kernel, the library on the other."""
    for kernel, expected in ((opened("tagged"), "tag"), (opened("stock"), "library")):
        task = kernel.task(1)
        for member in ("children", "ptraced"):
            assert task.member_(member).expansion_().provenance == expected
        assert task.mm.mm_mt.expansion_().provenance == "library"


def test_nothing_is_wrong_with_sound_containers(kernel):
    """Checks of parents, colours, marks and back pointers complain of nothing in a sound kernel."""
    from btfdump._walk import Anomaly

    heads = [kernel[name] for name in ("super_blocks", "modules", "workqueues", "slab_caches")]
    heads += [kernel["map_idr"], kernel["prog_idr"], kernel["init_pid_ns"].idr]
    for task in kernel.tasks():
        heads += [task.children, task.signal.thread_head]
        if int(task.mm):
            heads.append(task.mm.mm_mt)
    for sb in kernel["super_blocks"].walk_():
        heads += [sb.s_inodes, sb.s_dentry_lru, sb.s_inode_lru, sb.s_mounts]
        heads += [inode.i_mapping.i_pages for inode in sb.s_inodes.walk_()]
    wrong = [item for head in heads for item in head.entries_() if isinstance(item, Anomaly)]
    assert wrong == []
    assert len(heads) > 300


# Rarer kinds: no list of theirs was taken, but the kernel counts, sorts or cross-links them


def test_sockets_of_netlink(kernel):
    """`struct rhashtable` counts its entries itself."""
    table = kernel.value("struct netlink_table *", kernel.symbol("nl_table"))
    total = 0
    for protocol in range(32):  # MAX_LINKS
        hash_ = table[protocol].hash
        found = list(hash_.walk_())
        assert len(found) == int(hash_.nelems.counter)
        assert all(int(sock.sk.sk_protocol) == protocol for sock in found)
        size = int(hash_.tbl.size)
        assert all(0 <= sock.key_ < size for sock in found)
        total += len(found)
    assert total > 5


def test_timers_by_expiry(kernel):
    """High resolution timers of every CPU: in order, and each knows the base it is on."""
    bases = kernel["hrtimer_bases"]
    total = 0
    for cpu in range(len(kernel.target.per_cpu_offsets)):
        cpu_base = kernel.per_cpu(bases, cpu)
        for clock_base in cpu_base.clock_base:
            timers = list(clock_base.active.walk_())
            expiries = [int(timer.node.expires) for timer in timers]
            assert expiries == sorted(expiries)
            assert all(int(timer.base) == clock_base.address_ for timer in timers)
            total += len(timers)
    assert total >= 2


def test_the_timer_of_the_sample(root):

    clock_base = root.hrt.base.deref_()
    assert root.hrt.address_ in [timer.address_ for timer in clock_base.active.walk_()]


def test_devices_of_buses(kernel):
    """`struct klist`: each device that a bus lists names that bus as its own."""
    kset = kernel.value("struct kset *", kernel.symbol("bus_kset")).deref_()
    private = kernel.type("struct subsys_private")
    offset = Value(kernel, private, 0).subsys.kobj.address_
    total = 0
    for kobject in kset.member_("list").walk_():
        bus = Value(kernel, private, kobject.address_ - offset)
        for device in bus.klist_devices.walk_():
            assert int(device.device.bus) == int(bus.bus)
            total += 1
    assert total > 3


def test_keys_of_keyrings(sample, name, tmp_path):
    """`struct assoc_array` counts its leaves itself.

    The library does not type `key.keys`: it shares its place with the payloads of other keys.
    """
    overlay = tmp_path / "keys.toml"
    overlay.write_text('[struct.key]\nkeys = "key"\n')
    with open_core(sample(name), overlays=[overlay]) as kernel:
        check_keyrings(kernel)


def check_keyrings(kernel: Kernel) -> None:
    user = kernel.value("struct user_struct", kernel.symbol("root_user"))
    namespace = kernel.value("struct user_namespace", kernel.symbol("init_user_ns"))
    assert int(user.member_("__count").refs.counter)
    for keyring in namespace.keyring_name_list.walk_():
        keys = keyring.member_("keys")
        assert len(list(keys.walk_())) == int(keys.nr_leaves_on_tree)


def test_peer_mounts_are_all_others(kernel):
    """A ring without a head: who starts it is neither lost nor found in it."""
    for mount in kernel["init_task"].nsproxy.mnt_ns.mounts.walk_():
        assert mount.mnt_share.expansion_().is_ring
        peers = addresses(mount.mnt_share.walk_())
        assert hex(mount.address_) not in peers
        for peer in mount.mnt_share.walk_():
            assert hex(mount.address_) in addresses(peer.mnt_share.walk_())


def test_the_library_speaks_where_there_are_no_tags(opened):
    """Every kind of list in the ground truth, on a kernel without a single tag."""
    kernel = opened("stock")
    task, sb = kernel.task(1), next(kernel["super_blocks"].walk_())
    mount = next(kernel["init_task"].nsproxy.mnt_ns.mounts.walk_())
    heads = [
        *(kernel[n] for n in ("super_blocks", "modules", "workqueues", "slab_caches")),
        *(kernel[n] for n in ("map_idr", "prog_idr", "btf_idr", "link_idr")),
        *(sb.s_inodes, sb.s_root.d_children, sb.s_type.fs_supers, mount.mnt_mounts),
        *(task.children, task.mm.mm_mt, task.cgroups.tasks, task.cgroups.cgrp_links),
        *(task.pending.list, task.signal.shared_pending.list, task.thread_pid.tasks[0]),
        *(kernel["init_pid_ns"].idr, kernel["init_net"].dev_base_head),
        next(kernel["workqueues"].walk_()).pwqs,
        next(sb.s_inodes.walk_()).i_mapping.i_pages,
        kernel.per_cpu(kernel["runqueues"], 0).cfs_tasks,
        kernel.per_cpu(kernel["runqueues"], 0).cfs.tasks_timeline,
        kernel["tcp_hashinfo"].ehash[0].chain,
    ]
    assert {head.expansion_().provenance for head in heads} == {"library"}
