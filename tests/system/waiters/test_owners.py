"""Who waits for whom in the end, and circles of such."""

from __future__ import annotations

import pytest

from btfdump._system.waiters.owners import chain_of


@pytest.mark.parametrize(
    ("owners", "tasks", "is_circle"),
    [
        ({}, (), False),
        ({1: 2}, (2,), False),
        ({1: 2, 2: 3}, (2, 3), False),
        ({1: 2, 2: 1}, (2, 1), True),
        ({1: 1}, (1,), True),
        ({1: 2, 2: 3, 3: 2}, (2, 3, 2), True),
    ],
)
def test_chains(owners, tasks, is_circle):
    assert chain_of(1, owners) == (tasks, is_circle)


def test_two_that_wait_for_each_other(waited):
    kernel, first, second, other = waited
    mutex = kernel.symbol_of("mutex", "rtnl_mutex")
    rwsem = kernel.symbol_of("rw_semaphore", "pernet_ops_rwsem")
    kernel.owned("mutex", mutex, second, 1)
    kernel.waits("mutex", mutex, first, other)
    kernel.owned("rw_semaphore", rwsem, first, 0)
    kernel.put(rwsem + kernel.struct("rw_semaphore").offset("count"), 1 | 2)
    kernel.waits("rw_semaphore", rwsem, second)
    found, _ = kernel.told()
    chains = {name: found[name].chain for name in found if found[name].owner.task}
    assert len(chains) == 3
    assert all(chain.is_circle for chain in chains.values())
    assert chains[first.comm.value_()].tasks == (second.address_, first.address_)
    assert chains[other.comm.value_()].tasks == (second.address_, first.address_, second.address_)
