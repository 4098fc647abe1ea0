"""What an annotation can say beside `NAME:NODE`, on the kernels' own data."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

import pytest

from btfdump._api.opening import open_core
from btfdump._graph.limits import Limits
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import offset_of
from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel


@pytest.fixture(params=["tagged", "stock", "s390x"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kernel(opened, name: str) -> Kernel:
    return opened(name)


def test_one_head_type_holds_two_element_types(kernel):
    """`inet_bind_hashbucket.chain` holds buckets of `bhash` or of `bhash2`: its place tells."""
    tables = kernel["tcp_hashinfo"]
    ports: dict[str, set[int]] = {}
    for member, struct in (("bhash", "inet_bind_bucket"), ("bhash2", "inet_bind2_bucket")):
        heads = tables.member_(member)
        found = [e for at in range(int(tables.bhash_size)) for e in heads[at].chain.walk_()]
        assert {str(entry.type_) for entry in found} == {f"struct {struct}"}
        ports[member] = {int(entry.port) for entry in found}
    assert ports["bhash"] == ports["bhash2"]


def test_a_base_leads_to_what_it_is_embedded_in(sample, name, tmp_path, truth):
    """A list of `cgroup_subsys_state`, of which each is `cgroup.self`."""
    overlay = tmp_path / "css.toml"
    overlay.write_text(
        '[struct.cgroup]\n"self.children" = '
        '{ tags = ["cgroup_subsys_state:sibling", "container_of:cgroup:self"] }\n'
    )
    known = {row["addr"]: row["path"] for row in truth(name)["cgroups"]}
    root = next(int(address, 0) for address, path in known.items() if path == "/")
    with open_core(sample(name), overlays=[overlay]) as kernel:
        children = list(kernel.value("struct cgroup", root).member_("self").children.walk_())
        assert {str(child.type_) for child in children} == {"struct cgroup"}
        paths = {f"/{child.kn.name.string_()}" for child in children}
    assert paths == {path for path in known.values() if path.count("/") == 1 and path != "/"}


def test_a_union_holds_children_of_directories_only(kernel, truth, name):
    """`kernfs_node.dir.children` shares its place with what files and links keep there."""
    root = next(row["addr"] for row in truth(name)["cgroups"] if row["path"] == "/")
    top = kernel.value("struct cgroup", int(root, 0)).kn.deref_()
    directories, files = 0, 0
    for node in below(top):
        if int(node.flags) & 1:
            directories += 1
        else:
            files += 1
            with pytest.raises(CorruptDataError, match="cannot be walked"):
                next(node.dir.children.walk_())
    assert directories == len(truth(name)["cgroups"]) - 1
    assert files > directories


def below(node: Value) -> Iterator[Value]:
    """Yield every node of a kernfs tree below a directory."""
    work = [node]
    while work:
        for child in work.pop().dir.children.walk_():
            yield child
            if int(child.flags) & 1:
                work.append(child)


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_an_idle_task_traces_nobody(opened, name):
    """It has a copy of its maker's list head: neither the library nor a tag makes that a task."""
    kernel = opened(name)
    idle = kernel.per_cpu(kernel["runqueues"], 1).idle.deref_()
    assert int(idle.pid) == 0
    found = list(idle.ptraced.entries_()) if name == "tagged" else []
    assert not any(isinstance(item, Value) for item in found)
    with pytest.raises(CorruptDataError):
        list(idle.ptraced.walk_())


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_the_root_of_a_trie_of_routes_is_no_leaf(opened, name):
    """Nor an inner node: `pos` and `bits` are zero in leaves alone (IS_TRIE, IS_TNODE)."""
    kernel = opened(name)
    trie = kernel["init_net"].ipv4.fib_main.member_("__data")
    root = kernel.value("struct trie", trie.address_).kv[0]
    assert (int(root.pos), int(root.bits)) == (32, 0)
    with pytest.raises(CorruptDataError, match="not met here: library cond:"):
        list(root.leaf.walk_())


def routes(kernel: Kernel) -> dict[str, set[int]]:
    """The prefix lengths of the main table's routes, by destination: fib_table_lookup()."""
    found: dict[str, set[int]] = {}
    work = [kernel["init_net"].ipv4.fib_main.tb_data.kv[0]]
    while work:
        node = work.pop()
        if int(node.pos) or int(node.bits):
            work += node.tnode.walk_()
        else:
            lengths = {32 - int(alias.fa_slen) for alias in node.leaf.walk_()}
            found[str(IPv4Address(int(node.key)))] = lengths
    return found


def test_routes_are_reached_through_the_trie(opened, truth):
    """To each network that an interface is in, to its address and to its broadcast address."""
    found = routes(opened("stock"))
    expected = {}
    for device in truth("stock", "-3")["netdevs"]:
        for text in device["ipv4"]:
            here = IPv4Interface(text)
            expected[str(here.ip)] = {32}
            expected[str(here.network.network_address)] = {here.network.prefixlen}
            expected[str(here.network.broadcast_address)] = {32}
    assert len(expected) == 6
    assert found == expected
    assert routes(opened("stock-7.3")) == expected


