"""The slabs of caches among all pages."""

from __future__ import annotations

import pytest

from btfdump._kernel.slab import SlabFinder
from btfdump._places.slab_pages import SlabPages
from btfdump._tables.functions.slabs import totals
from btfdump._targets.buffer import PatchedTarget
from btfdump.errors import FaultError
from tests.support.patched import PatchedKernel


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_caches_have_the_slabs_that_they_count(opened, name):
    kernel = opened(name)
    pages = SlabPages(SlabFinder(kernel))
    seen = 0
    for cache in list(kernel["slab_caches"].walk_())[::8]:
        found = list(pages.of(cache.address_))
        counted = totals(cache)
        assert len(found) == counted.slabs
        assert sum(slab.objects for slab in found) == counted.objects
        seen += len(found)
    assert seen > 50
    assert not pages.missing


def test_pages_that_cannot_be_read_are_counted(opened, monkeypatch):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    finder = SlabFinder(kernel)
    assert finder.direct is not None
    hole = finder.direct.pages + 5000 * 64
    read = PatchedTarget.read

    def lossy(self, address, size):
        if address < hole + 4096 and hole < address + size:
            raise FaultError(hole, 4096, "not in the dump")
        return read(self, address, size)

    monkeypatch.setattr(PatchedTarget, "read", lossy)
    pages = SlabPages(finder)
    cache = next(c for c in plain["slab_caches"].walk_() if c.member_("name").string_() == "dentry")
    assert 0 < len(list(pages.of(cache.address_))) <= totals(cache).slabs
    assert pages.missing == 64
