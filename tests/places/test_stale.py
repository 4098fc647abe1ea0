"""Pointers that annotations call stale, or the owner of a lock that nobody holds."""

from __future__ import annotations

from btfdump._places.stale import stale_member


def test_what_outlives_its_target(opened):
    task = opened("stock").task(1)
    assert stale_member(task, "last_wakee") == "may outlive it"
    assert stale_member(task, "parent") == ""
    assert stale_member(task, "no_member") == ""


def test_the_last_reader_of_a_semaphore(patched, poke):
    found = next(iter(next(iter(patched["super_blocks"].walk_())).s_inodes.walk_()))
    inode = patched.value("struct inode", found.address_)
    task = patched.task(1).address_
    poke(inode.i_rwsem.owner.counter, task | 1)  # RWSEM_READER_OWNED
    inode = patched.value("struct inode", found.address_)
    assert stale_member(inode, "i_rwsem.owner.counter") == "of its last owner"
    poke(inode.i_rwsem.owner.counter, task)
    inode = patched.value("struct inode", found.address_)
    assert stale_member(inode, "i_rwsem.owner.counter") == ""
