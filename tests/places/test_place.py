"""What lies at an address, of every kind, in words that users know."""

from __future__ import annotations

from typing import TypeVar

import pytest

from btfdump._kernel.direct_map import direct_map, image_map
from btfdump._places.place import PAGE, PER_CPU, SLAB, STACK, UNKNOWN, VARIABLE, Places

T = TypeVar("T")


def known(found: T | None) -> T:
    assert found is not None
    return found


@pytest.fixture(params=["tagged", "stock", "stock-7.3", "s390x"])
def kernel(opened, request: pytest.FixtureRequest):
    return opened(request.param)


@pytest.fixture
def places(kernel) -> Places:
    return Places(kernel, kernel.tasks)


def test_slab_objects(kernel, places):
    task = kernel.task(1)
    place = places.of(task.parent.address_)
    assert (place.kind, place.start, place.path) == (SLAB, task.address_, "parent")
    assert place.told == "slab task_struct, at .parent"
    assert place.value.comm.string_() == task.comm.string_()
    assert (place.stale, place.is_sure) == ("", True)
    assert places.of(task.thread_pid.numbers[0].address_).path == "numbers[0].nr"


def test_files_are_known_by_the_library(kernel, places):
    files = next(task.files for task in kernel.tasks() if task.files)
    file = next(iter(files.fdt.fd.walk_()))
    assert places.of(file.f_inode.address_).path == "f_inode"


def test_a_freed_object_says_so(opened):
    kernel = opened("stock")
    address = 0xFF1E74D445774200  # "readlink", pid 980
    place = Places(kernel, kernel.tasks).of(address)
    assert (place.holder, place.stale) == ("slab task_struct", "freed")


def test_variables_by_either_address(kernel, places):
    namespace = kernel["init_pid_ns"]
    image = known(image_map(kernel, known(direct_map(kernel))))
    for address in (
        namespace.child_reaper.address_,
        image.to_direct(namespace.child_reaper.address_),
    ):
        place = places.of(address)
        assert (place.kind, place.told) == (VARIABLE, "init_pid_ns, at .child_reaper")
        assert place.address == namespace.child_reaper.address_


def test_per_cpu_variables(kernel, places):
    variable = kernel.symbol("runqueues")
    for cpu, offset in enumerate(kernel.target.per_cpu_offsets):
        runqueue = kernel.value("struct rq", kernel.wrap(variable + offset))
        place = places.of(runqueue.curr.address_)
        assert (place.kind, place.holder) == (PER_CPU, f"runqueues[{cpu}]")
        assert place.path in ("curr", "donor")  # one word since 6.12


def test_stacks_by_either_address(kernel, places):
    task = kernel.task(1)
    top = int(task.stack) + 3 * 4096
    (page,) = [page for page, virtual in places.areas._virtual.items() if virtual == top]
    for address in (top + 16, page + 16):
        place = places.of(address)
        assert (place.kind, place.address, place.path) == (STACK, top + 16, "+0x3010")
        assert place.value.address_ == task.address_


def test_pages_and_nothing(kernel, places):
    direct = places.direct
    start, number = direct.base, 0
    for number in range(1, 4000):
        start = direct.base + number * direct.page_size
        place = places.of(start + 24)
        if place.kind == PAGE:
            break
    assert (place.start, place.path) == (start, "+0x18")
    assert place.value.address_ == direct.pages + number * kernel.type("struct page").size
    assert places.of(1 << 62).kind == UNKNOWN
    assert places.problems == []
