"""The direct map: where it is, what the image is in it, and the pages beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.direct_map import DirectMap, direct_map, head_page, image_map
from btfdump._targets.memory import Platform
from btfdump.errors import CorruptDataError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

KERNELS = ("tagged", "stock", "stock-7.3", "s390x")


@pytest.fixture(params=KERNELS)
def kernel(opened, request: pytest.FixtureRequest) -> Kernel:
    return opened(request.param)


def test_the_image_is_twice_in_memory(kernel):
    """What is at an address of the image is at another one of the direct map, byte for byte."""
    direct = direct_map(kernel)
    assert direct is not None
    image = image_map(kernel, direct)
    assert image is not None
    for name in ("init_task", "init_pid_ns", "init_net"):
        address = kernel.symbol(name)
        twin = image.to_direct(address)
        assert twin is not None
        assert image.to_image(twin) == address
        assert kernel.target.read(twin, 64) == kernel.target.read(address, 64)
    assert image.to_image(image.direct - 8) is None
    assert image.to_direct(image.end) is None


def test_pages_and_addresses(kernel):
    direct = direct_map(kernel)
    assert direct is not None
    task = kernel.task(1).address_
    number = direct.page_number(task)
    assert number is not None
    assert direct.address_of(number) == task & -direct.page_size
    assert direct.page_number(direct.end) is None


def test_arm64_says_where_it_is_in_vmcoreinfo():
    """The figures are those of a guest of Linux 6.12 with 52 bits of virtual addresses."""
    kernel = World().kernel()
    target: Any = kernel.target
    target.platform = Platform("little", 8, "aarch64")
    info = {
        "NUMBER(VA_BITS)": "52",
        "NUMBER(VMEMMAP_START)": "0xffffc1ffc0000000",
        "NUMBER(PHYS_OFFSET)": "0x40000000",
        "PAGESIZE": "4096",
    }
    target.vmcoreinfo = info
    base = 0xFFF0_0000_0000_0000
    assert direct_map(kernel) == DirectMap(
        base, 0xFFFF_8000_0000_0000, 0xFFFF_C1FF_C000_0000, 1 << 30
    )
    info["PAGESIZE"] = "65536"
    found = direct_map(kernel)
    assert found is not None
    assert found.page_size == 1 << 16
    del info["NUMBER(VMEMMAP_START)"]  # before 5.19
    assert direct_map(kernel) is None


PAGES = 0xFFFF_EA00_0000_0000


@pytest.mark.parametrize(
    ("member", "byteorder"), [("compound_head", "big"), ("compound_info", "little")]
)
def test_the_head_of_a_compound_page(member, byteorder):
    """A tail has a pointer to it, or in newer kernels a mask for its own address."""
    world = World(byteorder)
    world.struct(
        "page", [("flags", "unsigned long"), (member, "unsigned long"), ("rest", "u64[6]")]
    )
    page = world.kernel().struct("page")
    assert page.size == 64

    def head(number: int, info: int) -> int:
        data = bytes(8) + world.pack(info) + bytes(48)
        return (head_page(page, PAGES + number * 64, data, PAGES) - PAGES) // 64

    assert head(5, 0) == 5
    assert head(5, 0xFFFF_EA00_1234_5678) == 5  # what else lies there of a page that is no tail
    assert head(5, (PAGES + 4 * 64) | 1) == 4
    assert head(7, (PAGES + 1 * 64) | 1) == 1
    mask = (1 << 64) - (8 * 64) | 1  # of a page of order 3
    if member == "compound_info":
        assert [head(number, mask) for number in (9, 12, 15, 17)] == [8, 8, 8, 16]
    else:
        with pytest.raises(CorruptDataError, match="tail of no page"):
            head(9, mask)
    for wrong in (0x1235, (PAGES + 9 * 64) | 1, (PAGES + 100) | 1):
        with pytest.raises(CorruptDataError, match="tail of no page"):
            head(9, wrong)
