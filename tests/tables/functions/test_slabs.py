"""Columns of slab caches, against what can be counted object by object."""

from __future__ import annotations

import pytest

from btfdump._tables.functions import FUNCTIONS
from btfdump._tables.functions.slabs import totals


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_what_partial_slabs_have_free_is_not_used(opened, name):
    kernel = opened(name)
    function = FUNCTIONS.get("used")
    assert function is not None
    used = function.make(kernel)
    partial = 0
    for cache in kernel["slab_caches"].walk_():
        found = totals(cache)
        assert 0 <= used(cache) <= found.objects
        assert found.slabs <= found.objects
        partial += used(cache) < found.objects
    assert partial


def test_most_caches_are_as_the_guest_printed_them(opened, console):
    """What /proc/slabinfo said moments before; some caches have moved on since."""
    lines = [line.split() for line in console("stock", "slabinfo").splitlines()[2:]]
    printed = {line[0]: line for line in lines if len(line) > 14}
    kernel = opened("stock")
    used, same, seen = FUNCTIONS.get("used"), 0, 0
    assert used is not None
    for cache in kernel["slab_caches"].walk_():
        line = printed.get(cache.name.string_())
        if line is None:
            continue
        seen += 1
        found = totals(cache)
        numbers = [int(line[1]), int(line[2]), int(line[14])]
        same += [used.make(kernel)(cache), found.objects, found.slabs] == numbers
    assert seen > 100
    assert same > seen * 0.8
