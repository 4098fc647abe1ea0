"""Offsets lead to the member that is there, and what is no member's says so."""

from __future__ import annotations

import pytest

from btfdump._places.member_at import member_at, named_type


@pytest.fixture
def found(opened):
    kernel = opened("stock")

    def at(struct: str, offset: int) -> str:
        return member_at(kernel.layouts, kernel.layouts.of(kernel.type(struct)), offset).text

    return at


def test_every_member_of_a_struct_leads_back_to_its_offset(opened, found):
    kernel = opened("stock")
    task = kernel.value("struct task_struct", 0)
    for path in ("tasks.next", "comm", "pid_links[2].pprev", "se.run_node.rb_left", "mm"):
        value = task
        for step in path.replace("[", ".[").split("."):
            value = value[int(step[1:-1])] if step.startswith("[") else value[step]
        said = "pid_links[2].pprev" if "pprev" in path else path
        assert found("struct task_struct", value.address_) == said


def test_inside_a_member_and_outside_of_all(opened, found):
    kernel = opened("stock")
    task = kernel.value("struct task_struct", 0)
    assert found("struct task_struct", task.comm.address_ + 3) == "comm+0x3"
    assert found("struct task_struct", task.pid.address_ + 1) == "pid+0x1"
    size = kernel.type("struct task_struct").size
    assert found("struct task_struct", size + 8) == f"+{size + 8:#x}"


def test_of_a_union_a_pointer_goes_first(opened, found):
    kernel = opened("stock")
    page = kernel.value("struct page", 0)
    assert found("struct page", page.mapping.address_) == "mapping"


def test_names_of_types(opened):
    kernel = opened("stock")
    assert named_type(kernel.layouts.of(kernel.type("struct list_head"))) == "struct list_head"
    assert named_type(kernel.layouts.of(kernel.type("pid_t"))) == "pid_t"
