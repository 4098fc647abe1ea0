"""What became of an object: by its own slab, and by what has taken its place."""

from __future__ import annotations

import pytest

from btfdump._kernel.freed import freed
from btfdump._kernel.value_at import value_at


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_objects_of_real_kernels(opened, name):
    kernel = opened(name)
    tasks = list(kernel.tasks())
    assert not any(map(freed, [*tasks, kernel["init_task"]]))
    credentials = value_at(kernel, "struct task_struct", int(tasks[0].cred))
    slab = kernel._slabs.find(credentials.address_)  # merged with others, it has their name
    assert freed(credentials) == f"freed: slab {slab.cache.name} has its place now"
    stack = value_at(kernel, "struct task_struct", int(tasks[0].stack))
    assert freed(stack) == "perhaps freed: it is in no slab that is known"


def test_what_follows_a_struct_in_its_slab_object_is_not_taken_for_freed(opened):
    """Since 6.16 the registers of a task are behind its task_struct: no type tells of them."""
    kernel = opened("stock-7.3")
    size = kernel.type("struct task_struct").size
    registers = [value_at(kernel, "struct fpu", task.address_ + size) for task in kernel.tasks()]
    assert not any(map(freed, registers))
    within = value_at(kernel, "struct fpu", registers[0].address_ - 64)
    assert freed(within) == "freed: slab task_struct has its place now"
