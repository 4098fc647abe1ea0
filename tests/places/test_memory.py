"""All memory of a dump, and what is missing of it."""

from __future__ import annotations

import pytest

from btfdump._places.memory import PhysicalMemory
from btfdump.errors import CorruptDataError, FaultError
from tests.support.direct import direct_of


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_every_page_is_either_read_or_missing(opened, name):
    kernel = opened(name)
    direct = direct_of(kernel)
    memory = PhysicalMemory(kernel, direct)
    read = 0
    for piece in memory.pieces():
        read += len(piece.data) // direct.page_size
        assert kernel.target.read(piece.address, 16) == piece.data[:16]
    assert read + memory.missing == memory.pages
    assert read > 1000
    missing = 0
    for resource in resources(kernel):
        start = -(-int(resource.start) // 4096) * 4096
        for at in range(start, (int(resource.end) + 1) // 4096 * 4096, 4096):
            try:
                kernel.target.read(direct.base + at, 4096)
            except FaultError:
                missing += 1
    assert missing == memory.missing


def resources(kernel):
    resource = kernel.value("struct resource", kernel.symbol("iomem_resource")).child
    while resource:
        if resource.member_("name").string_() == "System RAM":
            yield resource
        resource = resource.sibling


def test_resources_that_lead_in_a_circle(patched, poke):
    root = patched.value("struct resource", patched.symbol("iomem_resource"))
    first = root.child.deref_()
    poke(first.sibling, first.address_)
    with pytest.raises(CorruptDataError, match="more than 16384 children"):
        for _ in PhysicalMemory(patched, direct_of(patched)).ranges():
            pass


def test_a_kernel_that_names_no_memory(patched, poke):
    root = patched.value("struct resource", patched.symbol("iomem_resource"))
    poke(root.child, 0)
    with pytest.raises(CorruptDataError, match="no 'System RAM'"):
        list(PhysicalMemory(patched, direct_of(patched)).pieces())
