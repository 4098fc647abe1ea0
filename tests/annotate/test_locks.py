"""Lock annotations against prototypes: what fits, and why the rest does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.grammar import Contains, Lock, parse
from btfdump._annotate.locks import LockFact, check_lock
from btfdump._btf import BtfBuilder
from btfdump._btf.types import Func, Type

if TYPE_CHECKING:
    from btfdump._annotate.locks import FindGlobal


def made(*tags: str) -> Func:
    """`int f(struct inode *inode, spinlock_t *ptl, long n)`, with locks of every kind in inode."""
    b = BtfBuilder()
    long_ = b.int_("long int", 8)
    spinlock = b.typedef("spinlock_t", b.struct("spinlock", 4, []))
    raw = b.typedef("raw_spinlock_t", b.struct("raw_spinlock", 4, []))
    rwlock = b.typedef("rwlock_t", b.struct("", 8, []))
    mutex, rwsem = b.struct("mutex", 32, []), b.struct("rw_semaphore", 40, [])
    inner = b.struct("", 4, [("nested", spinlock, 0)])
    queue = b.struct("queue", 8, [("lock", raw, 0)])
    unknown = b.fwd("unknown")
    inode = b.struct(
        "inode",
        200,
        [
            ("i_lock", spinlock, 0),
            ("i_mutex", mutex, 64),
            ("i_rwsem", rwsem, 320),
            ("i_rw", rwlock, 640),
            ("i_ino", long_, 704),
            ("", inner, 768),
            ("queue", queue, 832),
            ("far", b.ptr(queue), 896),
            ("hidden", b.ptr(unknown), 960),
        ],
    )
    params = [("inode", b.ptr(b.const(inode))), ("ptl", b.ptr(spinlock)), ("n", long_)]
    b.func("f", b.func_proto(long_, params))
    return next(t for t in b.parse("made").iter_types() if isinstance(t, Func))


def check(text: str, component: int = -1, find: FindGlobal | None = None) -> LockFact:
    lock = parse(text)
    assert isinstance(lock, Lock)
    return check_lock(lock, made(), component, find)


@pytest.mark.parametrize(
    ("text", "lock", "type_"),
    [
        ("spin_lock:&param1->i_lock", "i_lock of parameter 1, inode", "spinlock_t"),
        ("spin_lock: & param1 -> i_lock ", "i_lock of parameter 1, inode", "spinlock_t"),
        ("spin_lock:&inode->i_lock", "i_lock of parameter 1, inode", "spinlock_t"),
        ("spin_lock_irqsave:&param1->i_lock", "i_lock of parameter 1, inode", "spinlock_t"),
        ("spin_lock:&param1->nested", "nested of parameter 1, inode", "spinlock_t"),
        ("spin_lock:param2", "parameter 2, ptl", "spinlock_t"),
        ("mutex_lock:&param1->i_mutex", "i_mutex of parameter 1, inode", "struct mutex"),
        ("down_read:&param1->i_rwsem", "i_rwsem of parameter 1, inode", "struct rw_semaphore"),
        ("write_lock_bh:&param1->i_rw", "i_rw of parameter 1, inode", "rwlock_t"),
        ("raw_spin_lock:&param1->queue.lock", "queue.lock of parameter 1, inode", "raw_spinlock_t"),
        ("raw_spin_lock:&param1->far->lock", "far->lock of parameter 1, inode", "raw_spinlock_t"),
        ("locked:&param1->i_mutex", "i_mutex of parameter 1, inode", "struct mutex"),
    ],
)  # fmt: skip
def test_fits(text: str, lock: str, type_: str) -> None:
    fact = check(text)
    assert (fact.lock, fact.type, fact.problem) == (lock, type_, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spin_lock:&param0->i_lock", "param0: f() has 3 parameters, counted from 1"),
        ("spin_lock:&param4->i_lock", "param4: f() has 3 parameters, counted from 1"),
        ("spin_lock:&param1->no_lock", "struct inode has no member no_lock"),
        ("spin_lock:&param1->i_mutex", "which spin_lock() does not take"),
        ("spin_lock:&param1->queue.lock", "raw_spinlock_t, which spin_lock() does not take"),
        ("mutex_lock:&param1->i_lock", "which mutex_lock() does not take"),
        ("spin_lock:&param1->i_ino", "long int, not a lock"),
        ("spin_lock:&param1.i_lock", "write ->i_lock"),
        ("raw_spin_lock:&param1->queue->lock", "write .lock"),
        ("spin_lock:&param3->lock", "parameter 3, n is long int, which has no members"),
        ("spin_lock:&param3.lock", "has no members"),
        ("spin_lock:&param2", "is a pointer already (spinlock_t *): no & before it"),
        ("spin_lock:param3", "long int, not a lock"),
        ("spin_lock:&param1->hidden->lock", "whose members this BTF does not have"),
        ("spin_lock:", "names no lock"),
        ("spin_lock:&param1->", "is no expression such as"),
        ("spin_lock:a + b", "is no expression such as"),
    ],
)
def test_does_not_fit(text: str, problem: str) -> None:
    fact = check(text)
    assert problem in fact.problem
    assert fact.problem in str(fact)
    assert fact.type == ""


def test_on_a_parameter() -> None:
    """`struct inode *inode __locked(i_lock)`: a member of what the parameter points to."""
    assert check("locked:i_lock", 0).lock == "i_lock of parameter 1, inode"
    assert (
        check("locked:i_gone", 0).problem == "parameter 1, inode: struct inode has no member i_gone"
    )
    assert "not a lock" in check("locked:i_ino", 0).problem


def test_globals() -> None:
    func = made()
    spinlock = next(t for t in func.btf.iter_types() if t.name == "spinlock_t")
    known: dict[str, tuple[int, Type | None]] = {
        "the_lock": (0x1000, spinlock),
        "cgroup_mutex": (0x2000, None),
    }
    find = known.get
    assert check("spin_lock:the_lock", find=find) == LockFact(
        "spin_lock", "the_lock, a global at 0x1000", "spinlock_t"
    )
    assert check("spin_lock:&the_lock", find=find).problem == ""
    assert "which mutex_lock() does not take" in check("mutex_lock:the_lock", find=find).problem
    unknown = check("mutex_lock: cgroup_mutex", find=find)
    assert unknown.lock == "cgroup_mutex, a global at 0x2000 whose type BTF does not tell"
    assert (unknown.type, unknown.problem) == ("", "")
    assert check("mutex_lock:gone", find=find).problem == "the kernel has no symbol 'gone'"
    assert "no kernel is open" in check("mutex_lock:cgroup_mutex").lock


def test_rcu() -> None:
    assert parse("rcu_read_lock") == Lock("rcu_read_lock", "")
    assert str(check("rcu_read_lock")) == "rcu_read_lock"
    assert str(check("rcu_read_lock_bh:")) == "rcu_read_lock_bh"
    assert parse("spin_lock") == Contains("spin_lock")  # a struct of that name, for all we know
