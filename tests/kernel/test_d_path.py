"""Paths, against what three kernels said of their own files, and on trees with damage."""

from __future__ import annotations

import re

import pytest

from btfdump.errors import CorruptDataError, FaultError
from tests.support.file_tree import FileTree
from tests.support.synthetic import CountingTarget

PSEUDO = {
    "[anon_inodefs]": r"anon_inode:.+",
    "[pipefs]": r"pipe:\[{ino}\]",
    "[sockfs]": r"socket:\[{ino}\]",
    "[tmpfs]": r"/memfd:.+ \(deleted\)",
}
"""What drgn calls files whose names the kernel makes up, and how those look."""


def undeleted(path: str, is_deleted: bool) -> str:
    """Return a path without the mark of a deleted file, which has to be there if it is one."""
    assert path.endswith(" (deleted)") == is_deleted, path
    return path.removesuffix(" (deleted)")


def agrees(file, path: str, told: str, ino: int) -> bool:
    if told in PSEUDO:
        return re.fullmatch(PSEUDO[told].format(ino=ino), path) is not None
    return undeleted(path, int(file.f_inode.i_nlink) == 0) == told


def test_every_open_file_against_dwarf(opened, truth):
    kernel = opened("stock")
    paths, count = kernel.paths(), 0
    for task in truth("stock", "-3")["tasks"]:
        for told in task["files"]:
            file = kernel.value("struct file", int(told["file"], 16))
            assert agrees(file, paths.of(file), told["path"], told["ino"]), told
            count += 1
    assert count == 154


@pytest.mark.parametrize("name", ["tagged", "stock-7.3", "s390x", "garden"])
def test_open_files_of_other_kernels_against_dwarf(opened, truth, name):
    kernel = opened(name)
    paths, count = kernel.paths(), 0
    for task in truth(name)["tasks"]:
        for told in task.get("fds", ()):
            file = kernel.value("struct file", int(told["file"], 16))
            path = paths.of(file)
            if told["path"] is None or told["path"].startswith("["):
                assert re.match(r"(pipe|socket):\[\d+\]|anon_inode:|/memfd:.* \(deleted\)", path)
            else:
                is_deleted = int(file.f_inode.i_nlink) == 0
                assert undeleted(path, is_deleted) == told["path"]
            count += 1
    assert count > 100


def said_by_guest(text: str) -> dict[tuple[int, int], str]:
    """Return (pid, descriptor) -> path, as readlink() of /proc/PID/fd/N gave it."""
    found, pid = {}, 0
    for line in text.splitlines():
        if line.startswith("@@ /proc/"):
            pid = int(line.split()[1].rpartition("/")[2])
        elif match := re.match(r"fd (\d+) -> (.*?) \| ", line):
            found[pid, int(match[1])] = match[2]
    return found


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x"])
def test_open_files_as_the_kernel_itself_spelled_them(opened, console, name):
    """What the guest read from /proc before it died; two files were deleted between."""
    kernel = opened(name)
    paths, same = kernel.paths(), 0
    tasks = {int(task.pid): task for task in kernel.tasks()}
    for (pid, descriptor), said in said_by_guest(console(name, "fds")).items():
        if pid not in tasks or not tasks[pid].files:
            continue
        table = tasks[pid].files.fdt
        if descriptor >= int(table.max_fds) or not table.fd[descriptor]:  # closed since
            continue
        path = paths.of(table.fd[descriptor])
        assert path in (said, f"{said} (deleted)")
        assert path == said or said in ("/tmp/load.err", "/tmp/work.err")
        same += path == said
    assert same > 90


def test_every_mapped_file_against_dwarf(opened, truth):
    kernel = opened("stock")
    count = 0
    for told in truth("stock", "-3")["tasks"]:
        vmas = {vma["start"]: vma for vma in told.get("vmas", ())}
        if not vmas:
            continue
        paths = kernel.paths()
        for vma in kernel.task(told["pid"]).mm.mm_mt.walk_():
            known = vmas.pop(hex(int(vma.vm_start)))
            if not vma.vm_file:
                assert known["path"] is None
                continue
            file = vma.vm_file.deref_()
            assert agrees(file, paths.of(file), known["path"], int(file.f_inode.i_ino))
            count += 1
        assert not vmas
    assert count == 100