def test_an_expression_finds_members_of_every_struct_around(opened):
    """`pos` and `bits` are beside the union with `tnode`, in an element of an array of the root."""
    kernel = opened("stock")
    trie = kernel["init_net"].ipv4.fib_main.tb_data.deref_()
    text = "".join(kernel.dump(trie, "text", Limits(depth=2)))
    assert "has no member" not in text
    # No member of any size is in the struct that the array stands in alone.
    assert ".tnode = (struct key_vector *[1]){ /* 1 set [library] */" in text


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_globals_of_which_only_the_members_are_their_own(opened, name):
    """Every kset holds kobjects: that of buses, those in which a bus is embedded."""
    kernel = opened(name)
    buses = list(kernel["bus_kset"].list.walk_())
    assert {str(bus.type_) for bus in buses} == {"struct subsys_private"}
    assert {"pci", "cpu"} <= {bus.bus.member_("name").string_() for bus in buses}
    plain = kernel.value("struct kset", int(kernel["bus_kset"]))
    assert {str(entry.type_) for entry in plain.list.walk_()} == {"struct kobject"}
    assert list(kernel["cpu_latency_constraints"].list.walk_()) == []


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_what_was_met_in_dumps_without_a_type(opened, name):
    kernel = opened(name)
    counters = list(kernel["percpu_counters"].walk_())
    assert len(counters) > 50
    users = {int(user.uid.val) for user in kernel["uidhash_table"].walk_()}
    assert 0 in users
    works = kernel.per_cpu(kernel["cpu_stopper"], 0).works
    assert list(works.walk_()) == []
    shown = 0
    for block in kernel["super_blocks"].walk_():
        if block.s_type.member_("name").string_() == "tmpfs":
            inode = offset_of(kernel, "struct shmem_inode_info", "vfs_inode")
            address = int(block.s_root.d_inode) - inode
            info = kernel.value("struct shmem_inode_info", address)
            entries = [entry.address_ for entry in info.dir_offsets.mt.walk_()]
            children = {child.address_ for child in block.s_root.d_children.walk_()}
            assert set(entries) <= children
            shown += len(entries)
    assert shown


FILE_SYSTEMS = {"tagged": "next", "stock": "next", "stock-7.3": "list", "s390x": "next"}


@pytest.mark.parametrize("name", FILE_SYSTEMS)
def test_file_systems_are_chained_or_listed(opened, name):
    """Until 7.x a pointer to the first, which points to the next; then an hlist_head."""
    found = opened(name)["file_systems"]
    names = [entry.member_("name").string_() for entry in found.walk_()]
    assert found.expansion_().node == FILE_SYSTEMS[name]
    assert {"sysfs", "tmpfs", "proc"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_mount_namespaces_are_in_a_tree(opened, name):
    """In 7.3 the tree is a member of the variable, and linked by `ns_common`."""
    kernel = opened(name)
    tree = kernel["mnt_ns_tree"]
    found = {
        entry.address_ for entry in (tree.ns_rb if tree.has_member_("ns_rb") else tree).walk_()
    }
    assert {int(task.nsproxy.mnt_ns) for task in kernel.tasks() if task.nsproxy} <= found


def test_namespaces_are_in_a_tree_of_each_kind_and_of_their_owner(opened):
    kernel = opened("stock-7.3")
    kinds = {
        "cgroup": "cgroup_ns",
        "ipc": "ipc_ns",
        "mnt": "mnt_ns",
        "net": "net_ns",
        "uts": "uts_ns",
    }
    owner = kernel.value("struct user_namespace", kernel.symbol("init_user_ns")).ns
    owned = {ns.address_ for ns in owner.ns_owner_root.ns_rb.walk_()}
    for kind, member in kinds.items():
        tree = kernel[f"{kind}_ns_tree"]
        found = {entry.address_: entry for entry in tree.ns_rb.walk_()}
        assert [entry.address_ for entry in tree.ns_list_head.walk_()] == list(found), kind
        used = {int(task.nsproxy.member_(member)) for task in kernel.tasks() if task.nsproxy}
        assert used <= set(found), kind
        assert {found[address].ns.address_ for address in used} <= owned, kind
    initial = kernel.symbol("init_user_ns")
    assert initial in {entry.address_ for entry in kernel["user_ns_tree"].ns_rb.walk_()}
    every = {entry.address_ for entry in kernel["ns_unified_root"].ns_rb.walk_()}
    assert owned <= every


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_pointers_into_processes_are_known_wherever_they_moved(opened, name):
    """`robust_list` and `rseq` are members of structs of their own since."""
    kernel = opened(name)
    task = kernel.task(1)
    moved = name == "stock-7.3"
    futex, rseq = (task.futex, task.rseq.usrptr) if moved else (task, task.rseq)
    for pointer in (futex.robust_list, futex.compat_robust_list, rseq):
        assert pointer.facts_ is not None
        assert pointer.facts_.space == "user"
    assert rseq
    with pytest.raises(FaultError, match="__user pointer"):
        rseq.deref_()
