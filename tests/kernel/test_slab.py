"""Slab objects: every address of one, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.direct_map import direct_map
from btfdump._kernel.slab import SlabFinder
from btfdump._targets.memory import Platform
from btfdump.errors import SymbolNotFoundError

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


KERNELS = ("tagged", "stock", "stock-7.3", "s390x")


@pytest.fixture(params=KERNELS)
def kernel(opened, request: pytest.FixtureRequest) -> Kernel:
    return opened(request.param)


def test_objects_of_slab_caches(kernel, truth, request):
    """Every task is an object of the cache task_struct, at its very beginning."""
    slabs = kernel._slabs
    for task in list(kernel.tasks())[:40]:
        found = slabs.find(task.address_ + 100)
        assert found is not None
        assert (found.cache.name, found.start) == ("task_struct", task.address_)
    for inode in list(kernel["super_blocks"].walk_())[1].s_inodes.walk_():
        found = slabs.find(inode.address_)
        assert found is not None
        assert "inode" in found.cache.name


def test_what_is_no_slab_object(kernel):
    slabs = kernel._slabs
    init_task = kernel.symbol("init_task")
    for address in (0, 8, init_task, (1 << 64) - 8, kernel.task(1).stack.value_()):
        assert slabs.find(address) is None


def test_what_a_cache_holds_at_least(kernel):
    """kmalloc() takes the smallest of the caches of a kind that fits."""
    slabs = kernel._slabs
    sizes = {}
    for cache in kernel["slab_caches"].walk_():
        slabs.find(cache.address_)
        found = slabs._cache(cache.address_, slabs.direct)
        sizes[found.name] = (slabs.smallest(found), found.object_size)
    assert sizes["kmalloc-192"] == sizes["kmalloc-cg-192"] == (129, 192)
    assert sizes["kmalloc-256"] == (193, 256)
    assert sizes["kmalloc-8"] == (1, 8)
    assert sizes["task_struct"][0] == sizes["task_struct"][1]


def test_a_page_that_names_no_cache(patched, poke):
    """Other pages have other things where a slab names its cache."""
    task = patched.task(1)
    assert patched._slabs.find(task.address_) is not None
    cache = patched.value("struct kmem_cache *", patched.symbol("kmem_cache"))
    poke(cache, int(cache) + 256)
    assert SlabFinder(patched).find(task.address_) is None


def test_without_the_symbols_that_are_not_exported(kernel, monkeypatch):
    """Kernels before 6.0 tell a dump only of what modules may use: not of `kmem_cache`."""
    known = {cache.address_ for cache in kernel["slab_caches"].walk_()}
    whole, symbol = SlabFinder(kernel), kernel.own_symbol

    def exported(name: str) -> int:
        if name in ("kmem_cache", "slab_caches"):
            raise SymbolNotFoundError(name)
        return symbol(name)

    monkeypatch.setattr(kernel, "own_symbol", exported)
    slabs = SlabFinder(kernel)
    for address in (kernel.task(1).address_, *known):
        found = slabs.find(address)
        assert found is not None
        assert found == whole.find(address)
    assert slabs.find(kernel.task(1).stack.value_()) is None
    named = {cache.address for cache in slabs._kmalloc_caches()}
    assert named == {cache.address for cache in whole._kmalloc_caches()} <= known


def test_no_cache_of_caches(kernel, monkeypatch):
    """Nothing is a slab object where it cannot be told what a cache is."""

    def none(name: str) -> int:
        raise SymbolNotFoundError(name)

    slabs = SlabFinder(kernel)
    assert slabs.direct is not None
    monkeypatch.setattr(kernel, "own_symbol", none)
    assert slabs.find(kernel.task(1).address_) is None


def test_descriptions(kernel):
    task = kernel.task(1).address_
    assert kernel.slab_object(task) == "slab task_struct"
    assert kernel.slab_object(task + 8) == f"slab task_struct, object {task:#x}+0x8"
    assert kernel.slab_object(kernel.symbol("init_task")) is None


def test_no_direct_map_where_the_machine_is_not_known(opened, monkeypatch):
    """Nothing is guessed: without the translation there is no inference."""
    kernel = opened("tagged")
    platform = Platform("little", 8, "riscv64")
    monkeypatch.setattr(kernel.target, "platform", platform)
    assert direct_map(kernel) is None
    assert SlabFinder(kernel).find(kernel.task(1).address_) is None