@pytest.mark.parametrize("name", ["stock", "tagged", "stock-7.3", "s390x", "garden"])
def test_every_mount_against_dwarf(opened, truth, name):
    kernel = opened(name)
    for told in truth(name)["mounts"]:
        mount = kernel.value("struct mount", int(told["addr"], 16))
        # What kernel threads start in is below the first process's root.
        start = "(unreachable)" if told["fs"] == "nullfs" else ""
        assert mount.path_() == mount.mnt.path_() == start + told["dst"]
        assert mount.mnt.mnt_root.path_() == "/"


@pytest.mark.parametrize("name", ["stock", "tagged", "stock-7.3", "s390x", "garden"])
def test_every_cgroup_against_dwarf(opened, truth, name):
    kernel = opened(name)
    known = truth(name)["cgroups"]
    assert len(known) > 2
    for told in known:
        cgroup = kernel.value("struct cgroup", int(told["addr"], 16))
        assert cgroup.path_() == cgroup.kn.path_() == told["path"]


def test_another_mount_namespace(opened):
    """w_delta has unshared its mounts: its root is none that the first process gets to."""
    kernel = opened("stock")
    (task,) = [task for task in kernel.tasks() if task.comm == "w_delta"]
    assert task.fs.root.path_() == task.fs.pwd.path_() == "(unreachable)/"
    assert kernel.task(1).fs.root.path_() == "/"


def test_each_dentry_is_read_once(opened, monkeypatch):
    kernel = opened("stock")
    files = [
        file.f_path.read_()
        for task in kernel.tasks()
        if task.files
        for file in task.files.fdt.fd.walk_()
    ]
    paths = kernel.paths()
    counting = CountingTarget(kernel.target)
    monkeypatch.setattr(kernel, "target", counting)
    told = [paths.of(path) for path in files]
    sizes = [size for _, size in counting.reads if size == kernel.struct("dentry").size]
    dentries = {address for address, size in counting.reads if size in sizes}
    assert len(sizes) == len(dentries)
    assert len(counting.reads) < 4 * len(files)
    counting.reads.clear()
    assert [paths.of(path) for path in files] == told
    paths.forget()
    assert [paths.of(path) for path in files] == told


# Trees made by hand


@pytest.fixture(params=["little", "big"])
def tree(request) -> FileTree:
    return FileTree(request.param)


def test_names_from_the_root(tree):
    long = "n" * 200
    home = tree.dentry("home", tree.top)
    file = tree.dentry(long, home)
    of_root, of_file = tree.path(tree.top), tree.path(file)
    opened_file = tree.new("file")
    tree.set(opened_file, "file.f_path.dentry", file)
    tree.set(opened_file, "file.f_path.mnt", tree.vfsmount(tree.root))
    kernel = tree.kernel()
    assert kernel.value("struct path", of_root).path_() == "/"
    assert kernel.value("struct path", of_file).path_() == f"/home/{long}"
    assert kernel.value("struct file", opened_file).path_() == f"/home/{long}"
    assert kernel.value("struct dentry", file).path_() == f"/home/{long}"
    assert kernel.value("struct file", opened_file).f_path.dentry.path_() == f"/home/{long}"


def test_mounts_are_crossed(tree):
    point = tree.dentry("mnt", tree.top)
    inner = tree.dentry("/")
    mount = tree.mount(inner, tree.root, point)
    over = tree.mount(tree.dentry("/"), mount, inner)  # mounted over it
    file = tree.dentry("file", tree.dentry("folder", inner))
    bound = tree.mount(file, tree.root, tree.dentry("bound", point))
    asked = [tree.path(file, mount), tree.path(file, bound), tree.path(file)]
    kernel = tree.kernel()
    told = [kernel.value("struct path", one).path_() for one in asked]
    # The last: not below the root of its mount.
    assert told == ["/mnt/folder/file", "/mnt/bound", "(unreachable)/"]
    assert kernel.value("struct mount", mount).path_() == "/mnt"
    assert kernel.value("struct mount", over).path_() == "/mnt"
    assert kernel.value("struct mount", tree.root).path_() == "/"


