"""vmalloc areas: their pages in the direct map have the same bytes."""

from __future__ import annotations

import pytest

from btfdump._places.vmalloc import VmallocAreas
from tests.support.direct import direct_of


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_stacks_have_two_addresses(opened, name):
    kernel = opened(name)
    areas = VmallocAreas(kernel, direct_of(kernel))
    assert areas.problem == ""
    stacks = {int(task.stack) for task in kernel.tasks() if task.stack}  # a zombie has none
    pages = {virtual: page for page, virtual in areas._virtual.items()}
    seen = 0
    for stack in stacks:
        area = areas.area(stack + 100)
        assert area is not None
        assert area.start == stack
        top = stack + 3 * 4096  # the page that is in use
        assert areas.virtual(pages[top] + 8) == top + 8
        assert kernel.target.read(pages[top], 64) == kernel.target.read(top, 64)
        seen += 1
    assert seen > 50
    assert areas.area(kernel.task(1).address_) is None
    assert areas.virtual(kernel.task(1).address_) is None


def test_a_list_that_breaks_off(patched, poke):
    nodes = patched.value("struct vmap_node *", patched.symbol("vmap_nodes"))
    poke(nodes[0].busy.head.next, 0x10)
    assert "vmalloc areas: " in VmallocAreas(patched, direct_of(patched)).problem


def test_an_absurd_number_of_pages(patched, poke):
    task = patched.task(1)
    poke(task.stack_vm_area.nr_pages, 1 << 31)
    areas = VmallocAreas(patched, direct_of(patched))
    assert areas.area(int(task.stack)) is not None
    assert int(task.stack) not in areas._virtual.values()
