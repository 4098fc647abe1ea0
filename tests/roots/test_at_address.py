"""A bare address: what lies there is told, and shown by its type."""

from __future__ import annotations

import pytest

from btfdump._roots.words import jobs
from btfdump.errors import ObjectNotFoundError


def selected(kernel, text):
    (job,) = jobs(kernel, [text])
    (found,) = job()
    return found


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_the_object_around_an_address(opened, name):
    kernel = opened(name)
    task = kernel.task(1)
    address = task.parent.address_
    for text in (hex(address), f"0x{address:X}", f"{address:016x}"):
        found = selected(kernel, text)
        assert found.value.address_ == task.address_
        assert found.name == f"{text} (slab task_struct, at .parent)"
        assert found.doubt == ""
    assert selected(kernel, f"{address:#x}.comm").value.string_() == task.comm.string_()
    assert selected(kernel, f"{address:#x}->parent.pid").value.value_() == int(task.parent.pid)


def test_what_is_not_sure_is_doubted(opened):
    kernel = opened("stock")
    assert selected(kernel, "0xff1e74d445774b90").doubt.endswith("counts no more: freed")
    assert "merged slab caches" in selected(kernel, "0xff1e74d444239aa0").doubt


def test_what_has_no_type_is_words(opened):
    kernel = opened("stock")
    found = selected(kernel, "0xff1e74d4441e2f98")
    assert found.name == "0xff1e74d4441e2f98 (kmalloc-cg-192 0xff1e74d4441e2f00, at +0x98)"
    assert (found.value.address_, len(found.value)) == (0xFF1E74D4441E2F00, 24)


def test_where_nothing_lies(opened):
    with pytest.raises(ObjectNotFoundError, match="0x1234: no kernel memory is known"):
        selected(opened("stock"), "0x1234")