def test_deleted_files(tree):
    home = tree.dentry("home", tree.top)
    gone = tree.dentry("gone", home, hashed=False)
    asked = tree.path(gone)
    kernel = tree.kernel()
    assert kernel.value("struct path", asked).path_() == "/home/gone (deleted)"
    assert kernel.value("struct dentry", gone).path_() == "/home/gone//deleted"


def test_what_is_not_reached_from_the_root(tree):
    """As getcwd() does: in another namespace, in a mount that is in none, and deleted there."""
    other = tree.dentry("/")
    elsewhere = tree.mount(other, namespace=0x2000)
    detached = tree.mount(other)
    file = tree.dentry("file", other, hashed=False)
    asked = [tree.path(file, elsewhere), tree.path(other, detached)]
    kernel = tree.kernel()
    told = [kernel.value("struct path", one).path_() for one in asked]
    assert told == ["(unreachable)/file (deleted)", "(unreachable)/"]


def test_a_root_below_the_first_one(tree):
    """Where kernel threads have a root of their own, the first process's counts."""
    real = tree.mount(tree.dentry("/"), tree.root, tree.top)
    fs = tree.new("fs_struct")
    tree.set(fs, "fs_struct.root.mnt", tree.vfsmount(real))
    top = tree.dentry("file", tree.dentry("/"))
    tree.set(fs, "fs_struct.root.dentry", top)
    tree.symbols["userspace_init_fs"] = tree.room(8)
    tree.point(tree.symbols["userspace_init_fs"], fs)
    asked = [tree.path(tree.dentry("sub", top), real), tree.path(tree.top)]
    kernel = tree.kernel()
    told = [kernel.value("struct path", one).path_() for one in asked]
    assert told == ["/sub", "(unreachable)/"]


def test_without_a_root_paths_begin_where_their_namespace_does(tree):
    del tree.symbols["init_task"]
    other = tree.dentry("/")
    file = tree.dentry("file", other)
    asked = [
        tree.path(file, tree.mount(other, namespace=0x2000)),
        tree.path(file, tree.mount(other)),
        tree.path(file, tree.mount(other, namespace=(1 << 64) - 22)),  # ERR_PTR(-EINVAL)
    ]
    kernel = tree.kernel()
    told = [kernel.value("struct path", one).path_() for one in asked]
    assert told == ["/file", "(unreachable)/file", "/file"]


def test_files_of_mounts_that_the_kernel_keeps_to_itself(tree):
    """A memfd's path is /memfd:name, as d_path() says, though it is mounted nowhere."""
    top = tree.dentry("/")
    mount = tree.mount(top, namespace=(1 << 64) - 22)  # MNT_NS_INTERNAL
    asked = tree.path(tree.dentry("memfd:cache", top, hashed=False), mount)
    kernel = tree.kernel()
    assert kernel.value("struct path", asked).path_() == "/memfd:cache (deleted)"
    assert kernel.value("struct mount", mount).path_() == "(unreachable)/"


def test_names_are_kept_as_they_are(tree):
    name = b"a\nb\x1b[31m\xff\xc3\xa9"
    file = tree.dentry(name, tree.top)
    text = tree.kernel().value("struct dentry", file).path_()
    assert text == "/a\nb\x1b[31m\udcff\u00e9"
    assert text.encode("utf-8", "surrogateescape") == b"/" + name


@pytest.mark.parametrize("of", ["dentry", "path"])
def test_a_cycle_of_dentries(tree, of):
    first = tree.dentry("a", tree.top)
    second = tree.dentry("b", first)
    tree.set(first, "dentry.d_parent", second)
    asked = tree.path(second)
    kernel = tree.kernel()
    value = kernel.value(f"struct {of}", second if of == "dentry" else asked)
    with pytest.raises(CorruptDataError, match=f"the path leads back to {second:#x}"):
        value.path_()


