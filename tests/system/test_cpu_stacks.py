"""Stacks of interrupts and exceptions."""

from __future__ import annotations

import pytest

from btfdump._system.cpu_stacks import CpuStacks

SIZE = 1 << 14


def known(kernel, cpu):
    """Return (name, start, size) of the stacks of a CPU."""
    stacks = CpuStacks(kernel, SIZE)._stacks
    return [(one.name, one.start, one.end - one.start) for one in stacks if one.cpu == cpu]


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3"])
def test_of_x86(opened, name):
    kernel = opened(name)
    for cpu in (0, 1):
        names = [one for one, _, _ in known(kernel, cpu)]
        assert names == ["IRQ", "DF", "NMI", "DB", "MCE", "VC", "VC2"]
        irq, *others = known(kernel, cpu)
        assert irq[2] == SIZE
        assert kernel.target.read(irq[1] + SIZE - 8, 8)  # it is mapped up to its last word
        assert {size for _, _, size in others} == {8192}
    stacks = CpuStacks(kernel, SIZE)
    name, start, size = known(kernel, 1)[2]
    found = stacks.at(start + size - 8)
    assert found is not None
    assert (found.name, found.cpu) == ("NMI", 1)
    assert stacks.at(start - 8) is None  # a guard page
    assert stacks.at(None) is None
    assert stacks.at(int(kernel.task(1).stack)) is None


def test_of_s390x(opened):
    kernel = opened("s390x")
    for cpu in (0, 1):
        found = known(kernel, cpu)
        assert [name for name, _, _ in found] == ["IRQ", "nodat", "machine check", "restart"]
        assert all(start % SIZE == 0 for _, start, _ in found)


def test_of_machines_that_are_not_known(opened, monkeypatch):
    kernel = opened("tagged")
    platform = kernel.target.platform._replace(machine="riscv64")
    monkeypatch.setattr(kernel.target, "platform", platform)
    assert CpuStacks(kernel, SIZE).at(0xFFFF_8880_0000_0000) is None
