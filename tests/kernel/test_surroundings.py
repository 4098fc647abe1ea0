"""What meanings need of a kernel, on real ones and on small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.surroundings import KernelSurroundings
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


@pytest.mark.parametrize(
    ("name", "hz"), [("tagged", 250), ("stock", 250), ("stock-7.3", 250), ("s390x", 250)]
)
def test_real_kernels(opened: Callable[[str], Kernel], name: str, hz: int) -> None:
    kernel = opened(name)
    around = KernelSurroundings(kernel)
    assert around.hz() == hz
    assert around.page_size == 4096
    assert around.cpus > 0
    assert around.byteorder == ("big" if name == "s390x" else "little")
    now = around.jiffies()
    assert now is not None
    # It starts five minutes before it wraps at 32 bits (include/linux/jiffies.h: INITIAL_JIFFIES).
    assert 0 < now - ((1 << 32) - 300 * hz) < 3600 * hz
    assert around.task(kernel.own_symbol("init_task")) == '"swapper/0" pid 0'
    (task,) = (one for one in kernel.tasks() if int(one.pid) == 1)
    assert around.task(task.address_) == '"init" pid 1'
    assert around.task(task.address_ + 8) == ""  # inside of one
    assert around.task(8) == ""
    assert around.state_letters("task_state_array") == "RSDTtXZPI"
    assert around.state_letters("no_such_array") == ""


def test_the_kernels_own_names_of_flags(opened: Callable[[str], Kernel]) -> None:
    around = KernelSurroundings(opened("stock"))
    names = around.flag_names("vmaflag_names")
    assert names[1] == "read"
    assert names[0x100] == "growsdown"
    assert around.flag_names("init_task") == {}
    assert around.flag_names("nothing") == {}


def test_a_kernel_that_has_nothing() -> None:
    around = KernelSurroundings(World().kernel())
    assert around.hz() is None
    assert around.jiffies() is None
    assert around.flag_names("vmaflag_names") == {}
    assert around.task(0xFFFF888000000000) == ""