def test_a_cycle_of_mounts(tree):
    top = tree.dentry("/")
    first = tree.mount(top, tree.root, top)
    second = tree.mount(top, first, top)
    tree.set(first, "mount.mnt_parent", second)
    with pytest.raises(CorruptDataError, match="the path leads back"):
        tree.kernel().value("struct mount", second).path_()


def test_a_path_without_end(tree):
    at = tree.top
    for _ in range(5000):
        at = tree.dentry("d", at)
    asked = tree.path(at)
    kernel = tree.kernel()
    for value in (kernel.value("struct path", asked), kernel.value("struct dentry", at)):
        with pytest.raises(CorruptDataError, match="has not ended after 4096 steps"):
            value.path_()


def test_nodes_of_kernfs(tree):
    check_nodes(tree)


def test_nodes_of_kernfs_since_their_parent_is_under_rcu():
    check_nodes(FileTree(parent="__parent"))


def check_nodes(tree: FileTree) -> None:
    root = tree.node(b"")
    folder = tree.node(b"folder", root)
    inner = tree.node("ü".encode(), folder)
    cgroup, none = tree.new("cgroup", kn=inner), tree.new("cgroup")
    a = tree.node(b"a", root)
    b = tree.node(b"b", a)
    tree.set(a, f"kernfs_node.{tree._parent}", b)
    long = tree.node(b"x" * 256, root)
    kernel = tree.kernel()
    assert kernel.value("struct kernfs_node", root).path_() == "/"
    assert kernel.value("struct kernfs_node", inner).path_() == "/folder/ü"
    assert kernel.value("struct cgroup", cgroup).path_() == "/folder/ü"
    with pytest.raises(FaultError, match="NULL"):
        kernel.value("struct cgroup", none).path_()
    with pytest.raises(CorruptDataError, match="leads back"):
        kernel.value("struct kernfs_node", b).path_()
    with pytest.raises(CorruptDataError, match="more than 255 bytes"):
        kernel.value("struct kernfs_node", long).path_()


def test_what_is_missing(tree):
    lost = tree.dentry("lost", 0x1000)
    asked = [tree.new("path"), tree.new("path", dentry=tree.top), tree.path(lost)]
    kernel = tree.kernel()
    for one, reason in zip(asked, ("no dentry: NULL", "no mount: NULL", "0x1000"), strict=True):
        with pytest.raises(FaultError, match=reason):
            kernel.value("struct path", one).path_()
    with pytest.raises(FaultError, match="dentry is NULL"):
        kernel.value("struct path", asked[0]).dentry.path_()


def test_types_without_a_path(tree):
    inode = tree.new("inode")
    kernel = tree.kernel()
    for value in (kernel.value("struct inode", inode), kernel.value("u64", inode)):
        with pytest.raises(TypeError, match="has no path; expected one of struct path, file, "):
            value.path_()


def test_no_more_is_remembered_than_a_bound(tree, monkeypatch):
    monkeypatch.setattr("btfdump._kernel.dcache.MAX_KNOWN", 2)
    monkeypatch.setattr("btfdump._kernel.d_path.MAX_KNOWN", 2)
    folder = tree.dentry("folder", tree.top)
    files = [tree.dentry(f"{i}", folder) for i in range(9)]
    asked = [tree.path(file) for file in files]
    mounts = [tree.mount(tree.dentry("/"), tree.root, file) for file in files]
    root = tree.node(b"")
    nodes = [tree.node(b"n", root) for _ in range(9)]
    kernel = tree.kernel()
    paths = kernel.paths()
    for _ in range(2):
        told = [paths.of(kernel.value("struct path", one)) for one in asked]
        assert told == [f"/folder/{i}" for i in range(9)]
        assert [paths.of(kernel.value("struct mount", one)) for one in mounts] == told
        assert {paths.of(kernel.value("struct kernfs_node", one)) for one in nodes} == {"/n"}
    assert len(paths._dentries._known) <= 2
    assert len(paths._mounts) <= 2
    assert len(paths._nodes) <= 2
