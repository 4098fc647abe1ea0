"""What tasks wait for: found on their stacks, by lists that are whole."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import without_notes
from btfdump._kernel.value_at import value_at
from btfdump._places.stacks import stack_pointer
from btfdump._roots.task import tasks
from btfdump._system.waiters.every import Waiters
from btfdump._system.waiters.owners import Owner

MUTEX, RWSEM, SEMAPHORE = "rtnl_mutex", "pernet_ops_rwsem", "console_sem"


def name(task):
    return task.comm.value_()


def test_a_mutex_and_all_that_wait_for_it(waited):
    kernel, first, second, owner = waited
    mutex = kernel.symbol_of("mutex", MUTEX)
    kernel.owned("mutex", mutex, owner, 1)
    kernel.waits("mutex", mutex, first, second)
    found, notes = kernel.told()
    for task in (first, second):
        one = found[name(task)]
        assert (one.waiting.kind, one.waiting.address, one.where) == ("mutex", mutex, MUTEX)
        assert one.owner.task == owner.address_
        assert one.chain.tasks == (owner.address_,)
        assert not one.chain.is_circle
    assert not notes


def test_a_semaphore_that_is_written_and_one_that_is_read(waited):
    kernel, first, second, owner = waited
    rwsem = kernel.symbol_of("rw_semaphore", RWSEM)
    count = rwsem + kernel.struct("rw_semaphore").offset("count")
    kernel.owned("rw_semaphore", rwsem, owner, 0)
    kernel.put(count, 1 | 2)
    kernel.waits("rw_semaphore", rwsem, first)
    one = kernel.told()[0][name(first)]
    assert (one.waiting.kind, one.where, one.owner.task) == ("rwsem", RWSEM, owner.address_)
    kernel.put(count, 3 << 8 | 2)
    kernel.owned("rw_semaphore", rwsem, second, 1)
    one = kernel.told()[0][name(first)]
    if "wait_list" in kernel.struct("mutex"):  # later ones are pointed to by the stack
        assert (one.waiting.kinds, one.owner) == (("mutex", "rwsem"), Owner())
    kernel.put((stack_pointer(first) or 0) + 8, kernel.symbol("rwsem_down_read_slowpath") + 16)
    one = kernel.told()[0][name(first)]
    assert (one.owner.task, one.owner.more) == (0, "3 readers")


def test_a_semaphore(waited):
    kernel, first, *_ = waited
    semaphore = kernel.symbol_of("semaphore", SEMAPHORE)
    kernel.waits("semaphore", semaphore, first)
    one = kernel.told()[0][name(first)]
    assert (one.waiting.kind, one.waiting.address, one.where) == (
        *("semaphore", semaphore),
        SEMAPHORE,
    )


def test_what_was_taken_out_of_its_list_counts_no_more(waited):
    kernel, first, *_, owner = waited
    mutex = kernel.symbol_of("mutex", MUTEX)
    kernel.owned("mutex", mutex, owner, 1)
    kernel.waits("mutex", mutex, first)
    known = kernel.struct("mutex")
    head = mutex + known.offset("first_waiter" if "first_waiter" in known else "wait_list")
    kernel.target.write(head, bytes(16 if "wait_list" in known else 8))
    assert name(first) not in kernel.told()[0]


def test_what_lies_below_the_stack_pointer_counts_no_more(waited):
    kernel, first, *_, owner = waited
    mutex = kernel.symbol_of("mutex", MUTEX)
    kernel.owned("mutex", mutex, owner, 1)
    kernel.waits("mutex", mutex, first, at=-256)
    assert name(first) not in kernel.told()[0]


def queue_entry(kernel, task, wake, head, at=64):
    entry = kernel.struct("wait_queue_entry")
    start = kernel.entry(task, "wait_queue_entry", "private", at)
    kernel.put(start + entry.offset("func"), kernel.symbol(wake))
    kernel.link(head, start + entry.offset("entry"))
    return start


def test_a_bit(waited):
    kernel, first, *_ = waited
    known = kernel.struct("wait_bit_queue_entry")
    whole = (stack_pointer(first) or 0) + 64
    kernel.target.write(whole, bytes(known.size))
    head = kernel.symbol("oom_reaper_wait") + kernel.struct("wait_queue_head").offset("head")
    queue_entry(kernel, first, "wake_bit_function", head, 64 + known.offset("wq_entry"))
    word = kernel.symbol("init_task")
    kernel.put(whole + known.offset("key.flags"), word)
    number = value_at(kernel, "struct wait_bit_queue_entry", whole).key.bit_nr
    order = kernel.layouts.byteorder
    kernel.target.write(number.address_, (7).to_bytes(number.size_, order))
    one = kernel.told()[0][name(first)]
    assert (one.waiting.kind, one.waiting.address, one.waiting.more) == ("bit", word, "bit 7")
    assert one.where.startswith("init_task")
    assert one.where.endswith(" bit 7")


def test_a_page(waited):
    kernel, first, *_ = waited
    if not kernel._has_symbol("wake_page_function"):
        pytest.skip("it was inlined")
    known = kernel.struct("wait_page_queue")
    whole = (stack_pointer(first) or 0) + 64
    kernel.target.write(whole, bytes(known.size))
    head = kernel.symbol("oom_reaper_wait") + kernel.struct("wait_queue_head").offset("head")
    queue_entry(kernel, first, "wake_page_function", head, 64 + known.offset("wait"))
    kernel.put(whole + known.offset("folio"), kernel.symbol("init_task"))
    one = kernel.told()[0][name(first)]
    assert (one.waiting.kind, one.waiting.address) == ("page", kernel.symbol("init_task"))
    assert one.waiting.more == "bit 0"


def test_poll_waits_for_many(waited):
    kernel, first, *_ = waited
    table, entry = kernel.struct("poll_wqueues"), kernel.struct("poll_table_entry")
    inner = entry.offset("wait") + kernel.struct("wait_queue_entry").offset("entry")
    stack = int(first.stack) + 16384 - 2048
    kernel.target.write(stack, bytes(table.size))
    kernel.put(stack + table.offset("polling_task"), first.address_)
    number = value_at(kernel, "struct poll_wqueues", stack).inline_index
    kernel.target.write(number.address_, (2).to_bytes(number.size_, kernel.layouts.byteorder))
    heads = [kernel.symbol("oom_reaper_wait"), kernel.symbol("kauditd_wait")]
    for at, head in enumerate(heads):
        start = stack + table.offset("inline_entries") + at * entry.size
        kernel.put(start + entry.offset("wait_address"), head)
        kernel.link(head + kernel.struct("wait_queue_head").offset("head"), start + inner)
    thread = first.thread
    saved = thread.sp if thread.has_member_("sp") else thread.ksp
    kernel.put(saved.address_, stack)
    items = without_notes(Waiters(kernel, lambda: tasks(kernel)).each())
    polled = [w for w in items if w.task.address_ == first.address_]
    assert [(w.waiting.kind, w.where) for w in polled] == [
        ("poll", "oom_reaper_wait"),
        ("poll", "kauditd_wait"),
    ]


@pytest.mark.parametrize("dump", ["tagged", "stock", "stock-7.3", "s390x", "garden"])
def test_what_kernels_wait_for_by_themselves(opened, dump):
    """Kernel threads in their queues, and the parent of vfork() until its child is done."""
    waiters = Waiters(opened(dump), lambda: tasks(opened(dump)))
    found = {w.task.comm.value_(): (w.waiting.kind, w.where) for w in without_notes(waiters.each())}
    assert found["oom_reaper"] == ("wait queue", "oom_reaper_wait")
    assert found["init"][0] == "child"
    assert found["init"][1].endswith("signal_cache.wait_chldexit") or "merged" in found["init"][1]
    assert found["kswapd0"][0] == "wait queue"
    assert [one for one, _ in found.values()].count("completion") == 1
    grace = next(name for name in found if name in ("rcu_preempt", "rcu_sched"))
    assert found[grace] == ("swait queue", "rcu_state.gp_wq")
    assert not [kind for kind, _ in found.values() if " or " in kind or "mutex" in kind]
    assert waiters.others > 40


def test_a_function_of_another_kind_of_lock_does_not_decide(waited):
    """`down_read()` begins as `down()` does, which is that of semaphores."""
    kernel, first, *_, owner = waited
    mutex = kernel.symbol_of("mutex", MUTEX)
    kernel.owned("mutex", mutex, owner, 1)
    kernel.waits("mutex", mutex, first)
    kernel.put((stack_pointer(first) or 0) + 8, kernel.symbol("down_read") + 16)
    assert kernel.told()[0][name(first)].waiting.kind == "mutex"
