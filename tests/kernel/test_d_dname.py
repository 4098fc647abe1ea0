"""Names that pseudo file systems make up, by function and by file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.errors import MissingDataError
from tests.support.file_tree import FileTree

if TYPE_CHECKING:
    from collections.abc import Callable

FILES: dict[str, tuple[str, str, str]] = {
    "pipefs_dname": ("pipefs", "", "pipe:[4711]"),
    "sockfs_dname": ("sockfs", "", "socket:[4711]"),
    "anon_inodefs_dname": ("anon_inodefs", "[eventfd]", "anon_inode:[eventfd]"),
    "pidfs_dname": ("pidfs", "", "anon_inode:[pidfd]"),
    "ns_dname": ("nsfs", "", "net:[4711]"),
    "dmabuffs_dname": ("dmabuf", "dmabuf", "/dmabuf:camera"),
    "simple_dname": ("tmpfs", "memfd:x", "/memfd:x (deleted)"),
    "failfs_dname": ("failfs", "", "failfs:/"),
}


@pytest.fixture(params=["little", "big"])
def tree(request) -> FileTree:
    return FileTree(request.param)


@pytest.fixture
def pseudo(tree) -> Callable[[str, str, str], int]:
    """Return (function, file system, name) -> address of a dentry that no look-up finds."""
    operations = tree.new("proc_ns_operations", name=tree.string(b"net"))
    namespace = tree.new("ns_common", ops=operations)
    inode = tree.new("inode", i_ino=4711, i_private=namespace)
    buffer = tree.new("dma_buf", name=tree.string(b"camera"))

    def make(function: str, file_system: str, name: str) -> int:
        return tree.dentry(
            name,
            function=function,
            block=tree.file_system(file_system),
            inode=inode,
            fsdata=buffer,
            hashed=False,
        )

    return make


@pytest.mark.parametrize("function", FILES)
@pytest.mark.parametrize("symbol", ["{}", "{}.llvm.123", "?{}"])
def test_what_is_not_looked_up(tree, pseudo, function, symbol):
    """By the function that makes the name; by the file system where that has no symbol."""
    file_system, name, told = FILES[function]
    dentry = pseudo(symbol.format(function), file_system, name)
    internal = tree.mount(tree.dentry("/"), namespace=(1 << 64) - 22)
    asked = tree.path(dentry, internal)
    kernel = tree.kernel()
    assert kernel.value("struct path", asked).path_() == told
    assert kernel.value("struct dentry", dentry).path_() == told


def test_mounted_it_has_a_path_like_any_other(tree, pseudo):
    """A namespace that is kept alive by a bind mount on a file."""
    dentry = pseudo("ns_dname", "nsfs", "")
    point = tree.dentry("netns", tree.top)
    asked = tree.path(dentry, tree.mount(dentry, tree.root, point))
    assert tree.kernel().value("struct path", asked).path_() == "/netns"


def test_what_fails_is_not_hidden_by_its_mount(tree, pseudo):
    dentry = pseudo("failfs_dname", "failfs", "")
    mount = tree.mount(dentry)
    block = tree.file_system("failfs")
    tree.set(mount, "mount.mnt.mnt_sb", block)
    asked = tree.path(dentry, mount)
    assert tree.kernel().value("struct path", asked).path_() == "failfs:/"


def test_operations_without_a_name_of_their_own(tree):
    file = tree.dentry("file", tree.top)
    tree.set(file, "dentry.d_op", tree.new("dentry_operations", d_hash=1))
    asked = tree.path(file)
    assert tree.kernel().value("struct path", asked).path_() == "/file"


def test_a_buffer_without_a_name(tree):
    block = tree.file_system("dmabuf")
    buffer = tree.new("dma_buf")
    dentry = tree.dentry("dmabuf", function="dmabuffs_dname", block=block, fsdata=buffer)
    assert tree.kernel().value("struct dentry", dentry).path_() == "/dmabuf:"


@pytest.mark.parametrize(
    ("function", "said"), [("odd_dname", "odd_dname"), ("?", "the function at 0x")]
)
def test_a_function_that_is_not_known(tree, pseudo, function, said):
    dentry = pseudo(function, "oddfs", "")
    with pytest.raises(MissingDataError, match=f"oddfs is named by {said}.*; see its d_name"):
        tree.kernel().value("struct dentry", dentry).path_()
