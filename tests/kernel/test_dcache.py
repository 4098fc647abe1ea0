"""Dentries: their names, inside and outside, and what is no name."""

from __future__ import annotations

import pytest

from btfdump._kernel.dcache import Dentries
from btfdump.errors import CorruptDataError, FaultError
from tests.support.file_tree import FileTree
from tests.support.synthetic import CountingTarget


@pytest.fixture(params=["little", "big"])
def tree(request) -> FileTree:
    return FileTree(request.param)


def test_a_short_name_is_read_with_its_dentry(tree, monkeypatch):
    short, long = tree.dentry("short", tree.top), tree.dentry("l" * 255, tree.top)
    kernel = tree.kernel()
    counting = CountingTarget(kernel.target)
    monkeypatch.setattr(kernel, "target", counting)
    dentries = Dentries(kernel)
    assert dentries.name(dentries.read(short)) == b"short"
    assert len(counting.reads) == 1
    for _ in range(2):
        assert dentries.name(dentries.read(long)) == b"l" * 255
    assert len(counting.reads) == 3


def test_flags(tree):
    folder = tree.dentry("folder", tree.top)
    gone = tree.dentry("gone", folder, hashed=False)
    pseudo = tree.dentry("pseudo", hashed=False)
    dentries = Dentries(tree.kernel())
    told = [dentries.read(one) for one in (tree.top, folder, gone, pseudo)]
    assert [one.is_root for one in told] == [True, False, False, True]
    assert [one.is_unlinked for one in told] == [False, False, True, False]


def test_what_is_no_name(tree):
    nul, far, lost = (tree.dentry(name, tree.top) for name in (b"a\0b", "far", "lost"))
    tree.set(far, "dentry.d_name.len", 256)
    tree.set(lost, "dentry.d_name.name", 0x1000)
    empty = tree.dentry("", tree.top)
    dentries = Dentries(tree.kernel())
    with pytest.raises(CorruptDataError, match="has a NUL in it"):
        dentries.name(dentries.read(nul))
    with pytest.raises(CorruptDataError, match="a name of 256 bytes; expected at most 255"):
        dentries.name(dentries.read(far))
    with pytest.raises(FaultError, match="0x1000"):
        dentries.name(dentries.read(lost))
    assert dentries.name(dentries.read(empty)) == b""
    with pytest.raises(FaultError, match="NULL"):
        dentries.read(0)
    with pytest.raises(FaultError, match="i_ino is asked of NULL"):
        dentries.number("inode", "i_ino", 0)
