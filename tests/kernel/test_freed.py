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
