"""What an annotation can say beside `NAME:NODE`, on the kernels' own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import open_core
from btfdump._kernel.value import Value
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
    """In 7.3 the tree is the first member of the variable, and linked by `ns_common`."""
    kernel = opened(name)
    found = {entry.address_ for entry in kernel["mnt_ns_tree"].walk_()}
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
        found = {entry.address_: entry for entry in kernel[f"{kind}_ns_tree"].walk_()}
        used = {int(task.nsproxy.member_(member)) for task in kernel.tasks() if task.nsproxy}
        assert used <= set(found), kind
        assert {found[address].ns.address_ for address in used} <= owned, kind
    initial = kernel.symbol("init_user_ns")
    assert initial in {entry.address_ for entry in kernel["user_ns_tree"].walk_()}


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
